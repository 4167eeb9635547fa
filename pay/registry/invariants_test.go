package registry_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// play is some payments of one payer at one merchant under random events. Each of the
// tests below holds one of the invariants of SAFETY against it after every event.
type play struct {
	*tab
	requests []pay.Fact
	refused  pay.Reason
	before   string // all rows of payments and money before the last event
	told     int    // facts that were published before it
}

// holds runs random events and calls check after each.
func holds(t *testing.T, check func(p *play, rt *rapid.T)) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		p := &play{tab: newTab(rt)}
		for range rapid.IntRange(4, 24).Draw(rt, "events") {
			p.next(rt)
			check(p, rt)
		}
		p.conserved(0)
		p.auditOK()
	})
}

// next lets one event happen: mostly on the last payment, with amounts around what is
// possible, and keys that come again.
func (p *play) next(rt *rapid.T) {
	verbs := []string{"hold", "charge", "approve", "approve", "decline", "capture", "capture", "capture", "void", "refund", "refund", "more", "yes", "no", "cancel", "wait", "approve old"}
	verb := rapid.SampledFrom(verbs).Draw(rt, "event")
	if len(p.requests) == 0 {
		verb = "hold"
	}
	if len(p.requests) > 1 && rapid.IntRange(0, 3).Draw(rt, "which") == 0 {
		p.request = rapid.SampledFrom(p.requests).Draw(rt, "payment")
	}
	words := verb
	amounts := []int{1, 400, 2_000, 3_999, 4_000, 4_001, 9_000}
	switch verb {
	case "hold", "charge":
		words = fmt.Sprint(verb, " ", rapid.SampledFrom(amounts).Draw(rt, "amount"))
		if rapid.Bool().Draw(rt, "tips") {
			words += fmt.Sprint(" tips=", rapid.SampledFrom([]int{1, 400, 9_000}).Draw(rt, "most"))
		}
	case "approve", "approve old":
		if rapid.Bool().Draw(rt, "tip") {
			words += fmt.Sprint(" tip=", rapid.SampledFrom([]int{1, 399, 400, 401, 6_000, 9_000}).Draw(rt, "amount"))
		}
	case "capture", "refund", "more", "void":
		if verb == "more" || verb != "void" && rapid.Bool().Draw(rt, "a part") {
			words += fmt.Sprint(" ", rapid.SampledFrom(amounts).Draw(rt, "amount"))
		}
		if rapid.Bool().Draw(rt, "a key again") {
			words += fmt.Sprint(" key=", rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key"))
		}
		if verb == "capture" && rapid.Bool().Draw(rt, "final") {
			words += " final"
		}
		if rapid.Bool().Draw(rt, "box") {
			words += " box2"
		}
		if rapid.IntRange(0, 4).Draw(rt, "late") == 0 {
			words += fmt.Sprint(" age=", rapid.SampledFrom([]int{1, 100_000, 4_000_000}).Draw(rt, "age"))
		}
	case "yes", "no":
		if p.statement(pay.KindIncrementOffer).IsZero() {
			words = "approve"
		}
	case "wait":
		words = fmt.Sprint("wait ", rapid.SampledFrom([]int{1, 60_000, 3_540_000, 3_600_000, 900_000}).Draw(rt, "time"))
	}
	p.before, p.told = p.money(), len(p.log)
	p.refused = p.step(words)
	if verb == "hold" || verb == "charge" {
		p.requests = append(p.requests, p.request)
	}
}

// chains are the decisions on each payment in a feed, in its order, with their names.
func (p *play) chains(scope pay.Scope) map[pay.PaymentID][]pay.Fact {
	chains := map[pay.PaymentID][]pay.Fact{}
	for _, f := range p.feeds[scope] {
		if d, err := pay.As[pay.Decision](f); err == nil {
			chains[d.Payment] = append(chains[d.Payment], f)
		}
	}
	return chains
}

// each calls fn with every decision on every payment and the one before it, zero for the
// first.
func (p *play) each(fn func(before, d pay.Decision)) {
	for _, chain := range p.chains(p.shop.status.Scope) {
		var before pay.Decision
		for _, f := range chain {
			d, err := pay.As[pay.Decision](f)
			p.must(err)
			fn(before, d)
			before = d
		}
	}
}

// I1: per currency, debits are credits, posted and held apart.
func TestI1DebitsAreCredits(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		var sum book.Balance
		p.must(book.Each(p.mem, func(_ book.Account, b book.Balance) bool {
			sum.Debits, sum.Credits = sum.Debits+b.Debits, sum.Credits+b.Credits
			sum.HeldDebits, sum.HeldCredits = sum.HeldDebits+b.HeldDebits, sum.HeldCredits+b.HeldCredits
			return true
		}))
		if sum.Debits != sum.Credits || sum.HeldDebits != sum.HeldCredits {
			rt.Fatalf("the accounts add up to %+v", sum)
		}
	})
}

