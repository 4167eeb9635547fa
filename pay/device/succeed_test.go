package device_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// registryKeys is a registry that a device may be bound under.
type registryKeys struct {
	root, working pay.Key
	authority     pay.Fact
}

func newRegistryKeys(t *testing.T, root, working byte) registryKeys {
	t.Helper()
	r := registryKeys{root: key(t, root), working: key(t, working)}
	r.authority = signed(t, r.root, pay.Authority{Root: r.root.Public(), Working: r.working.Public(), From: 1_000, Until: 2_000})
	return r
}

func signed(t *testing.T, k pay.Key, b pay.Body) pay.Fact {
	t.Helper()
	f, err := pay.Sign(k, b)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

func (r registryKeys) replaced(t *testing.T, old, heir pay.Key, at pay.Time) pay.Fact {
	t.Helper()
	return signed(t, r.working, pay.Replaced{Scope: "w/ann", Old: old.ID(), New: heir.ID(), At: at})
}

// TestDeviceFollowsReplacedWallets: a bound device belongs to another wallet once
// it has seen, from its own wallet on, the registry's statements that lead there,
// and to nobody by any other word.
func TestDeviceFollowsReplacedWallets(t *testing.T) {
	t.Parallel()
	ours, other := newRegistryKeys(t, 60, 61), newRegistryKeys(t, 62, 63)
	a, b, c := key(t, 1), key(t, 70), key(t, 71)
	ab, bc := ours.replaced(t, a, b, 1_500), ours.replaced(t, b, c, 1_600)
	type shown struct {
		authority, fact pay.Fact
		want            pay.ErrorCode
	}
	for name, tc := range map[string]struct {
		wallet pay.Key
		shown  []shown
		owner  pay.Key
	}{
		"its successor":                  {b, []shown{{ours.authority, ab, ""}}, b},
		"the successor of that":          {c, []shown{{ours.authority, ab, ""}, {ours.authority, bc, ""}}, c},
		"the same twice":                 {c, []shown{{ours.authority, ab, ""}, {ours.authority, ab, ""}, {ours.authority, bc, ""}, {ours.authority, bc, ""}}, c},
		"the links in the wrong order":   {c, []shown{{ours.authority, bc, ""}, {ours.authority, ab, ""}}, a},
		"a link is missing":              {c, []shown{{ours.authority, bc, ""}}, a},
		"another's succession":           {c, []shown{{ours.authority, ab, ""}}, a},
		"signed by another registry":     {b, []shown{{other.authority, other.replaced(t, a, b, 1_500), pay.CodeUsage}}, a},
		"under another's authority":      {b, []shown{{ours.authority, other.replaced(t, a, b, 1_500), pay.CodeUsage}}, a},
		"signed by the root itself":      {b, []shown{{ours.authority, signed(t, ours.root, pay.Replaced{Scope: "w/ann", Old: a.ID(), New: b.ID(), At: 1_500}), pay.CodeUsage}}, a},
		"signed by the successor":        {b, []shown{{ours.authority, signed(t, b, pay.Replaced{Scope: "w/ann", Old: a.ID(), New: b.ID(), At: 1_500}), pay.CodeUsage}}, a},
		"dated before the authority":     {b, []shown{{ours.authority, ours.replaced(t, a, b, 999), pay.CodeUsage}}, a},
		"dated after the authority":      {b, []shown{{ours.authority, ours.replaced(t, a, b, 2_000), pay.CodeUsage}}, a},
		"another statement":              {b, []shown{{ours.authority, ours.authority, pay.CodeUsage}}, a},
		"no statement":                   {b, []shown{{ours.authority, pay.Fact{}, pay.CodeUsage}}, a},
		"a forged one, then the genuine": {b, []shown{{other.authority, other.replaced(t, a, b, 1_500), pay.CodeUsage}, {ours.authority, ab, ""}}, b},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			s := r.device.Meet(a.Public(), exporter)
			if _, err := s.Prove(r.proof(r.shown(t).PIN, a)); err != nil {
				t.Fatal(err)
			}
			if _, err := s.Bind(ours.root.ID(), resolverKey(t), pay.TypeJack); err != nil {
				t.Fatal(err)
			}
			next := r.device.Meet(tc.wallet.Public(), exporter)
			for _, x := range tc.shown {
				if err := next.Succeed(x.authority.Raw(), x.fact.Raw()); pay.CodeOf(err) != x.want {
					t.Errorf("shown %s: %v, want %q", x.fact.ID().String()[:8], err, x.want)
				}
			}
			bound, ok := r.device.Binding()
			if want := (device.Binding{Registry: ours.root.ID(), Resolver: resolverKey(t), Wallet: tc.owner.Public(), Type: pay.TypeJack}); !ok || bound != want {
				t.Errorf("bound to %s, want %s", bound.Wallet.ID().Short(), tc.owner.ID().Short())
			}
			for _, w := range []pay.Key{a, b, c} {
				want := pay.CodeBound
				if w.ID() == tc.owner.ID() {
					want = ""
				}
				if _, err := r.device.Meet(w.Public(), exporter).Authenticate(payment()); pay.CodeOf(err) != want {
					t.Errorf("wallet %s asks for a code: %v, want %q", w.ID().Short(), err, want)
				}
			}
		})
	}
}

// TestSuccessionIsDurable: a device whose state cannot be stored keeps its wallet,
// and an unpaired one follows nobody.
func TestSuccessionIsDurable(t *testing.T) {
	t.Parallel()
	ours, a, b := newRegistryKeys(t, 60, 61), key(t, 1), key(t, 70)
	ab := ours.replaced(t, a, b, 1_500)
	r := newRig(t)
	if err := r.device.Meet(b.Public(), exporter).Succeed(ours.authority.Raw(), ab.Raw()); pay.CodeOf(err) != pay.CodePIN {
		t.Errorf("an unpaired device: %v", err)
	}
	s := r.device.Meet(a.Public(), exporter)
	if _, err := s.Prove(r.proof(r.shown(t).PIN, a)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Bind(ours.root.ID(), resolverKey(t), pay.TypeTag); err != nil {
		t.Fatal(err)
	}
	r.fail = errDisk
	if err := r.device.Meet(b.Public(), exporter).Succeed(ours.authority.Raw(), ab.Raw()); err == nil {
		t.Error("it follows without storing that")
	}
	if bound, _ := r.device.Binding(); bound.Wallet != a.Public() {
		t.Error("it is bound to another wallet and has not stored that")
	}
	r.fail = nil
	if err := r.device.Meet(b.Public(), exporter).Succeed(ours.authority.Raw(), ab.Raw()); err != nil {
		t.Fatal(err)
	}
	if kept := r.kept; kept.Binding == nil || kept.Binding.Wallet != b.Public() || kept.Spent != (pay.PIN{}) {
		t.Errorf("stored is %+v", kept.Binding)
	}
}
