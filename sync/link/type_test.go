package link_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestPairWithoutAType: a device of a version that does not say what it is takes no
// request without a type; it is paired as a tag then.
func TestPairWithoutAType(t *testing.T) {
	t.Parallel()
	b := serve(t)
	w := b.wallet(b.pin(), 1)
	w.Type = ""
	if err := w.pair(t); err != nil {
		t.Fatal(err)
	}
	bind, err := pay.Mapping{Device: b.device.Key().ID(), Bind: w.kept[0].Bind}.OpenBind()
	if err != nil || bind.Type != pay.TypeTag {
		t.Errorf("paired as %q, %v", bind.Type, err)
	}
	if !b.boundTo(w.Key) || len(w.kept) != 1 {
		t.Errorf("the device is not bound, or %d binds were kept", len(w.kept))
	}
}