// I2: no component is negative, and nobody but the house owes; held money counts.
func TestI2NothingIsNegative(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		p.must(book.Each(p.mem, func(a book.Account, b book.Balance) bool {
			if min(b.Debits, b.Credits, b.HeldDebits, b.HeldCredits) < 0 || a.Owner != book.HousePlay && b.Available() < 0 {
				rt.Fatalf("%s has %+v", a.Owner, b)
			}
			return true
		}))
		p.each(func(_, d pay.Decision) {
			if s := d.SumsAfter(); min(s.Held, s.Captured, s.Released, s.Refunded) < 0 {
				rt.Fatalf("a payment has %+v", s)
			}
		})
	})
}

// I3: captured is no more than authorised and the tip that the payer signed, which is no
// more than the merchant named; refunded no more than captured.
func TestI3NoMoreThanAuthorised(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		signed := map[pay.PaymentID]pay.Amount{}
		p.each(func(_, d pay.Decision) {
			if a, err := pay.As[pay.Answer](p.mem.facts[d.Claim]); err == nil && a.Verdict == pay.Approve && d.State != pay.StateFailed {
				signed[d.Payment] = a.Tip
			}
			request, err := pay.OpeningOf(p.mem.facts[pay.FactID(d.Payment)])
			p.must(err)
			s := d.SumsAfter()
			if s.Captured > d.Authorised()+d.Tip || s.Refunded > s.Captured {
				rt.Fatalf("%s: %+v of %d and a tip of %d", d.State, s, d.Authorised(), d.Tip)
			}
			if d.Tip != signed[d.Payment] || d.Tip > request.TipMax || d.TipTaken() < 0 || d.TipTaken()+d.TipHeld() > d.Tip || s.Captured-d.TipTaken() > d.Authorised() {
				rt.Fatalf("%s: %+v has a tip of %d, %d of it taken and %d held; the payer signed %d, the merchant named %d",
					d.State, s, d.Tip, d.TipTaken(), d.TipHeld(), signed[d.Payment], request.TipMax)
			}
		})
	})
}

// I4: a hold is resolved once: what remains is authorised less captured and released,
// what is captured or released never comes back, and the accounts hold what payments do.
func TestI4HoldsAreResolvedOnce(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		var held pay.Amount
		p.each(func(before, d pay.Decision) {
			was, s := before.SumsAfter(), d.SumsAfter()
			if s.Captured < was.Captured || s.Released < was.Released || s.Refunded < was.Refunded || s.Authorised() < was.Authorised() {
				rt.Fatalf("%s -> %s: %+v became %+v", before.State, d.State, was, s)
			}
			held += s.Held - was.Held
		})
		if _, holds, _ := p.posted(p.payer.status.Scope); holds != held {
			rt.Fatalf("the account holds %d, the payments %d", holds, held)
		}
	})
}

