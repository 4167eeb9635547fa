package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/registry"
)

func TestNew(t *testing.T) {
	t.Parallel()
	root, working := keyOf("root"), keyOf("working")
	authority, err := pay.Sign(root, pay.Authority{Root: root.Public(), Working: working.Public(), From: 0, Until: start + 1_000})
	if err != nil {
		t.Fatal(err)
	}
	good := registry.Options{Key: working, Authority: authority, Root: root.ID(), Resolver: curveKey("resolver"), Currency: "EUR"}
	for name, change := range map[string]func(*registry.Options){
		"another root":        func(o *registry.Options) { o.Root = working.ID() },
		"another working key": func(o *registry.Options) { o.Key = root },
		"no authority":        func(o *registry.Options) { o.Authority = pay.Fact{} },
		"no resolver":         func(o *registry.Options) { o.Resolver = nil },
		"no currency":         func(o *registry.Options) { o.Currency = "euro" },
	} {
		o := good
		change(&o)
		if _, err := registry.New(o); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
	r, err := registry.New(good)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	c := node{key: keyOf("wallet x")}
	i, err := r.Invite(w.mem, start, w.random, registry.InviteSpec{Role: pay.RoleWallet, Address: "h:1"})
	w.must(err)
	if _, _, err := r.Enrol(w.mem, start+1_000, claimOf(i, c.key)); pay.CodeOf(err) != pay.CodeConfig {
		t.Errorf("signing after the authority ended: %v", err)
	}
}

func TestInvite(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		spec registry.InviteSpec
		want pay.NodeStatus // Role "" means refused
	}{
		"a wallet":                {registry.InviteSpec{Role: pay.RoleWallet, Name: "ann"}, pay.NodeStatus{Role: pay.RoleWallet, Name: "ann"}},
		"a box of a name":         {registry.InviteSpec{Role: pay.RoleBox, Name: "Cafe"}, pay.NodeStatus{Role: pay.RoleBox, Name: "Cafe", MerchantName: "Cafe", Site: "Cafe"}},
		"a box of a merchant":     {registry.InviteSpec{Role: pay.RoleBox, Name: "b1", Merchant: "Cafe", Site: "door"}, pay.NodeStatus{Role: pay.RoleBox, Name: "b1", MerchantName: "Cafe", Site: "door"}},
		"a box without a name":    {registry.InviteSpec{Role: pay.RoleBox, Merchant: "Cafe"}, pay.NodeStatus{Role: pay.RoleBox, Name: "Cafe", MerchantName: "Cafe", Site: "Cafe"}},
		"a box of nobody":         {registry.InviteSpec{Role: pay.RoleBox}, pay.NodeStatus{}},
		"a wallet with a site":    {registry.InviteSpec{Role: pay.RoleWallet, Name: "ann", Site: "door"}, pay.NodeStatus{}},
		"another registry":        {registry.InviteSpec{Role: pay.RoleRegistry, Name: "r"}, pay.NodeStatus{}},
		"a name of two lines":     {registry.InviteSpec{Role: pay.RoleWallet, Name: "a\nb"}, pay.NodeStatus{}},
		"a life below zero":       {registry.InviteSpec{Role: pay.RoleWallet, Name: "ann", TTL: -1}, pay.NodeStatus{}},
		"a life that is too long": {registry.InviteSpec{Role: pay.RoleWallet, Name: "ann", TTL: pay.InviteTTLMax + 1}, pay.NodeStatus{}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			tc.spec.Address = "127.0.0.1:7443"
			i, err := w.reg.Invite(w.mem, w.now, w.random, tc.spec)
			if tc.want.Role == "" {
				if pay.CodeOf(err) != pay.CodeUsage || len(w.mem.dump()) != 0 {
					t.Errorf("got %v and %d rows", err, len(w.mem.dump()))
				}
				return
			}
			w.must(err)
			m, r, err := w.reg.Enrol(w.mem, w.now, claimOf(i, keyOf("n")))
			w.must(err)
			w.publish(r)
			got := m.Node
			if got.Scope != i.Scope || got.MerchantName != i.MerchantName || got.Site != i.Site || got.Node != keyOf("n").Public() {
				t.Errorf("enrolled as %+v", got)
			}
			got.Node, got.Scope, got.At = pay.PublicKey{}, "", 0
			if got != tc.want {
				t.Errorf("enrolled as %+v, want %+v", got, tc.want)
			}
			if m.Currency != "EUR" || m.Authority.IsZero() || m.Resolver != pay.BeaconKey(curveKey("resolver").PublicKey().Bytes()) {
				t.Errorf("membership lacks something: %+v", m)
			}
			w.auditOK()
		})
	}
}

