package node

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// hold has the owner approve a payment of 12.50 by hand, to be held, and returns the
// decision that holds it.
func (w *loneWallet) hold() pay.Decision {
	w.t.Helper()
	return w.approveByHand(w.offerHold())
}

// offerHold offers a payment of 12.50 that is to be held.
func (w *loneWallet) offerHold() (d pay.Decision) {
	w.t.Helper()
	d = w.offer()
	d.HoldUntil, d.Evidence = d.Expires.Add(3_600_000), pay.EvidenceWords
	d.Prev = w.deliver(d)
	return d
}

// approveByHand approves an offer, and returns the decision that holds it.
func (w *loneWallet) approveByHand(d pay.Decision) pay.Decision {
	w.t.Helper()
	if _, err := w.Answer(w.t.Context(), d.Payment.String(), pay.Approve, pay.ByHand); err != nil {
		w.t.Fatal(err)
	}
	d.Seq, d.State, d.Claim, d.By, d.Sums = 2, pay.StateHeld, w.answers()[0].ID(), pay.ByHand, pay.Sums{Held: d.Amount}
	w.deliver(d)
	return d
}

// more asks for more on a hold; the offer's id is first.
func (w *loneWallet) more(d pay.Decision, n byte, by pay.Amount) (pay.FactID, pay.IncrementOffer) {
	w.t.Helper()
	o := pay.IncrementOffer{Claim: pay.FactID{n, 0xcc}, At: w.store.Now(), More: pay.More{
		Payment: d.Payment, Merchant: d.Merchant, Amount: by, Total: d.Sums.Held + by, Currency: d.Currency, Expires: d.Expires, HoldUntil: d.HoldUntil,
	}}
	return w.deliver(o), o
}

// answers are what the wallet has answered so far, in order.
func (w *loneWallet) answers() (facts []pay.Fact) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(v *store.View) error {
		return v.Facts(func(f pay.Fact) error {
			if f.Kind() == pay.KindAnswer || f.Kind() == pay.KindIncrementAnswer {
				facts = append(facts, f)
			}
			return nil
		})
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return facts
}

// toMore are the answers to increments among them.
func (w *loneWallet) toMore() (list []pay.IncrementAnswer) {
	for _, f := range w.answers() {
		if a, err := pay.As[pay.IncrementAnswer](f); err == nil {
			list = append(list, a)
		}
	}
	return list
}

// TestExecutorAnswersIncrements: the command gets an increment as it gets an offer, once,
// with by how much and to what total, and its word is given as the rule's.
func TestExecutorAnswersIncrements(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		exit int
		want pay.Verdict
	}{"approve": {0, pay.Approve}, "decline": {1, pay.Decline}, "a person is asked": {7, ""}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			told := filepath.Join(t.TempDir(), "told")
			w := newLoneWallet(t, fmt.Sprintf("exec:cat >>%s; exit %d", told, tc.exit))
			_, o := w.more(w.hold(), 1, 300)
			x := newApprover(&w.payer, w.command)
			for range 3 {
				if _, err := x.answerAll(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
			raw, err := os.ReadFile(told)
			var p api.Payment
			if err != nil || bytes.Count(raw, []byte("\n")) != 1 || json.Unmarshal(raw, &p) != nil {
				t.Fatalf("the command was told %q (%v)", raw, err)
			}
			if p.State != pay.StateHeld || p.Amount != 1250 || p.AmountHeld != 1250 || p.Increment == nil || p.Increment.Amount != 300 || p.Increment.Total != 1550 {
				t.Errorf("the command was told %s", raw)
			}
			switch given := w.toMore(); {
			case tc.want == "" && len(given) == 0:
			case len(given) == 1 && given[0].More == o.More && given[0].Verdict == tc.want && given[0].By == "exec":
			default:
				t.Errorf("the answers are %+v", given)
			}
		})
	}
}

// TestExecutorsWordIsForWhatItWasAsked: while the command thinks about one offer of a
// payment, that one ends and another takes its place, for more. The word is not given to
// the other one; the command is asked about that anew.
func TestExecutorsWordIsForWhatItWasAsked(t *testing.T) {
	t.Parallel()
	for name, increments := range map[string]bool{"the payment's own offer": false, "an increment": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			goOn := filepath.Join(t.TempDir(), "go-on")
			if err := syscall.Mkfifo(goOn, 0o600); err != nil {
				t.Fatal(err)
			}
			w := newLoneWallet(t, "exec:cat >/dev/null; read -r verdict <"+goOn+"; exit $verdict")
			x := newApprover(&w.payer, w.command)
			var d pay.Decision
			var first pay.FactID
			if increments {
				d = w.hold()
				first, _ = w.more(d, 1, 300)
			} else {
				d = w.offerHold()
			}
			ended := make(chan error, 1)
			think := func() *os.File { // until the command has opened its end
				go func() {
					_, err := x.answerAll(t.Context())
					ended <- err
				}()
				f, err := os.OpenFile(goOn, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				return f
			}
			says := func(f *os.File, exit string) {
				if _, err := f.WriteString(exit + "\n"); err != nil {
					t.Fatal(err)
				}
				_ = f.Close()
				if err := <-ended; err != nil {
					t.Fatal(err)
				}
			}
			asked := think()
			if increments {
				w.deliver(pay.IncrementEnd{Payment: d.Payment, Offer: first, Claim: pay.FactID{1, 0xcc}, Reason: pay.ReasonNoAnswer, At: w.store.Now()})
			} else {
				d = w.approveByHand(d)
			}
			_, second := w.more(d, 2, 90_000)
			says(asked, "0")
			if given := w.toMore(); len(given) != 0 {
				t.Fatalf("the word on another offer let %d more be held: %+v", given[0].Amount, given)
			}
			says(think(), "1")
			if given := w.toMore(); len(given) != 1 || given[0].More != second.More || given[0].Verdict != pay.Decline {
				t.Errorf("asked anew, it answers %+v", given)
			}
		})
	}
}
