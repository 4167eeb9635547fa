// Package device is the role of beacon: the thing that a payer carries and that
// broadcasts a code which changes with time. It holds two keys, a counter and
// at most one binding to a wallet; it knows no amounts and can pay nothing.
//
// # Flow
//
//	State  --Resume-->  Clock  --TurnAt-->  Turn{code, until}  -->  Broadcaster
//	  ^                                                                (the air)
//	  |  Keep, before each new code and each new binding
//	Device  <--  Session{Prove, Bind, Confirm, Authenticate}, Release   (the link)
//
// State, Clock, Resume, TurnAt and Pairing are pure: time and randomness come
// in as arguments. Device is the thin shell around them that the link's
// connections and Run share.
//
// # Counter
//
// The counter runs on the monotonic clock while the process runs, so a wrong
// wall clock has no effect then. It is stored together with the wall time
// before each new code goes on the air, and a restart resumes it by the wall
// time that passed. Without a believable clock (it went back, or more than a
// year ahead) it resumes one step after the stored one. Either way it never
// returns to a step before the last one broadcast, so an old code is never sent
// again. A device that was asleep or misled is out of step at the registry
// until it is bound anew; it never becomes insecure.
//
// The first counter is drawn from eight years' worth of seconds, so that it
// does not tell when the device was made, and leaves 127 years of the 32 bits.
//
// # Pairing
//
// An unpaired device is silent on the air and shows a PIN of 60 bits. A PIN
// binds once, lives pay.PairingTTL and survives pay.PairingTries - 1 wrong
// proofs, however many connections they come over; then a new one is shown. The
// wallet proves the PIN first; a device that saw a wrong proof says nothing at
// all. A bound device talks to its own wallet only, known by the key that the
// wallet proves in TLS, until that wallet releases it.
//
// A binding takes effect once it is durable and not before. The connection may
// die at that very moment, with the device bound and the wallet without its
// bind. Until the wallet confirms, the device therefore also keeps the spent
// PIN: the same wallet key may prove it again, sees that this is the right
// device, and gets a fresh bind. To anybody else the PIN is worth nothing any
// more.
//
// # Authentication
//
// To the wallet that it is bound to, and to nobody else, the device gives
// authentication codes: its signature over the registry's challenge, the
// payment, the merchant and the amount. It fills in the registry and the wallet
// itself. It gives at most pay.AuthCodesPerMinute, so that a stolen phone in
// reach of the device is heard of before it has gone far, and keeps nothing of
// them: whether a code was used is for the registry to know.
package device
