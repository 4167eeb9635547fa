// Package ble turns received advertisements into candidates at a counter:
// adverts, the frames inside them, and the tracker. It is pure: no radio, no
// clock, no goroutine. The radios are its adapters: bluez (real), air (processes
// that share a folder) and replay (recorded captures).
//
// # Flow
//
//	payload --ParsePayload--> sections --ParseFrame--> frame --Tracker--> pay.Nearby, Row
//	                                                         --Sightings--> Sighting
//
// A radio delivers an Advert: when it was heard, from which address, how strong,
// and the service and manufacturer data in it. ParseFrame recognises the beacon
// formats. Only a frame with a rotating code can belong to a payment, so only
// those reach the Tracker. Static frames are listed by Sightings, which has no
// candidates. Rows and sightings carry a Trail, the recent strengths, for a
// person who walks about with a beacon and watches; no decision uses it.
// ADVERT.md describes what a device of ours broadcasts.
//
// # Strength
//
// Devices transmit at different powers, and each states its own in the frame.
// The tracker works on strength normalised to a device of -59 dBm at 1 m. It
// clamps the stated power, so that a device gains little by stating a false one.
// Strength selects the wallet to ask; it never pays. Nobody is selected below a
// level that only somebody at the box reaches, or without a lead: the till asks.
// A box may have a second ear: half of what that one hears of a device is taken off
// when devices are compared, because it shows what belongs to the device and not to
// its place. Package crowd measures how often the wrong one is selected all the same.
//
// # Guarantees
//
// Nothing here panics on foreign input or allocates by a length that foreign
// input states. Memory is bounded by pay.CandidatesMax and pay.SightingsMax. An
// advert whose code or identity is already known costs no allocation. No
// candidate is keyed by address, because the address changes with the code. If
// no candidate leads clearly, the tracker names none. If a new code may continue
// more than one older track, or none for certain, it counts as a new device.
package ble
