package wallet

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestEveryKindHasAPlace fails for a kind of fact that the wallet has no rule for
// and that does not stand among those of no concern.
func TestEveryKindHasAPlace(t *testing.T) {
	t.Parallel()
	w, err := New(Options{})
	if err == nil {
		err = w.features.CheckKinds(pay.RoleWallet, unconcerned)
	}
	if err != nil {
		t.Error(err)
	}
}
