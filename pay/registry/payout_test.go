package registry_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// available returns what the owner of a scope can spend.
func (w *world) available(scope pay.Scope) pay.Amount {
	w.Helper()
	b, err := book.Load(w.mem, book.Account{Owner: scope, Currency: "EUR"})
	w.must(err)
	return b.Available()
}

func (w *world) payOut(of node, amount pay.Amount) pay.Fact {
	w.Helper()
	w.serial++
	_, r, err := w.reg.PayOut(w.mem, w.now, pay.PaidOut{Account: of.status.Scope, Amount: amount, Currency: "EUR", Key: pay.IdempotencyKey(fmt.Sprint("payout-", w.serial))})
	w.must(err)
	w.publish(r)
	return r.Publications[0].Fact
}

func (w *world) moveTo(from, to node) pay.Fact {
	w.Helper()
	w.serial++
	_, r, err := w.reg.Move(w.mem, w.now, pay.Moved{From: from.status.Scope, To: to.status.Scope, Key: pay.IdempotencyKey(fmt.Sprint("move-", w.serial))})
	w.must(err)
	w.publish(r)
	return r.Publications[0].Fact
}

// paid is a counter at which the payer has paid 12.50, of 100.00.
func paid(t tb) *counter {
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	c.answer(c.payer, f, pay.Approve, pay.ByHand)
	return c
}

func TestPayOut(t *testing.T) {
	t.Parallel()
	c := paid(t)
	good := pay.PaidOut{Account: c.shop.status.Scope, Amount: 500, Currency: "EUR", Key: "k1"}
	for _, tc := range []struct {
		name   string
		change func(*pay.PaidOut)
		want   pay.ErrorCode
		posted int
	}{
		{"first", func(*pay.PaidOut) {}, "", 1},
		{"again", func(*pay.PaidOut) {}, "", 0},
		{"other amount", func(p *pay.PaidOut) { p.Amount++ }, pay.CodeKeyUsed, 0},
		{"other account", func(p *pay.PaidOut) { p.Account = c.payer.status.Scope }, pay.CodeKeyUsed, 0},
		{"other currency", func(p *pay.PaidOut) { p.Currency = "USD" }, pay.CodeCurrency, 0},
		{"nothing", func(p *pay.PaidOut) { p.Amount, p.Key = 0, "k2" }, pay.CodeAmount, 0},
		{"less than nothing", func(p *pay.PaidOut) { p.Amount, p.Key = -1, "k2" }, pay.CodeAmount, 0},
		{"too much for one", func(p *pay.PaidOut) { p.Amount, p.Key = pay.AmountMax+1, "k2" }, pay.CodeAmount, 0},
		{"more than there is", func(p *pay.PaidOut) { p.Amount, p.Key = 751, "k2" }, pay.CodeFunds, 0},
		{"no key", func(p *pay.PaidOut) { p.Key = "" }, pay.CodeUsage, 0},
		{"the house", func(p *pay.PaidOut) { p.Account, p.Key = book.HousePlay, "k2" }, pay.CodeUsage, 0},
		{"somebody who never had money", func(p *pay.PaidOut) { p.Account, p.Key = "w/nobody", "k2" }, pay.CodeFunds, 0},
		{"the rest", func(p *pay.PaidOut) { p.Amount, p.Key = 750, "k2" }, "", 1},
		{"of a wallet", func(p *pay.PaidOut) { p.Account, p.Amount, p.Key = c.payer.status.Scope, 8_750, "k3" }, "", 1},
	} {
		ask := good
		tc.change(&ask)
		c.now++
		before := c.mem.dump()
		done, r, err := c.reg.PayOut(c.mem, c.now, ask)
		if pay.CodeOf(err) != tc.want || len(r.Publications) != tc.posted {
			t.Errorf("%s: %v with %d publications", tc.name, err, len(r.Publications))
		}
		if err != nil && !maps.Equal(before, c.mem.dump()) {
			t.Errorf("%s: it was refused and wrote something", tc.name)
		}
		if tc.name == "again" && done.At != start+1 {
			t.Errorf("again was at %s", done.At)
		}
		c.publish(r)
	}
	if shop, wallet := c.available(c.shop.status.Scope), c.available(c.payer.status.Scope); shop != 0 || wallet != 0 {
		t.Errorf("the accounts have %d and %d", shop, wallet)
	}
	for _, n := range []node{c.shop, c.payer} {
		if !slices.ContainsFunc(c.feeds[n.status.Scope], func(f pay.Fact) bool { return f.Kind() == pay.KindPaidOut }) {
			t.Errorf("%s is not told", n.status.Name)
		}
	}
	c.auditOK()
}

