package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// lie makes a lying registry: it puts another decision in the place of the last one on
// the payment, and changes its row to fit.
func (c *tab) lie(change func(*pay.Decision)) {
	c.Helper()
	d, id := c.last(c.shop.status.Scope, c.request)
	old := pay.Encode(d)
	hold := c.holdRow(d.Sums)
	change(&d)
	delete(c.mem.facts, id)
	again := c.signAsRegistry(d).ID()
	pid := c.request.ID()
	key := "p/" + string(pid[:])
	c.replace(key, string(id[:]), string(again[:]))
	c.replace(key, string(old), string(pay.Encode(d)))
	if now := c.holdRow(d.Sums); now != hold {
		c.replace(key, hold, now)
	}
}

// holdRow is the hold of a payment as its row has it.
func (c *tab) holdRow(s pay.Sums) string {
	return string(pay.Encode(book.Hold{Authorised: s.Authorised(), Captured: s.Captured, Released: s.Released, Refunded: s.Refunded}))
}

// claimBy puts a claim in the place of the one that the last decision names.
func (c *tab) claimBy(key pay.Key, body pay.Body) {
	c.Helper()
	f := c.sign(key, body)
	c.mem.facts[f.ID()] = f
	c.lie(func(d *pay.Decision) { d.Claim = f.ID() })
}

func (c *tab) action(n pay.Amount) pay.Action {
	return pay.Action{Payment: pay.PaymentID(c.request.ID()), Key: "forged", Amount: n}
}

// account changes what an account has and holds.
func (c *tab) account(owner pay.Scope, change func(*book.Balance)) {
	c.Helper()
	b, err := book.Load(c.mem, book.Account{Owner: owner, Currency: "EUR"})
	c.must(err)
	change(&b)
	c.must(c.mem.Put([]byte("b/a/EUR/"+string(owner)), pay.Encode(b)))
}

// statement returns the last fact of a kind that the payer was told.
func (c *tab) statement(kind pay.Kind) (last pay.Fact) {
	for _, f := range c.feeds[c.payer.status.Scope] {
		if f.Kind() == kind {
			last = f
		}
	}
	return last
}

// bent is a way to a payment, what is bent then, and what an audit says of it; "" for
// nothing.
type bent struct {
	way  string
	bend func(c *tab)
	want string
}

