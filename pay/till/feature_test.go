package till

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestEveryKindHasAPlace fails for a kind of fact that concerns a till, by the
// table of kinds, and that it has no rule for.
func TestEveryKindHasAPlace(t *testing.T) {
	t.Parallel()
	if err := New(Options{}).features.CheckKinds(pay.RoleBox); err != nil {
		t.Error(err)
	}
}
