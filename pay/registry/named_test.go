package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// TestNobodyIsCalledByAnothersId: a wallet may choose its name. One that calls
// itself by the id of another, or the beginning of it, is never taken for the other.
func TestNobodyIsCalledByAnothersId(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.wallet("Ann")
	id, scope := ann.key.ID().String(), string(ann.status.Scope)
	for i, name := range []string{id, id[:8], id[:4], scope, scope[:8], scope[2:10]} {
		w.enrol(keyOf("thief "+name), registry.InviteSpec{Role: pay.RoleWallet, Name: pay.Name(name)})
		got, err := w.reg.FindNode(w.mem, pay.RoleWallet, name)
		if err == nil && got.Node.ID() != ann.key.ID() {
			t.Errorf("%d: %q finds %s, a wallet that calls itself so", i, name, got.Node.ID().Short())
		} else if err != nil && pay.CodeOf(err) != pay.CodeConflict {
			t.Errorf("%d: %q: %v", i, name, err)
		}
	}
}
