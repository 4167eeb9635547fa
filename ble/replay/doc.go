// Package replay is a radio that plays a recorded capture, and the writer that
// records one.
//
// # Capture
//
// A capture is a text file of JSON lines, one advert a line, at most 1,024 bytes
// each; empty lines are ignored:
//
//	{"t":250,"address":"5A:01:C2:33:44:55","rssi":-58,"adv":"0201060303aafe0d16aafe30ee..."}
//
//	t        milliseconds since the capture began; never less than the line before
//	address  of the sender at that moment
//	rssi     received strength in dBm, left out when it is not known
//	adv      advertising payload in hexadecimal, at most 255 bytes
//
// Other keys may be added and are ignored. The recorder writes only the service
// and manufacturer data, which is what radios deliver, so a payload may be
// shorter than it was on the air.
//
// # Guarantees
//
// Open reads the whole capture once and refuses a bad one with the number of the
// bad line, so that Scan fails only if the file changes. Scan delivers each
// advert at its time, and no adverts after the last one. Memory does not grow
// with the length of a capture.
package replay