// A balance is moved once under one key, all of it, to a wallet that works; whether the
// old one does makes no difference.
func TestMove(t *testing.T) {
	t.Parallel()
	for _, revoked := range []bool{false, true} {
		c := paid(t)
		ann, bob := c.payer.status.Scope, c.other.status.Scope
		gone := c.wallet("eve")
		_, r, err := c.reg.RevokeNode(c.mem, c.now, gone.key.ID())
		c.must(err)
		c.publish(r)
		if revoked {
			_, r, err := c.reg.RevokeNode(c.mem, c.now, c.payer.key.ID())
			c.must(err)
			c.publish(r)
		}
		for _, tc := range []struct {
			name     string
			from, to pay.Scope
			key      pay.IdempotencyKey
			want     pay.ErrorCode
			posted   int
		}{
			{"to a wallet that is revoked", ann, gone.status.Scope, "k0", pay.CodeConflict, 0},
			{"to nobody", ann, "w/nobody", "k0", pay.CodeConflict, 0},
			{"to itself", ann, ann, "k0", pay.CodeUsage, 0},
			{"to a merchant", ann, c.shop.status.Scope, "k0", pay.CodeUsage, 0},
			{"of a merchant", c.shop.status.Scope, bob, "k0", pay.CodeUsage, 0},
			{"without a key", ann, bob, "", pay.CodeUsage, 0},
			{"first", ann, bob, "k1", "", 1},
			{"again", ann, bob, "k1", "", 0},
			{"another under the key", gone.status.Scope, bob, "k1", pay.CodeKeyUsed, 0},
			{"nothing is left", ann, bob, "k2", pay.CodeFunds, 0},
		} {
			c.now++
			before := c.mem.dump()
			done, r, err := c.reg.Move(c.mem, c.now, pay.Moved{From: tc.from, To: tc.to, Key: tc.key})
			if pay.CodeOf(err) != tc.want || len(r.Publications) != tc.posted {
				t.Errorf("%s: %v with %d publications", tc.name, err, len(r.Publications))
			}
			if err != nil && !maps.Equal(before, c.mem.dump()) {
				t.Errorf("%s: it was refused and wrote something", tc.name)
			}
			if err == nil && (done.Amount != 8_750 || done.At != start+7) {
				t.Errorf("%s: %+v", tc.name, done)
			}
			c.publish(r)
		}
		if old, now := c.available(ann), c.available(bob); old != 0 || now != 8_750 {
			t.Errorf("the wallets have %d and %d", old, now)
		}
		for _, scope := range []pay.Scope{ann, bob} {
			if !slices.ContainsFunc(c.feeds[scope], func(f pay.Fact) bool { return f.Kind() == pay.KindMoved }) {
				t.Errorf("%s is not told why", scope)
			}
		}
		c.auditOK()
	}
}

// Whoever comes second to money that is there once is refused: a payment fails, a
// payout and a move get their error, and nothing else changes.
func TestMoneyIsThereOnce(t *testing.T) {
	t.Parallel()
	type race struct {
		name string
		run  func(c *counter, open pay.Fact) string
	}
	races := []race{
		{"payment", func(c *counter, open pay.Fact) string {
			c.answer(c.payer, open, pay.Approve, pay.ByHand)
			return c.says(c.shop, open)
		}},
		{"payout", func(c *counter, _ pay.Fact) string {
			_, r, err := c.reg.PayOut(c.mem, c.now, pay.PaidOut{Account: c.payer.status.Scope, Amount: 10_000, Currency: "EUR", Key: "k"})
			c.publish(r)
			return string(pay.CodeOf(err))
		}},
		{"move", func(c *counter, _ pay.Fact) string {
			_, r, err := c.reg.Move(c.mem, c.now, pay.Moved{From: c.payer.status.Scope, To: c.other.status.Scope, Key: "k"})
			c.publish(r)
			return string(pay.CodeOf(err))
		}},
	}
	won := map[string]string{"payment": "captured", "payout": "", "move": ""}
	lost := map[string]string{"payment": "failed insufficient_funds", "payout": string(pay.CodeFunds), "move": string(pay.CodeFunds)}
	for first := range races {
		c := newCounter(t)
		open := c.charge(c.shop, c.beacon, 10_000)
		for i := range races {
			r := races[(first+i)%len(races)]
			want := lost[r.name]
			if i == 0 {
				want = won[r.name]
			}
			if got := r.run(c, open); got != want {
				t.Errorf("%s first: %s is %q, want %q", races[first].name, r.name, got, want)
			}
		}
		c.auditOK()
	}
}

