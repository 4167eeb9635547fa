package ble

import "time"

// Health describes how well a radio receives. A radio reports it whenever Deaf
// or Why changes, and about once a second while it scans.
type Health struct {
	// Deaf reports whether the radio hears nothing at all, although it should.
	Deaf bool
	// SecondDeaf reports whether the second ear of a box with two hears nothing at
	// all. Deaf is that of the first.
	SecondDeaf bool
	// Rate is how many adverts of any kind the radio heard a second, over the
	// last seconds.
	Rate float64
	// Why is one sentence about what is wrong and what is being done about it. It
	// is empty when nothing is wrong. It may be set without Deaf if the radio
	// receives only part of the adverts.
	Why string
	// Lost counts the adverts since the start that reached this process and were
	// dropped because more came than it could take.
	Lost uint64
	// Lag is how long recent adverts waited between BlueZ and this process.
	Lag time.Duration
}

// Adapter is the state of one radio of this machine.
type Adapter struct {
	Name    string  // such as "hci0"
	Address Address // the public address, which is never broadcast
	// Powered reports whether the adapter is switched on, Blocked whether rfkill
	// keeps it off.
	Powered, Blocked bool
	// Discoverable reports whether the adapter would send its public address with
	// every advertisement. Nothing is advertised then.
	Discoverable bool
	// Discovering reports whether a discovery runs, by any program.
	Discovering bool
	// Monitors reports whether BlueZ offers advertisement monitors on the
	// adapter. Without them it reports a steady beacon about once in ten seconds.
	Monitors bool
	// SlotsFree and SlotsUsed count the advertisements that the adapter can still
	// take and those that it has.
	SlotsFree, SlotsUsed int
}
