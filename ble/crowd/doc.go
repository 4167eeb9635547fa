// Package crowd plays a shop floor to a tracker, from a seed: people with devices
// who walk up to a till, wait behind one another, pass by or stand at the next
// till. It measures how often a rule that selects the device to charge is right,
// wrong or abstains, how often a wrong choice would be paid without a person, and
// how soon a rule decides. What the box hears is either simulated, or composed of
// recordings of real phones. It does not replace measurements in a shop: it
// compares rules and shows their limits.
//
// # Simulated
//
// A device is heard by the box with, in dB,
//
//	true power at 1 m - 10 n log10(distance) - carried - crowding + turned + place + scatter
//
// and a Channel says how each of these is distributed. Below -95 dBm nothing is
// heard, one advert in ten is lost, one in a hundred has an unknown strength, and
// strengths are whole dB.
//
// Measured is what recordings of phones show: distance matters little (n is 1.45),
// where exactly and how somebody stands matters much and does not change while
// they stand, and each of the three advertising channels has a level of its own,
// so that to listen longer helps little. A test holds it to the recordings. Kind
// is what textbooks assume, under which the same scene looks 1.5 to 12 times as good.
//
// Options may add a second ear at a Spot of the shop. What belongs to the phone, its
// power and the pocket, is common to both ears; place, turn and scatter are not. A
// Plate makes the first ear hear some persons weaker.
//
// # Composed
//
// Traces takes Recordings, and composes worlds of two to four of them: each person
// is heard as a recorded phone was, thinned to the pace of a device, through
// rotations of codes, while walking up, and while turning. Brackets of rates draw
// the sets of recordings anew, because people and phones differ more than worlds
// that are made of the same ones.
//
// The recordings are no part of the project. Nobody in them is nearer than 0.6 m,
// nobody stands between the two phones, and the receiver is a phone that is
// carried, not a box. FitOf measures recordings; Simulate makes recordings of the
// same stays from a channel, so both can be compared by one measurement.
//
// With Visits, a composed device states its power as it was learned at so many
// certain payments, each heard through the measured channel.
//
// # Devices
//
// A device broadcasts each 100 ms, 250 ms or 1.28 s, each time with up to 10 ms
// of delay, and changes code and address together each 64 s, up to 2 s late.
//
// # Use
//
// New makes a World of a Scene. Next returns its adverts in the order of time,
// for any ble.Tracker. Owner returns the person who really sent a code. Measure
// runs many worlds with several rules at once, so that all rules get the same
// adverts.
//
// # Guarantees
//
// The same seed makes the same adverts, byte for byte, on one kind of machine.
// Nothing reads a clock or waits.
package crowd
