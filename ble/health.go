package ble

import "time"

// Health is what a radio says of its own hearing. A radio tells it whenever
// Deaf or Why changes, and about once a second while it hears.
type Health struct {
	// Deaf says that the radio hears nothing at all, although it should.
	Deaf bool
	// Rate is how many adverts of any kind were heard a second, lately.
	Rate float64
	// Why says in one sentence what is wrong and what is done about it. It is
	// empty when all is well, and may be set without Deaf where the radio only
	// hears badly.
	Why string
	// Lost counts the adverts since the start that reached this process and had
	// to be dropped, because more came than it could take.
	Lost uint64
	// Lag is how long adverts lately waited between BlueZ and this process.
	Lag time.Duration
}

// Adapter is what is known of one radio of this machine.
type Adapter struct {
	Name    string  // such as "hci0"
	Address Address // its public one, which is never broadcast
	// Powered says that it is switched on, Blocked that rfkill keeps it off.
	Powered, Blocked bool
	// Discoverable says that its public address goes out with whatever it
	// advertises, so that nothing may be.
	Discoverable bool
	// Discovering says that somebody listens with it.
	Discovering bool
	// Monitors says that BlueZ offers advertisement monitors on it, without
	// which a steady beacon is heard about once in ten seconds.
	Monitors bool
	// SlotsFree and SlotsUsed count the advertisements it can still take and has.
	SlotsFree, SlotsUsed int
}
