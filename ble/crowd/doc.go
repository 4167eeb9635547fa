// Package crowd simulates a shop floor from a seed: people with devices who walk
// up to a till, wait behind one another, pass by or stand at the next till, and
// the radio channel between them and the box. It measures how often a rule that
// selects the device to charge is right, wrong or abstains, and how soon it
// decides. It does not replace measurements on a real floor: it compares rules
// and shows their limits.
//
// # Model
//
// A device is heard by the box with, in dB,
//
//	true power at 1 m - 20 log10(distance) - carried - crowding + shadow + fading
//
// N(m, s) is a normal distribution with mean m and deviation s. True power is the
// stated power plus N(0, 3), the spread of devices; for one device in eight
// another N(0, 6) is added, because it states a false power. Carried is the loss
// in a hand, N(1, 1.5), or in a pocket and at the hip, N(10, 3). Crowding is the
// loss through people in between, N(4, 2). Neither loss is negative. Shadow is a
// slow change with a deviation of 2.5 dB and a time constant of 5 s standing and
// 1 s walking. Fading is Rician, with K = 6 dB from a hand and 0 dB (nearly
// Rayleigh) from a pocket or through people. It is separate for each of the three
// advertising channels, of which each advert is heard on one. Its time constant
// is 0.5 s standing and 0.06 s walking, because the wavelength is 12 cm. Below
// -95 dBm nothing is heard, one advert in ten is lost, one in a hundred has an
// unknown strength, and strengths are whole dB.
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
