package till

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestEveryKindHasAPlace fails for a kind of fact that the till has no rule for
// and that does not stand among those of no concern.
func TestEveryKindHasAPlace(t *testing.T) {
	t.Parallel()
	if err := New(Options{}).features.CheckKinds(pay.RoleBox, unconcerned); err != nil {
		t.Error(err)
	}
}