// I5: an event that is refused leaves all rows of payments and money as they were, but
// for what the clock had ended by then.
func TestI5RefusedChangesNothing(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		clock := slices.ContainsFunc(p.log[p.told:], func(f pay.Fact) bool { return f.Kind() == pay.KindDecision || f.Kind() == pay.KindIncrementEnd })
		if p.refused != "" && !clock && p.money() != p.before {
			rt.Fatalf("refused %s, and the rows changed", p.refused)
		}
	})
}

// I6: nothing is held or captured beyond what approvals of the payer's wallet cover.
func TestI6NothingWithoutTheWallet(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		covered := map[pay.PaymentID]pay.Amount{}
		p.each(func(before, d pay.Decision) {
			more := d.SumsAfter().Authorised() - before.SumsAfter().Authorised()
			if more == 0 {
				return
			}
			f := p.mem.facts[d.Claim]
			approved := pay.Amount(0)
			if a, err := pay.As[pay.Answer](f); err == nil && a.Verdict == pay.Approve && a.HoldUntil == d.HoldUntil {
				approved = a.Amount + a.Tip
			}
			if a, err := pay.As[pay.IncrementAnswer](f); err == nil && a.Verdict == pay.Approve && a.Total == d.Held {
				approved = a.Amount
			}
			covered[d.Payment] += approved
			if f.Verify(p.payer.key.Public()) != nil || approved != more || d.SumsAfter().Captured > covered[d.Payment] {
				rt.Fatalf("%s: %d more by an approval of %d", d.State, more, approved)
			}
		})
	})
}

// I7: a payment is authorised once, and each answer of the wallet counts for one.
func TestI7OneAnswerOnePayment(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		used, first := map[pay.FactID]bool{}, map[pay.PaymentID]bool{}
		p.each(func(before, d pay.Decision) {
			if d.SumsAfter().Authorised() == before.SumsAfter().Authorised() {
				return
			}
			if used[d.Claim] || before.State != pay.StateHeld && first[d.Payment] {
				rt.Fatalf("%s is authorised again", d.Payment.Short())
			}
			used[d.Claim], first[d.Payment] = true, true
		})
	})
}

// I8: each payment's decisions are linked without a gap from its request, and both
// parties have the same bytes.
func TestI8ChainsAreLinkedAndShared(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		merchant, payer := p.chains(p.shop.status.Scope), p.chains(p.payer.status.Scope)
		for id, chain := range merchant {
			prev := pay.FactID(id)
			for i, f := range chain {
				d, err := pay.As[pay.Decision](f)
				p.must(err)
				if d.Prev != prev || int(d.Seq) != i+1 {
					rt.Fatalf("decision %d of %s is not linked", i+1, id.Short())
				}
				prev = f.ID()
				if len(payer[id]) > 0 && (len(payer[id]) != len(chain) || string(payer[id][i].Raw()) != string(f.Raw())) {
					rt.Fatalf("payer and merchant have other decisions on %s", id.Short())
				}
			}
		}
	})
}

// I9: what folds from the decisions is what the registry keeps, and what the last
// decision alone says.
func TestI9OneStatus(t *testing.T) {
	holds(t, func(p *play, rt *rapid.T) {
		for _, f := range p.requests {
			p.request = f
			folded := p.stands()
			if folded.Seq == 0 {
				continue
			}
			if alone := pay.PaymentAt(folded.LastID, folded.Decision); alone != folded {
				rt.Fatalf("folded %+v, alone %+v", folded, alone)
			}
			row := p.mem.dump("p/")["p/"+string(folded.ID[:])]
			if !strings.Contains(row, string(pay.Encode(folded.Decision))) || folded.Sums() != (pay.Sums{}) && !strings.Contains(row, p.holdRow(folded.Sums())) {
				rt.Fatalf("the row of %s is another payment", folded.ID.Short())
			}
		}
	})
}
