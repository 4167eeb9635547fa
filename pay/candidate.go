package pay

// RSSI is a received signal strength in dBm. 127 means "not known" on the air
// and never enters a Sighting.
type RSSI int8

// Lane names the place a box watches, such as "till-1".
type Lane string

// Candidate is a device that a box believes to be near: a beacon with a
// rotating code, heard on a lane long and strongly enough.
type Candidate struct {
	Handle Handle
	Code   Code // the code heard last; it resolves at the moment Heard
	Heard  Time // when Code was last heard, by the box's clock
	RSSI   RSSI // filtered, normalised to a beacon of -59 dBm at 1 m
	Since  Time // when it came near
	Lane   Lane
	Near   bool // passed --near for --dwell and has not left
	Tapped bool // was held to the box just now
	// Excess is how much stronger it is than somebody at this counter; the zero value
	// where the box cannot say.
	Excess Excess
}

// Called is a candidate under words that are not those it is shown under now.
type Called struct {
	Handle    Handle
	Candidate Candidate
}

// Nearby is all that a box hears at one moment.
type Nearby struct {
	Candidates []Candidate // those tapped first, then strongest first
	// Others are further words for somebody on the air: those of a code before, shown
	// within HandleMemory, and those of a code that is too new to be listed.
	Others []Called
	// Gone are words that were shown within HandleMemory for somebody who is not on
	// the air any more. Their Candidate holds the code alone, from which the words
	// were made.
	Gone     []Called
	Clear    Handle   // the one that a charge for the nearest selects, or ""
	Evidence Evidence // how Clear was found, EvidenceTap or EvidenceClear; "" without one
	// Certain reports whether Clear is so strong and so far ahead that a payer's own
	// rule may answer without asking a person.
	Certain bool
	Deaf    bool // the radio has stopped hearing anything
}
