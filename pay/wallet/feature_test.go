package wallet

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestEveryKindHasAPlace fails for a kind of fact that concerns a wallet, by the
// table of kinds, and that it has no rule for.
func TestEveryKindHasAPlace(t *testing.T) {
	t.Parallel()
	w, err := New(Options{})
	if err == nil {
		err = w.features.CheckKinds(pay.RoleWallet)
	}
	if err != nil {
		t.Error(err)
	}
}
