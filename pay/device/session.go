package device

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Session is one wallet's conversation with the device, over one connection on
// which that wallet has proven its key. Its methods are for one goroutine.
type Session struct {
	device   *Device
	wallet   pay.PublicKey
	exporter []byte
	proven   pay.PIN // the PIN proven on this connection, or zero
}

// Meet begins a conversation with the holder of the key wallet, who proved it
// in TLS on the connection with the given exporter.
func (d *Device) Meet(wallet pay.PublicKey, exporter []byte) *Session {
	return &Session{device: d, wallet: wallet, exporter: exporter}
}

// Prove checks the wallet's proof of the PIN and returns the device's own. Its
// errors are *pay.Error: CodeBound when the device belongs to another wallet,
// CodeConflict when it belongs to this one, which confirmed it, and CodePIN when
// the proof is wrong; then a try is gone and the peer must be told nothing.
func (s *Session) Prove(proof [32]byte) (own [32]byte, err error) {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	var ok bool
	switch {
	case d.state.Binding == nil:
		ok, own, err = s.proveShown(proof)
		if err != nil {
			return own, err
		}
	case !d.state.boundTo(s.wallet):
		return own, errBound()
	case d.state.Spent == pay.PIN{}:
		return own, pay.NewError(pay.CodeConflict, "the device is already bound to this wallet", "to pair it anew, release it first")
	default:
		if own, ok = checkProof(d.state.Spent, s.exporter, d.key.Public(), s.wallet, proof); ok {
			s.proven = d.state.Spent
		}
	}
	if !ok {
		return [32]byte{}, errPIN()
	}
	return own, nil
}

// proveShown tries a proof against the PIN that an unpaired device shows. A
// proof that comes after the PIN's end costs the new one no try: its wallet
// could not know.
func (s *Session) proveShown(proof [32]byte) (ok bool, own [32]byte, err error) {
	d, now := s.device, s.device.now()
	d.pairing, own, ok = d.pairing.Prove(now, s.exporter, d.key.Public(), s.wallet, proof)
	if ok {
		s.proven = d.pairing.pin
		return true, own, nil
	}
	return false, own, d.refresh(now)
}

// Bind binds the device to the wallet, durably, and returns the raw Bind fact,
// signed at this moment. It needs the PIN proven in this session and still
// good, or the device already bound to this wallet; then it answers again with
// a fresh one. Errors: CodePIN, CodeBound, CodeUsage when a field is no good,
// anything else when the state could not be kept and nothing was bound.
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
	case bound == nil && (s.proven == pay.PIN{} || s.proven != d.pairing.pin || !d.pairing.Open(d.now())):
		return nil, errPIN()
	case bound == nil:
		next.Spent = s.proven
	}
	if err := next.Check(); err != nil {
		return nil, pay.Wrap(err, pay.CodeUsage, "bind the device", "use the same version of paybeacon on both sides")
	}
	if d.state.Binding == nil || *d.state.Binding != want {
		if err := d.keep(next); err != nil {
			return nil, fmt.Errorf("bind: %w", err)
		}
		d.pairing = Pairing{}
		d.tell(Event{Kind: EventPaired, Wallet: s.wallet.ID()})
		d.poke()
	}
	return d.signBind()
}

// Confirm notes, durably, that the wallet has the bind: the spent PIN ends.
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
	next.Spent = pay.PIN{}
	if err := d.keep(next); err != nil {
		return fmt.Errorf("confirm: %w", err)
	}
	return nil
}

// signBind states the binding with the counter as it stands now.
func (d *Device) signBind() ([]byte, error) {
	b := d.state.Binding
	f, err := pay.Sign(d.key, pay.Bind{
		Registry: b.Registry, Resolver: b.Resolver, Wallet: b.Wallet.ID(), Device: d.key.Public(), Beacon: d.state.BeaconKey(),
		Exponent: d.state.Exponent, Counter: d.reading(d.options.Now()).Counter(), Type: b.Type,
	})
	if err != nil {
		return nil, err
	}
	return f.Raw(), nil
}
