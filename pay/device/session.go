package device

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Session is one wallet's session with the device, over one connection on which
// that wallet has proven its key in TLS. Its methods are for one goroutine.
type Session struct {
	device      *Device
	wallet      pay.PublicKey
	exporter    []byte
	verifiedPIN pay.PIN // the PIN that was proven on this connection, or zero
	// heir is the wallet to which the statements shown so far lead; zero before
	// the first.
	heir pay.NodeID
}

// Meet begins a session with the wallet that proved its key in TLS, on the
// connection with the given exporter.
func (d *Device) Meet(wallet pay.PublicKey, exporter []byte) *Session {
	return &Session{device: d, wallet: wallet, exporter: exporter}
}

// Prove checks the wallet's proof of the PIN and returns the device's own proof.
// It returns a *pay.Error with CodeBound if the device is bound to another
// wallet, CodeConflict if it is bound to this one and the binding was confirmed,
// and CodePIN if the proof is wrong; then one try is used up, and the caller must
// send nothing to the peer. It also returns the error of Options.Random if a new
// PIN was due and could not be made.
func (s *Session) Prove(proof [32]byte) (own [32]byte, err error) {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	var ok bool
	switch {
	case d.state.Binding == nil:
		ok, own, err = s.checkShownPIN(proof)
		if err != nil {
			return own, err
		}
	case !d.state.boundTo(s.wallet):
		return own, errBound()
	case d.state.Spent == pay.PIN{}:
		return own, pay.NewCase(pay.CodeConflict, "device_paired", "the device is already bound to this wallet")
	default:
		if own, ok = checkProof(d.state.Spent, s.exporter, d.key.Public(), s.wallet, proof); ok {
			s.verifiedPIN = d.state.Spent
		}
	}
	if !ok {
		return [32]byte{}, errPIN()
	}
	return own, nil
}

// checkShownPIN checks a proof of the PIN that an unpaired device shows. A proof
// that arrives after the PIN has expired uses up no try of the new PIN, because
// the wallet could not know of it.
func (s *Session) checkShownPIN(proof [32]byte) (ok bool, own [32]byte, err error) {
	d, now := s.device, s.device.now()
	d.pairing, own, ok = d.pairing.Prove(now, s.exporter, d.key.Public(), s.wallet, proof)
	if ok {
		s.verifiedPIN = d.pairing.pin
		return true, own, nil
	}
	return false, own, d.refreshPIN(now)
}

// Bind binds the device durably to the wallet and returns the raw Bind fact,
// signed now. Either the PIN must have been proven in this session and still be
// valid, or the device is already bound to this wallet; then Bind returns a fresh
// fact. It returns a *pay.Error with CodePIN if neither holds, CodeBound if the
// device is bound to another wallet, and CodeUsage if a field is invalid. Any
// other error means that the state could not be stored, and then the device does
// not count as bound, or that the fact could not be signed.
func (s *Session) Bind(registry pay.NodeID, resolver pay.BeaconKey, kind pay.DeviceType) ([]byte, error) {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	want := Binding{Registry: registry, Resolver: resolver, Wallet: s.wallet, Type: kind}
	next := d.state
	next.Binding = &want
	switch bound := d.state.Binding; {
	case bound != nil && bound.Wallet != s.wallet:
		return nil, errBound()
	case bound == nil && (s.verifiedPIN == pay.PIN{} || s.verifiedPIN != d.pairing.pin || !d.pairing.Open(d.now())):
		return nil, errPIN()
	case bound == nil:
		next.Spent = s.verifiedPIN
	}
	if err := next.Check(); err != nil {
		return nil, pay.WrapCase(err, pay.CodeUsage, "versions_differ", "bind the device")
	}
	if d.state.Binding == nil || *d.state.Binding != want {
		if err := d.keep(next); err != nil {
			return nil, fmt.Errorf("bind: %w", err)
		}
		d.pairing = Pairing{}
		d.emit(Event{Kind: EventPaired, Wallet: s.wallet.ID()})
		d.wakeRun()
	}
	return d.signBind()
}

// Confirm records durably that the wallet has the bind, so that the spent PIN
// becomes invalid. It returns a *pay.Error with CodeBound if the device is not
// bound to this wallet, or the error of Options.Keep.
func (s *Session) Confirm() error {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	if !d.state.boundTo(s.wallet) {
		return errBound()
	}
	if d.state.Spent == (pay.PIN{}) {
		return nil
	}
	next := d.state
	next.Spent, next.Former = pay.PIN{}, nil // the wallet has the bind, and with it those
	if err := d.keep(next); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return nil
}

// signBind signs a Bind fact of the binding with the present counter. It returns
// the error of pay.Sign.
func (d *Device) signBind() ([]byte, error) {
	b := d.state.Binding
	reading, _, _ := d.reading()
	f, err := pay.Sign(d.key, pay.Bind{
		Registry: b.Registry, Resolver: b.Resolver, Wallet: b.Wallet.ID(), Device: d.key.Public(), Beacon: d.state.BeaconKey(),
		Exponent: d.state.Exponent, Counter: reading.Counter(), Type: b.Type,
		Former: pay.NewFormer(d.state.Former),
	})
	if err != nil {
		return nil, err
	}
	return f.Raw(), nil
}
