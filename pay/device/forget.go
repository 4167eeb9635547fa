package device

import (
	"fmt"
	"io"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Forget returns the state of the device made anew: fresh keys and a fresh counter
// from random, and bound to nobody. If it was bound, its old identity states that
// it has ceased to be. now is the device's wall clock. Forget returns the errors of
// New and of pay.Sign.
func (s State) Forget(random io.Reader, now pay.Time) (State, error) {
	next, err := New(random, s.Exponent, now)
	if err != nil {
		return State{}, err
	}
	next.Former = slices.Clone(s.Former)
	if b := s.Binding; b != nil {
		f, err := pay.Sign(s.Key(), pay.Forgotten{Registry: b.Registry, Wallet: b.Wallet.ID(), Device: s.Key().Public(), Created: now})
		if err != nil {
			return State{}, fmt.Errorf("forget: %w", err)
		}
		next.Former = append(next.Former, f.Raw())
	}
	next.Former = next.Former[max(0, len(next.Former)-pay.FormerMax):]
	return next, nil
}