// TestAuditFindsInHolds bends what holds, captures, refunds and increments rest on, each
// in one place. The money of the book is bent to fit where a registry that lies would.
func TestAuditFindsInHolds(t *testing.T) {
	t.Parallel()
	const held, part, back, more = "hold; approve", "hold; approve; capture 1500", "charge; approve; refund 1000", "hold; approve; more 500; yes"
	auditFinds(t, map[string]bent{
		"nothing":          {more + "; capture 1500 key=a; capture 1500 key=a box2; refund 100; void", func(*tab) {}, ""},
		"held money spent": {held, func(c *tab) { c.account(c.payer.status.Scope, func(b *book.Balance) { b.HeldDebits = 0 }) }, "account of"},
		"held for nobody":  {held, func(c *tab) { c.account(c.shop.status.Scope, func(b *book.Balance) { b.HeldCredits = 0 }) }, "account of"},
		"held in another row": {held, func(c *tab) {
			c.replace(c.rowOf("p/"), c.holdRow(pay.Sums{Held: 4_000}), c.holdRow(pay.Sums{Held: 3_999}))
		}, "has another sum"},
		"captured for more": {part, func(c *tab) { c.lie(func(d *pay.Decision) { d.Held, d.Captured = 0, 4_000 }) }, "capture of another amount"},
		"released with it":  {part, func(c *tab) { c.lie(func(d *pay.Decision) { d.Held, d.Released = 0, 2_500 }) }, "capture of another amount"},
		"above the hold":    {part, func(c *tab) { c.lie(func(d *pay.Decision) { d.Captured += 4_000 }) }, "moves other money than it may"},
		"captured without authorising": {held, func(c *tab) {
			c.lie(func(d *pay.Decision) { d.State, d.Sums = pay.StateCaptured, pay.Sums{Captured: 4_000} })
		}, "takes at once what is to be held"},
		"captured by a refund":         {part, func(c *tab) { c.claimBy(c.shop.key, pay.Refund{Action: c.action(1_500)}) }, "without a capture of the merchant"},
		"captured by another merchant": {part, func(c *tab) { c.claimBy(c.box("Bar", "b").key, pay.Capture{Action: c.action(1_500)}) }, "without a capture of the merchant"},
		"captured by the payer":        {part, func(c *tab) { c.claimBy(c.payer.key, pay.Capture{Action: c.action(1_500)}) }, "without a capture of the merchant"},
		"captured by a claim on another": {part, func(c *tab) {
			c.claimBy(c.shop.key, pay.Capture{Action: pay.Action{Payment: pay.PaymentID{9}, Key: "k", Amount: 1_500}})
		}, "without a capture of the merchant"},
		"captured by nobody":       {part, func(c *tab) { c.lie(func(d *pay.Decision) { d.Claim = pay.FactID{7} }) }, "without a capture of the merchant"},
		"captured out of time":     {part, func(c *tab) { c.lie(func(d *pay.Decision) { d.At = d.HoldUntil.Add(pay.CaptureGrace) }) }, "out of its time"},
		"released before the end":  {"hold; approve; wait 4500000", func(c *tab) { c.lie(func(d *pay.Decision) { d.Sums = pay.Sums{Held: 1, Released: 3_999} }) }, "moves other money"},
		"two captures, one key":    {"hold; approve; capture 1000 key=forged; capture 1000", func(c *tab) { c.claimBy(c.shop.key, pay.Capture{Action: c.action(1_000)}) }, "under one key"},
		"refunded for more":        {back, func(c *tab) { c.lie(func(d *pay.Decision) { d.Refunded = 1_001 }) }, "refund of another amount"},
		"refunded above captured":  {back, func(c *tab) { c.lie(func(d *pay.Decision) { d.Refunded = 3_999 }) }, "refund of another amount"},
		"refund not in the book":   {back, func(c *tab) { c.account(c.payer.status.Scope, func(b *book.Balance) { b.Credits -= 1_000 }) }, "account of"},
		"voided without a void":    {"hold; approve; void", func(c *tab) { c.claimBy(c.shop.key, pay.Capture{Action: c.action(4_000)}) }, "without a void of the merchant"},
		"held by an old approval":  {held, func(c *tab) { c.forgeAnswer(func(a *pay.Answer) { a.HoldUntil = 0 }) }, "other terms"},
		"held for longer":          {held, func(c *tab) { c.forgeAnswer(func(a *pay.Answer) { a.HoldUntil++ }) }, "other terms"},
		"an increment by itself":   {more, func(c *tab) { c.lie(func(d *pay.Decision) { d.Claim = c.statement(pay.KindIncrementOffer).ID() }) }, "without an approval"},
		"an increment for more":    {more, func(c *tab) { c.lie(func(d *pay.Decision) { d.Held++ }) }, "than its payer approved"},
		"an increment out of time": {more, func(c *tab) { c.lie(func(d *pay.Decision) { d.At = d.At.Add(60_000) }) }, "out of time"},
		"an increment by another":  {more, func(c *tab) { c.forgeMore(func(*pay.IncrementAnswer) {}, c.other.key) }, "without an approval"},
		"a declined increment":     {more, func(c *tab) { c.forgeMore(func(a *pay.IncrementAnswer) { a.Verdict = pay.Decline }, c.payer.key) }, "without an approval"},
		"an increment's row gone":  {more, func(c *tab) { c.mem.rows.Delete(c.rowOf("pi/")) }, "its row says otherwise"},
		"an increment's row of nobody": {more, func(c *tab) {
			c.mem.rows.Set("pi/"+strings.Repeat("x", 33), []byte(c.mem.dump("pi/")[c.rowOf("pi/")]))
		}, "that nobody asked for"},
		"an offer of more gone": {more, func(c *tab) { delete(c.mem.facts, c.statement(pay.KindIncrementOffer).ID()) }, "than its payer approved"},
		"an end without an increment": {held, func(c *tab) {
			c.signAsRegistry(pay.IncrementEnd{Payment: pay.PaymentID(c.request.ID()), Offer: pay.FactID{1}, Claim: pay.FactID{2}, Reason: pay.ReasonByPayer, At: c.now})
		}, "its row says otherwise"},
		"a repeat of nothing": {held, func(c *tab) {
			c.signAsRegistry(pay.ActionKnown{Claim: pay.FactID{1}, First: pay.FactID{2}, Payment: pay.PaymentID(c.request.ID()), At: c.now})
		}, "that they are one"},
		"a repeat of what was refused": {"hold; approve; capture 4001 key=a !above_held", func(c *tab) {
			one, two := c.action(5), c.action(5)
			two.Created = 7
			first, again := c.sign(c.shop.key, pay.Capture{Action: one}), c.sign(c.shop.key, pay.Capture{Action: two})
			c.mem.facts[first.ID()], c.mem.facts[again.ID()] = first, again
			c.signAsRegistry(pay.ActionKnown{Claim: again.ID(), First: first.ID(), Payment: one.Payment, At: c.now})
		}, "nothing came of it"},
	})
}

// auditFinds sees what an audit says of each, a full one and one that carries on from
// before the payment.
func auditFinds(t *testing.T, all map[string]bent) {
	t.Helper()
	for name, tc := range all {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTab(t)
			good, logged := *c.audit().Good, len(c.log)
			for s := range strings.SplitSeq(tc.way, ";") {
				step, refused, _ := strings.Cut(s, "!")
				if no := c.step(step); string(no) != strings.TrimSpace(refused) {
					t.Fatalf("%s: %s", step, no)
				}
			}
			c.auditOK()
			if _, ok := c.auditGrown(good, logged); !ok {
				t.Error("an audit that carries on finds something")
			}
			tc.bend(c)
			if tc.want == "account of" {
				c.broken = "so that the audit finds it"
			}
			if _, ok := c.auditGrown(good, logged); ok != (tc.want == "") {
				t.Errorf("an audit that carries on says ok=%v", ok)
			}
			res := c.audit()
			if told := strings.Join(res.Findings, "\n"); res.OK != (tc.want == "") || !strings.Contains(told, tc.want) {
				t.Errorf("audit says ok=%v:\n%s\nwant %q", res.OK, told, tc.want)
			}
		})
	}
}

// forgeAnswer puts another answer in the place of the one that held the amount.
func (c *tab) forgeAnswer(change func(*pay.Answer)) {
	c.Helper()
	d, _ := c.last(c.shop.status.Scope, c.request)
	a, err := pay.As[pay.Answer](c.mem.facts[d.Claim])
	c.must(err)
	change(&a)
	c.claimBy(c.payer.key, a)
}

// forgeMore puts another answer in the place of the one that held more.
func (c *tab) forgeMore(change func(*pay.IncrementAnswer), by pay.Key) {
	c.Helper()
	d, _ := c.last(c.shop.status.Scope, c.request)
	a, err := pay.As[pay.IncrementAnswer](c.mem.facts[d.Claim])
	c.must(err)
	change(&a)
	c.claimBy(by, a)
}
