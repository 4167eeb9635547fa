// Package replay is a radio that plays a recorded capture, and the writer that
// records one.
//
// # Capture
//
// A capture is a text file of JSON lines, one advert a line; empty lines are
// ignored:
//
//	{"t":250,"address":"5A:01:C2:33:44:55","rssi":-58,"adv":"0201060303aafe0d16aafe30ee..."}
//
//	t        milliseconds since the capture began
//	address  of the sender at that moment
//	rssi     received strength in dBm, left out when it is not known
//	adv      advertising payload in hexadecimal, at most 1,650 bytes
//
// Other keys may be added and are ignored. The recorder writes only the service
// and manufacturer data, which is what radios deliver, so a payload may be
// shorter than it was on the air.
//
// # Captures from elsewhere
//
// Captures that were made by hand or by a sniffer, on a machine that lost power
// or across the join of two files are played as well. What is odd about one line
// never keeps another from being played:
//
//   - t may have a fraction, may be Unix time in seconds, milliseconds,
//     microseconds or nanoseconds, and may stand in any order: each advert is
//     played at its time, the earliest first. Times are either all relative or all
//     Unix times, whichever more lines have; lines of the other kind are skipped.
//     Unix times, and relative ones after more than an hour of silence, count from
//     the first advert. Fewer than ten adverts, and than a third of all, that come
//     more than an hour before the others are strays of a clock that was wrong: they
//     are skipped.
//   - An rssi of 127, or one that no radio reports, is none.
//   - An address that cannot be read is unknown, as zeros.
//   - Of adv, what is sound counts: the bytes before one that is not hexadecimal,
//     and of these the structures that ble.ParsePayload can read.
//   - Every other line is skipped, also one of more than 65,536 bytes. Where a line
//     break is missing, the objects of one line are lines of their own.
//
// Two captures with relative times in one file are played at the same time. Report
// counts what was skipped or damaged, and names the first lines.
//
// # Guarantees
//
// Open reads the whole capture and refuses one of which nothing can be played,
// with the reason, so that Scan fails only if the file changes. Scan delivers each
// advert at its time, and no adverts after the last one. Memory does not grow
// with the length of a capture: adverts that stand more than 65,536 lines away
// from where their time belongs are played late.
package replay