// TestEnrol: an invite works once, for one key, which may ask again.
func TestEnrol(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := keyOf("ann"), keyOf("bob")
	i := w.invite(registry.InviteSpec{Role: pay.RoleWallet, Name: "ann", TTL: 1_000})
	second := w.invite(registry.InviteSpec{Role: pay.RoleWallet, TTL: 1_000})
	try := func(c pay.EnrolClaim) pay.ErrorCode {
		_, r, err := w.reg.Enrol(w.mem, w.now, c)
		w.publish(r)
		return pay.CodeOf(err)
	}
	bad := claimOf(i, ann)
	bad.Proof[3]++
	other := claimOf(i, ann)
	other.Role = pay.RoleBox
	stolen := claimOf(i, ann)
	stolen.Node = bob.Public()
	unknown := claimOf(i, ann)
	unknown.Invite[0]++
	for name, c := range map[string]pay.EnrolClaim{"wrong proof": bad, "another role": other, "a proof for another key": stolen, "unknown invite": unknown} {
		if code := try(c); code != pay.CodeInvite {
			t.Errorf("%s: %s", name, code)
		}
	}
	if code := try(claimOf(i, ann)); code != "" {
		t.Fatalf("good claim: %s", code)
	}
	feed := len(w.feeds[pay.ScopeRegistry])
	if code := try(claimOf(second, ann)); code != pay.CodeConflict {
		t.Errorf("a second invite for the same key: %s", code)
	}
	if _, _, err := w.reg.Enrol(w.mem, w.now, claimOf(i, bob)); pay.CodeOf(err) != pay.CodeInvite || !strings.Contains(err.Error(), "was used") {
		t.Errorf("a used invite for another key: %v", err)
	}
	w.now = w.now.Add(1_000)
	if code := try(claimOf(i, ann)); code != "" || len(w.feeds[pay.ScopeRegistry]) != feed {
		t.Errorf("the same claim again, later: %s", code)
	}
	if code := try(claimOf(second, bob)); code != pay.CodeInvite {
		t.Errorf("an invite that is over: %s", code)
	}
	_, r, err := w.reg.RevokeNode(w.mem, w.now, ann.ID())
	w.must(err)
	w.publish(r)
	if code := try(claimOf(i, ann)); code != pay.CodeNotAllowed {
		t.Errorf("a revoked key: %s", code)
	}
	for key, value := range w.mem.dump("i/") {
		if strings.HasPrefix(key, "i/"+string(i.ID[:])) && strings.Contains(value, string(i.Secret[:])) {
			t.Error("the secret of a used invite is kept")
		}
	}
	w.auditOK()
}

// TestScopes: boxes of one merchant share a scope, wallets never do.
func TestScopes(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a, b, other := w.box("Cafe", "one"), w.box("Cafe", "two"), w.box("Bar", "one")
	if a.status.Scope != b.status.Scope || a.status.Scope == other.status.Scope {
		t.Errorf("merchant scopes %s %s %s", a.status.Scope, b.status.Scope, other.status.Scope)
	}
	first := w.enrol(keyOf("1"), registry.InviteSpec{Role: pay.RoleWallet, Name: "ann"})
	second := w.enrol(keyOf("2"), registry.InviteSpec{Role: pay.RoleWallet, Name: "ann"})
	if first.status.Scope == second.status.Scope {
		t.Error("two wallets share a scope")
	}
	if nameless := w.enrol(keyOf("3"), registry.InviteSpec{Role: pay.RoleWallet}); nameless.status.Name != pay.Name("wallet-"+keyOf("3").ID().Short()) {
		t.Errorf("a wallet without a name is %q", nameless.status.Name)
	}
	n := 0
	w.must(w.reg.Members(w.mem, func(pay.NodeStatus) error { n++; return nil }))
	if n != 6 {
		t.Errorf("%d members, want 6", n)
	}
}

