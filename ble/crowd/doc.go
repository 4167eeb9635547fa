// Package crowd is a shop floor from a seed: people with devices who walk up to
// a till, wait behind one another, pass by or stand at the till beside it, and
// the radio between them and the box. It exists to measure how often a rule for
// choosing whom to charge is right, wrong or silent, and how soon. It is no
// substitute for a real floor: it says how rules compare and what they cannot do.
//
// # Model
//
// A device is heard by the box with, in dB,
//
//	true power at 1 m - 20 log10(distance) - carried - crowding + shadow + fading
//
// True power is what the device states plus N(0, 3) of spread from one device to
// the next; one device in eight states a power that is off by another N(0, 6).
// Carried is what hand (N(1, 1.5)) or pocket and hip (N(10, 3)) take; crowding is
// N(4, 2) while somebody stands between; neither is ever a gain. Shadow is a slow
// change of 2.5 dB with a memory of 5 s standing and 1 s walking. Fading is
// Rician, K = 6 dB from a hand and 0 dB (nearly Rayleigh) from a pocket or
// through people, separate for each of the three advertising channels, of which
// each advert is heard on one; it has a memory of 0.5 s standing and 0.06 s
// walking, because a wave is 12 cm long. Below -95 dBm nothing is heard, one
// advert in ten is lost, one in a hundred comes with the strength unknown, and
// strengths are whole dB.
//
// A device broadcasts each 100 ms, 250 ms or 1.28 s, each time up to 10 ms later,
// and changes code and address together each 64 s, up to 2 s late.
//
// # Use
//
// New makes a World of a Scene; Next yields its adverts in the order of time, for
// any ble.Tracker; Owner says who really sent a code. Measure runs many worlds
// past several rules at once, so that they are compared in the same air.
//
// # Guarantees
//
// The same seed makes the same adverts, byte for byte, on one kind of machine.
// Nothing reads a clock or waits.
package crowd
