// Package ble turns bytes in the air into candidates at a counter: adverts,
// the frames inside them, and the tracker. It is pure: no radio, no clock, no
// goroutine. The radios are its adapters: bluez (real), air (processes that
// share a folder) and replay (recorded captures).
//
// # Flow
//
//	payload --ParsePayload--> sections --ParseFrame--> frame --Tracker--> pay.Nearby, Row
//	                                                         --Sightings--> Sighting
//
// A radio delivers an Advert: when, from which address, how strong, and the
// service and manufacturer data it carried. ParseFrame names the beacon formats
// in it. Only frames with a rotating code can ever pay, so only those reach the
// Tracker; static ones are recognised in order to be listed by Sightings, which
// knows no candidate. Rows and sightings carry a Trail for whoever walks about
// with a beacon and watches; nothing is decided by it.
// ADVERT.md describes what a device of ours broadcasts.
//
// # Strength
//
// Devices transmit at different powers and say so. The tracker works on
// strength normalised to a device of -59 dBm at 1 m, with the stated power
// clamped, so that stating an absurd one gains little. Strength chooses whom to
// ask; it never pays. Package crowd measures how often it chooses wrongly.
//
// # Guarantees
//
// Nothing here panics on foreign input or allocates on a stranger's word.
// Memory is bounded by pay.CandidatesMax and pay.SightingsMax. An advert whose
// code or identity is already known costs no allocation. Nothing that can pay is
// keyed by address, because the address changes with the code. When the tracker
// is in doubt about who is first, it names nobody; when it is in doubt whether a
// new code continues an old one, it says that a new device came.
package ble