func TestFindWallet(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann := w.enrol(keyOf("1"), registry.InviteSpec{Role: pay.RoleWallet, Name: "ann"})
	w.enrol(keyOf("2"), registry.InviteSpec{Role: pay.RoleWallet, Name: "bob"})
	w.enrol(keyOf("3"), registry.InviteSpec{Role: pay.RoleWallet, Name: "bob"})
	w.box("ann's", "till")
	id := ann.key.ID().String()
	for selector, want := range map[string]pay.ErrorCode{
		"ann": "", string(ann.status.Scope): "", id: "", id[:10]: "", strings.ToUpper(id[:20]): "",
		id[:4]: "", string(ann.status.Scope)[:8]: "", id[:3]: pay.CodeNotFound, "ann's": pay.CodeNotFound, "": pay.CodeNotFound, "bob": pay.CodeConflict,
	} {
		scope, err := w.reg.FindWallet(w.mem, selector)
		if pay.CodeOf(err) != want || (err == nil && scope != ann.status.Scope) {
			t.Errorf("%q: %s, %v", selector, scope, err)
		}
	}
	_, err := w.reg.FindWallet(w.mem, "bob")
	if err == nil || strings.Count(err.Error(), "w/") != 2 {
		t.Errorf("both are listed: %v", err)
	}
}

func TestTopUp(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	ann, bob := w.wallet("ann"), w.wallet("bob")
	good := pay.TopUp{Wallet: ann.status.Scope, Amount: 500, Currency: "EUR", Key: "k1"}
	for _, tc := range []struct {
		name   string
		change func(*pay.TopUp)
		want   pay.ErrorCode
		posted int
	}{
		{"first", func(*pay.TopUp) {}, "", 1},
		{"again", func(*pay.TopUp) {}, "", 0},
		{"other amount", func(u *pay.TopUp) { u.Amount++ }, pay.CodeKeyUsed, 0},
		{"other wallet", func(u *pay.TopUp) { u.Wallet = bob.status.Scope }, pay.CodeKeyUsed, 0},
		{"other currency", func(u *pay.TopUp) { u.Currency = "USD" }, pay.CodeCurrency, 0},
		{"nothing", func(u *pay.TopUp) { u.Amount, u.Key = 0, "k2" }, pay.CodeAmount, 0},
		{"less than nothing", func(u *pay.TopUp) { u.Amount, u.Key = -1, "k2" }, pay.CodeAmount, 0},
		{"too much", func(u *pay.TopUp) { u.Amount, u.Key = pay.AmountMax+1, "k2" }, pay.CodeAmount, 0},
		{"no key", func(u *pay.TopUp) { u.Key = "" }, pay.CodeUsage, 0},
		{"a merchant", func(u *pay.TopUp) { u.Wallet, u.Key = "m/x", "k2" }, pay.CodeUsage, 0},
		{"under a new key", func(u *pay.TopUp) { u.Key = "k2" }, "", 1},
	} {
		ask := good
		tc.change(&ask)
		w.now++
		done, r, err := w.reg.TopUp(w.mem, w.now, ask)
		if pay.CodeOf(err) != tc.want || len(r.Publications) != tc.posted {
			t.Errorf("%s: %v with %d postings", tc.name, err, len(r.Publications))
		}
		if tc.name == "again" && done.At != start+1 {
			t.Errorf("again was at %s", done.At)
		}
		w.publish(r)
	}
	b, err := book.Load(w.mem, book.Account{Owner: ann.status.Scope, Currency: "EUR"})
	w.must(err)
	if b.Available() != 1_000 {
		t.Errorf("the wallet has %d", b.Available())
	}
	w.auditOK()
}