func TestFindAccount(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	second := c.box("Cafe", "till-2")
	bar := c.box("Bar", "one")
	_, r, err := c.reg.RevokeNode(c.mem, c.now, c.payer.key.ID())
	c.must(err)
	c.publish(r)
	cafe, id := c.shop.status.Scope, second.key.ID().String()
	for _, tc := range []struct {
		role     pay.Role
		selector string
		want     pay.Scope
		code     pay.ErrorCode
	}{
		{pay.RoleBox, "Cafe", cafe, ""},
		{pay.RoleBox, string(cafe), cafe, ""},
		{pay.RoleBox, id, cafe, ""},
		{pay.RoleBox, id[:8], cafe, ""},
		{pay.RoleBox, "box-one", bar.status.Scope, ""},
		{pay.RoleBox, "bob", "", pay.CodeNotFound},
		{pay.RoleWallet, "ann", c.payer.status.Scope, ""}, // a revoked wallet still has its money
		{pay.RoleWallet, "Cafe", "", pay.CodeNotFound},
	} {
		got, err := c.reg.FindAccount(c.mem, tc.role, tc.selector)
		if got.Scope != tc.want || pay.CodeOf(err) != tc.code {
			t.Errorf("%s %q: %s, %v", tc.role, tc.selector, got.Scope, err)
		}
	}
	c.enrol(keyOf("another ann"), registry.InviteSpec{Role: pay.RoleWallet, Name: "ann"})
	if _, err := c.reg.FindAccount(c.mem, pay.RoleWallet, "ann"); pay.CodeOf(err) != pay.CodeConflict {
		t.Errorf("two accounts are called ann: %v", err)
	}
}

// TestAuditRecomputesWhatLeft bends what payouts and moves left behind.
func TestAuditRecomputesWhatLeft(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bend func(c *counter, payout, move pay.Fact)
		want string
	}{
		"nothing":          {func(*counter, pay.Fact, pay.Fact) {}, ""},
		"payout row gone":  {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("tp/")) }, "is not what its key stands for"},
		"move row gone":    {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("tm/")) }, "is not what its key stands for"},
		"payout of a key":  {func(c *counter, _, _ pay.Fact) { c.copyRow(c.rowOf("tp/"), "tp/other") }, "2 keys of payouts are kept"},
		"move of a key":    {func(c *counter, _, _ pay.Fact) { c.copyRow(c.rowOf("tm/"), "tm/other") }, "2 keys of moves are kept"},
		"payout fact gone": {func(c *counter, f, _ pay.Fact) { delete(c.mem.facts, f.ID()) }, "account of " + "m/"},
		"move fact gone":   {func(c *counter, _, f pay.Fact) { delete(c.mem.facts, f.ID()) }, "account of w/"},
		"payout by nobody": {func(c *counter, f, _ pay.Fact) {
			b, _ := pay.As[pay.PaidOut](f)
			b.Key = "forged"
			forged := c.sign(c.shop.key, b)
			c.mem.facts[forged.ID()] = forged
		}, "not signed by a key that spoke for the registry"},
	} {
		c := paid(t)
		payout, move := c.payOut(c.shop, 250), c.moveTo(c.payer, c.other)
		tc.bend(c, payout, move)
		res := c.audit()
		if all := strings.Join(res.Findings, "\n"); res.OK != (tc.want == "") || !strings.Contains(all, tc.want) {
			t.Errorf("%s: found %q", name, all)
		}
	}
}

func (c *counter) copyRow(from, to string) {
	v, _ := c.mem.rows.Get(from)
	c.mem.rows.Set(to, v)
}
