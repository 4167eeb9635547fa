package pay_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// What of a payment over 1000 is tip, whose payer signed one of 200, for what was held,
// captured, released and refunded after a decision: the tip that was captured, the tip that
// still can be, and the amount that is shown as authorised.
const tipSums = `
held 1200                           => tip 0    left 200  of 1000
held 200  captured 1000             => tip 0    left 200  of 1000
held 150  captured 1050             => tip 50   left 150  of 1000
held 700  captured 500              => tip 0    left 200  of 1000
captured 1200                       => tip 200  left 0    of 1000
captured 1000 released 200          => tip 0    left 0    of 1000
captured 1001 released 199          => tip 1    left 0    of 1000
captured 900  released 300          => tip 0    left 0    of 1000
released 1200                       => tip 0    left 0    of 1000
captured 1200 refunded 1200         => tip 200  left 0    of 1000
held 1700                           => tip 0    left 200  of 1500
captured 1600 released 100          => tip 100  left 0    of 1500
captured 1500 held 200              => tip 0    left 200  of 1500
                                    => tip 0    left 0    of 1000
`

func TestWhatIsTip(t *testing.T) {
	t.Parallel()
	for line := range strings.Lines(strings.Trim(tipSums, "\n")) {
		given, want, _ := strings.Cut(line, "=>")
		d := pay.Decision{Terms: pay.Terms{Amount: 1000, TipMax: 300}, Tip: 200, State: pay.StateHeld}
		f := strings.Fields(given)
		for i := 0; i < len(f); i += 2 {
			var n pay.Amount
			if _, err := fmt.Sscan(f[i+1], &n); err != nil {
				t.Fatal(err)
			}
			*map[string]*pay.Amount{"held": &d.Held, "captured": &d.Captured, "released": &d.Released, "refunded": &d.Refunded}[f[i]] = n
		}
		have := strings.Fields(fmt.Sprintf("tip %d left %d of %d", d.TipTaken(), d.TipHeld(), d.Authorised()))
		if !slices.Equal(have, strings.Fields(want)) {
			t.Errorf("%s: have %v, want%s", strings.TrimSpace(given), have, want)
		}
	}
}

// Bodies with a tip, or with the most that it may be, out of bounds are never signed and
// never read.
func TestTipBounds(t *testing.T) {
	t.Parallel()
	offer := offerBody(requestID)
	answer := pay.Answer{
		Payment: offer.Payment, Offer: pay.FactID{9}, Merchant: offer.Merchant, Amount: offer.Amount, Currency: offer.Currency,
		Expires: offer.Expires, Verdict: pay.Approve, By: pay.ByHand, Created: noon,
	}
	request := pay.Request{
		Key: "k", Merchant: "m/cafe", Site: "Main hall", Handle: "amber-otter", Amount: 1250, Currency: "EUR", TTL: pay.RequestTTLDefault, Created: noon,
	}
	for _, c := range []struct {
		name string
		tip  pay.Amount
		most pay.Amount
		bad  string // which bodies are: request, answer, decision
	}{
		{"none", 0, 0, ""},
		{"none of some", 0, 300, ""},
		{"all", 300, 300, ""},
		{"one cent", 1, 300, ""},
		{"one cent above", 301, 300, "decision"},
		{"where none may be", 1, 0, "decision"},
		{"below nothing", -1, 300, "answer decision"},
		{"less than nothing at most", 0, -1, "request decision"},
		{"the most that an amount may be", 0, pay.AmountMax, ""},
		{"more than an amount may be", 0, pay.AmountMax + 1, "request decision"},
		{"with the amount as much as may be", pay.AmountMax - 1250, pay.AmountMax, ""},
		{"with the amount one more", pay.AmountMax - 1249, pay.AmountMax, "answer decision"},
		{"more than an integer holds", 1<<63 - 1, 1<<63 - 1, "request answer decision"},
	} {
		r, a, d := request, answer, offer
		r.TipMax, a.Tip, d.TipMax, d.Tip = c.most, c.tip, c.most, c.tip
		for name, body := range map[string]pay.Body{"request": r, "answer": a, "decision": d} {
			if err := body.Check(); (err != nil) != strings.Contains(c.bad, name) {
				t.Errorf("%s: %s: %v", c.name, name, err)
			}
		}
	}
	answer.Verdict, answer.Tip = pay.Decline, 100
	if answer.Check() == nil {
		t.Error("a tip beside a refusal to pay is allowed")
	}
}

// The tip is part of what is asked for under a key, and of nothing else: a request without
// one has the tag that it always had.
func TestOrderTagOfATip(t *testing.T) {
	t.Parallel()
	secret := pay.KeySecret{7}
	plain := pay.Opening{Request: pay.Request{Amount: 1250, Currency: "EUR"}}
	tips := plain
	tips.TipMax = 300
	more := tips
	more.TipMax = 301
	bill := tips
	bill.Bill = true
	seen := map[pay.OrderTag]bool{}
	for _, o := range []pay.Opening{plain, tips, more, bill} {
		seen[secret.Order(o)] = true
		for _, other := range []pay.Opening{plain, tips, more, bill} {
			if o.SameOrder(other) != (o == other) {
				t.Errorf("%+v and %+v are the same order: %v", o, other, o.SameOrder(other))
			}
		}
	}
	if len(seen) != 4 {
		t.Errorf("four orders have %d tags", len(seen))
	}
}
