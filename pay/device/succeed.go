package device

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Succeed shows the device the registry's statement that a wallet was replaced,
// with the authority that it was signed under. One session may show several, oldest
// first, one for each wallet that was replaced; a statement that does not continue
// from the wallet that the device is bound to is passed over. When they lead to the
// wallet of this session, the device is durably bound to it, and the wallet before
// is refused from then on. Statements are believed under the root that the device
// was bound under, whoever shows them, and never lead back.
//
// It returns a *pay.Error with CodePIN if the device is unpaired and CodeUsage for
// a statement that is not the registry's, or the error of Options.Keep.
func (s *Session) Succeed(authority, statement []byte) error {
	d := s.device
	d.mu.Lock()
	defer d.mu.Unlock()
	bound := d.state.Binding
	if bound == nil {
		return errPIN()
	}
	r, err := pay.OpenReplaced(authority, statement, bound.Registry)
	if err != nil {
		return pay.WrapCase(err, pay.CodeUsage, "replaced_invalid", "read who has taken the wallet's place")
	}
	if s.heir.IsZero() {
		s.heir = bound.Wallet.ID()
	}
	if r.Old != s.heir {
		return nil
	}
	s.heir = r.New
	if s.heir != s.wallet.ID() || bound.Wallet == s.wallet {
		return nil
	}
	next := d.state
	next.Binding = &Binding{Registry: bound.Registry, Resolver: bound.Resolver, Wallet: s.wallet, Type: bound.Type}
	next.Spent = pay.PIN{} // it was proven by the wallet before
	if err := d.keep(next); err != nil {
		return fmt.Errorf("succeed: %w", err)
	}
	d.emit(Event{Kind: EventSucceeded, Wallet: s.wallet.ID()})
	d.wakeRun()
	return nil
}
