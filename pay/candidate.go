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
}

// Nearby is all that a box hears at one moment.
type Nearby struct {
	Candidates []Candidate // strongest first
	Clear      Handle      // the one ahead of all others by the margin, or ""
	Deaf       bool        // the radio has stopped hearing anything
}
