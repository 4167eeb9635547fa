package node_test

import (
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// payerAt is a wallet that reads its feed.
type payerAt struct {
	*ledger
	role  *wallet.Wallet
	scope pay.Scope
}

func (c *chain) payers() (list []payerAt) {
	for scope, key := range c.wallets {
		role, err := wallet.New(wallet.Options{Key: key, Scope: scope, Root: c.root.ID()})
		c.must(err)
		p := payerAt{newLedger(), role, scope}
		for _, f := range c.feeds[scope] {
			p.facts[f.ID()] = f
			_, err := role.React(p, c.now, pay.EntryMirrored{Fact: f})
			c.must(err)
		}
		list = append(list, p)
	}
	return list
}

func (c *chain) chargesMore(t *rapid.T, n *int) {
	b := rapid.SampledFrom(c.boxes).Draw(t, "box")
	tag := c.tags[0]
	if b.status.MerchantName == "Bar" {
		tag = c.tags[1]
	}
	*n++
	o := till.Order{Key: pay.IdempotencyKey(fmt.Sprint("n", *n)), Amount: pay.Amount(rapid.IntRange(1, 900).Draw(t, "amount")), TTL: 60_000}
	if rapid.Bool().Draw(t, "hold") {
		o.Hold = 7_200_000
	}
	if rapid.Bool().Draw(t, "tips") {
		o.TipMax = pay.Amount(rapid.IntRange(1, 90).Draw(t, "most"))
	}
	_, r, err := b.till.Charge(b, c.now, o, till.Choice{Candidate: pay.Candidate{Handle: "amber-otter", Code: tag(c.now), Heard: c.now, Near: true}, Evidence: pay.EvidenceTap})
	c.must(err)
	b.publish(r)
}

func (c *chain) paysOut(t *rapid.T) {
	b := rapid.SampledFrom(c.boxes).Draw(t, "box")
	_, r, err := c.role.PayOut(c.reg, c.now, pay.PaidOut{
		Account: b.status.Scope, Amount: pay.Amount(rapid.IntRange(1, 500).Draw(t, "amount")), Currency: "EUR", Key: pay.IdempotencyKey(fmt.Sprint(c.now)),
	})
	if code := pay.CodeOf(err); code != "" && code != pay.CodeFunds && code != pay.CodeKeyUsed {
		t.Fatal(err)
	}
	c.publish(r)
}

// acts captures, voids or refunds, as far as the registry lets it.
func (c *chain) acts(t *rapid.T, n *int) {
	b := rapid.SampledFrom(c.boxes).Draw(t, "box")
	list, _, err := b.till.List(b, c.now, history.Page{Limit: pay.ListMax})
	c.must(err)
	list = slices.DeleteFunc(list, func(e till.Entry) bool { return e.Payment.Sums().Authorised() == 0 })
	if len(list) == 0 {
		t.Skip("nothing is authorised")
	}
	*n++
	a := till.Act{
		Kind: rapid.SampledFrom([]pay.Kind{pay.KindCapture, pay.KindCapture, pay.KindRefund, pay.KindRefund, pay.KindVoid}).Draw(t, "act"),
		Key:  pay.IdempotencyKey(fmt.Sprint("a", *n)), Amount: pay.Amount(rapid.SampledFrom([]int{0, 1, 50}).Draw(t, "of")),
	}
	e := rapid.SampledFrom(list).Draw(t, "payment")
	if a.Kind == pay.KindCapture && e.Payment.Sums().Held > 0 && rapid.Bool().Draw(t, "with a tip") {
		a.Amount = e.Payment.Sums().Held
	}
	if a.Kind == pay.KindVoid {
		a.Amount = 0
	}
	a.Final = a.Kind == pay.KindCapture && rapid.Bool().Draw(t, "final")
	_, r, err := b.till.Act(b, c.now, e.ID.String(), a)
	if code := pay.CodeOf(err); code != "" && code != pay.CodeConflict {
		t.Fatal(err)
	}
	b.publish(r)
}

// TestReportsEqualEveryScreen trades for some days and holds the reports of each box
// against its own list, the registry's book, and the balances and receipts of the
// wallets.
func TestReportsEqualEveryScreen(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := newChain(rt)
		start, n := c.now, 0
		rt.Repeat(map[string]func(*rapid.T){
			"charge": func(t *rapid.T) { c.chargesMore(t, &n) }, "charge more": func(t *rapid.T) { c.chargesMore(t, &n) },
			"answer": c.answers, "answer more": c.answers, "pay out": c.paysOut,
			"act": func(t *rapid.T) { c.acts(t, &n) }, "act more": func(t *rapid.T) { c.acts(t, &n) },
			"push": func(t *rapid.T) { c.push(rapid.SampledFrom(c.boxes).Draw(t, "box")) },
			"pull": func(t *rapid.T) {
				c.pull(rapid.SampledFrom(c.boxes).Draw(t, "box"), rapid.IntRange(1, 5).Draw(t, "entries"))
			},
			"time": func(t *rapid.T) {
				c.now = c.now.Add(pay.Millis(rapid.SampledFrom([]int{1, 5_000, 50_000, 7_200_000, 86_400_000}).Draw(t, "ms")))
			},
		})
		for _, b := range c.boxes {
			for b.sent < len(b.items) {
				c.push(b)
			}
		}
		captured := map[pay.Scope]taken{}
		for _, b := range c.boxes {
			c.pull(b, len(c.feeds[b.status.Scope]))
			captured[b.status.Scope] = c.reportsOf(rt, b, start)
		}
		c.walletsAgree(rt, captured)
	})
}

