// Package sim is a forecourt of pumps that exist in memory and in a folder alone. Hands
// lift a nozzle, fill and hang it up; all else a pump does by itself.
//
// # What it remembers
//
// What a pump is in the middle of is a file of its own, durable before anybody hears of
// it. So the pumps outlive the box: where it dies while fuel runs, the pump goes on as a
// real one would, and the box that comes back hears what became of that.
//
// # What can go wrong
//
// By the key "fault" of a pump in its file, or by SetFault:
//
//	offline          nobody reaches the pump
//	hangs_up_early   the nozzle is hung up when half of what was wanted is given
//	meter_jumps      the register jumps by 500 litres while it gives
//	loses_power      it is without power for a while when half is given; what it tells of
//	                 that afterwards is in doubt
//
// # Guarantees
//
// A pump gives to nobody for whom it was not released, and never more than it may, but
// for what a meter that jumps says. A number of a transaction is used once. What waits to
// be told takes memory that does not grow with what was given.
package sim
