// Package device is the role of the beacon, which a payer carries and which
// broadcasts a code that changes with time. It holds two keys, a counter and at
// most one binding to a wallet. It has no money and cannot pay.
//
// # Flow
//
//	State  --Resume-->  Clock  --TurnAt-->  Turn{code, until}  -->  Broadcaster
//	  ^                                                                (the air)
//	  |  Keep, before each new code and each new binding
//	Device  <--  Session{Prove, Bind, Confirm, Authenticate}, Release   (the link)
//
// State, Clock, Resume, TurnAt and Pairing are pure: time and randomness are
// arguments. Device is the thin shell around them that the link's connections
// and Run share.
//
// # Counter
//
// The counter runs by how long the machine has run, so setting the wall clock has
// no effect while the process runs. It is stored together with the wall time before
// each new code goes on the air, and a restart adds the wall time that has passed
// since; where the machine says that it is still the same boot, what the boot has
// lasted since, sleep included, whatever the wall clock shows. If the wall time is
// not plausible (the clock went back, or is more than a year ahead), the counter
// resumes one step after the stored one. In all cases it never returns to a step before the last one broadcast, so an old code is
// never sent again. A device whose counter fell behind or ran ahead is out of
// step at the registry until it is bound again; it never becomes insecure.
//
// The first counter is drawn from eight years of seconds, so that it does not
// reveal when the device was made. This leaves 127 years of the 32 bits.
//
// # Pairing
//
// An unpaired device broadcasts nothing and shows a PIN of 60 bits. A PIN binds
// once. It ends after pay.PairingTTL or pay.PairingTries wrong proofs, over any
// number of connections; then the device shows a new one. The wallet proves the
// PIN first; after a wrong proof the device sends nothing. A bound device accepts
// only its own wallet, identified by the key that the wallet proves in TLS, until
// that wallet releases it.
//
// A binding takes effect once it is durable. The connection may end at that
// moment, with the device bound and the wallet without its bind. The device
// therefore keeps the spent PIN until the wallet confirms: the same wallet key
// may prove it again, verifies with it that this is the right device, and gets a
// fresh bind. For any other key the spent PIN is invalid.
//
// # Forgetting
//
// A device whose wallet is gone is made anew by whoever holds it: Forget returns
// a state with fresh keys that is bound to nobody. The old identity signs that it
// has ceased to be. The bind of the next pairing carries that to the registry,
// which ends the old mapping and tells its owner.
//
// # Authentication
//
// The device gives authentication codes only to the wallet that it is bound to.
// A code is its signature over the registry's challenge, the payment, the
// merchant and the amount. It fills in the registry and the wallet itself. It
// gives at most pay.AuthCodesPerMinute, so that its owner is warned before a
// stolen phone near the device has obtained many, and stores none of them: the
// registry checks that a code is used once.
package device