// taken is what a merchant has captured, and what of it is tip.
type taken struct{ captured, tips pay.Amount }

// reportsOf holds all reports of a box against its list and the book, and returns what
// was captured.
func (c *chain) reportsOf(t *rapid.T, b *shopBox, start pay.Time) taken {
	const day = pay.Millis(86_400_000)
	list, more, err := b.till.List(b, c.now, history.Page{Limit: pay.ListMax})
	if err != nil || more {
		t.Fatal(more, err)
	}
	var opening, captured, inLines, refunded, tips, tipLines pay.Amount
	payments := 0
	promised, err := book.Load(c.reg, book.Account{Owner: b.status.Scope, Currency: "EUR"})
	c.must(err)
	for from := start.Add(-day); from <= c.now; from = from.Add(day) {
		r, err := b.till.Report(b, c.now, from, from.Add(day))
		c.must(err)
		if r.Opening != opening {
			t.Fatalf("a day opens with %d, the one before closed with %d", r.Opening, opening)
		}
		states, methods := map[pay.State]int{}, map[pay.Method]int{}
		for _, e := range list {
			if from <= e.Created && e.Created < from.Add(day) {
				states[e.State()]++
				methods[e.Method()]++
				payments++
			}
		}
		if fmt.Sprint(states, methods) != fmt.Sprint(r.ByState, r.ByMethod) {
			t.Fatalf("the report says %v %v, the list %v %v", r.ByState, r.ByMethod, states, methods)
		}
		for _, l := range r.Lines {
			inLines += l.In
			tipLines += l.Tip
		}
		tips += r.Tips
		if r.Tips < 0 || r.Tips > r.Captured {
			t.Fatalf("of %d captured %d are tips", r.Captured, r.Tips)
		}
		if opening = r.Closing(); r.Held != promised.HeldCredits {
			t.Fatalf("the report says that %d are held, the book %d", r.Held, promised.HeldCredits)
		}
		captured += r.Captured
		refunded += r.Refunded
		if inLines != opening || r.CapturedBy[pay.MethodOne]+r.CapturedBy[pay.MethodTwoChannel] != r.Captured {
			t.Fatalf("the lines add up to %d, the report to %d; captured is %d, by method %v", inLines, opening, r.Captured, r.CapturedBy)
		}
	}
	x, err := book.Load(c.reg, book.Account{Owner: b.status.Scope, Currency: "EUR"})
	c.must(err)
	var listed, back, tipped pay.Amount
	for _, e := range list {
		listed += e.Payment.Sums().Captured
		back += e.Payment.Sums().Refunded
		tipped += e.Payment.Decision.TipTaken()
	}
	if tips != tipped || tipLines != tipped {
		t.Fatalf("the reports say %d of tips, their lines %d, the payments %d", tips, tipLines, tipped)
	}
	if x.Posted() != opening || payments != len(list) || listed != captured || back != refunded {
		t.Fatalf("the book has %d, the last report %d; %d of %d payments reported, %d of %d captured", x.Posted(), opening, payments, len(list), captured, listed)
	}
	return taken{captured, tips}
}

// walletsAgree holds balances against the book, and receipts against what the merchants
// captured.
func (c *chain) walletsAgree(t *rapid.T, captured map[pay.Scope]taken) {
	paid := map[pay.Scope]taken{}
	for _, p := range c.payers() {
		have, err := p.role.Balance(p, "EUR")
		c.must(err)
		x, err := book.Load(c.reg, book.Account{Owner: p.scope, Currency: "EUR"})
		c.must(err)
		held, err := p.role.Held(p, "EUR")
		c.must(err)
		if have != x.Posted() || held != x.HeldDebits {
			t.Fatalf("the wallet shows %d, %d of it held; the book has %d, %d of it held", have, held, x.Posted(), x.HeldDebits)
		}
		receipts, _, err := p.role.Receipts(p, c.now, history.Page{Limit: pay.ListMax})
		c.must(err)
		for _, e := range receipts {
			if sums := e.Payment.Sums(); sums.Captured > 0 {
				at := paid[e.Merchant]
				paid[e.Merchant] = taken{at.captured + sums.Captured, at.tips + e.Payment.Decision.TipTaken()}
			}
		}
	}
	for merchant, sum := range captured {
		if paid[merchant] != sum {
			t.Fatalf("receipts for %s add up to %+v, its reports to %+v", merchant, paid[merchant], sum)
		}
	}
}
