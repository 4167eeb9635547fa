package wallet_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

func TestRules(t *testing.T) {
	t.Parallel()
	under := wallet.Rule{Kind: wallet.Under, Limit: 2000, Currency: "EUR", Name: "under:20.00"}
	tests := []struct {
		name     string
		rule     wallet.Rule
		amount   pay.Amount
		currency pay.Currency
		want     pay.Verdict // "" asks
		by       pay.Rule
	}{
		{"no rule", wallet.Rule{}, 1, "EUR", "", ""},
		{"ask", wallet.Rule{Kind: wallet.Ask}, 1, "EUR", "", ""},
		{"a program asks", wallet.Rule{Kind: wallet.Ask, Name: "exec:guard"}, 1, "EUR", "", ""},
		{"none", wallet.Rule{Kind: wallet.None}, 1, "EUR", pay.Decline, "none"},
		{"all", wallet.Rule{Kind: wallet.All}, pay.AmountMax, "USD", pay.Approve, "all"},
		{"under: smallest", under, 1, "EUR", pay.Approve, "under:20.00"},
		{"under: one below", under, 1999, "EUR", pay.Approve, "under:20.00"},
		{"under: the limit", under, 2000, "EUR", pay.Approve, "under:20.00"},
		{"under: one above", under, 2001, "EUR", "", ""},
		{"under: largest", under, pay.AmountMax, "EUR", "", ""},
		{"under: another currency", under, 1, "USD", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, test.rule)
			offer := w.offer(1, test.amount, test.currency)
			posted := w.deliver(offer)
			e := w.show(decisionOf(t, offer).Payment)
			if e.Verdict != test.want || e.By != test.by || e.Answering != (test.want != "") || e.Queued != e.Answering {
				t.Errorf("entry is %+v", e)
			}
			if asks := len(w.pending()) == 1; asks != (test.want == "") {
				t.Errorf("pending %v, want the rule to say %q", asks, test.want)
			}
			if test.want == "" {
				if len(posted) != 0 {
					t.Fatal("the rule answered")
				}
				return
			}
			if len(posted) != 1 {
				t.Fatalf("%d facts in the reaction", len(posted))
			}
			wantAnswer(t, w, posted[0], offer, test.want, test.by)
			if again := w.deliver(offer); len(again) != 0 {
				t.Error("the same offer was answered twice")
			}
		})
	}
}

// wantAnswer checks that an answer repeats the offer and nothing else (1.5).
func wantAnswer(t *testing.T, w *world, f, offer pay.Fact, v pay.Verdict, by pay.Rule) {
	t.Helper()
	d := decisionOf(t, offer)
	got, err := pay.As[pay.Answer](f)
	want := pay.Answer{
		Payment: d.Payment, Offer: offer.ID(), Merchant: d.Merchant, Amount: d.Amount, Currency: d.Currency,
		Expires: d.Expires, Verdict: v, By: by, Created: w.now,
	}
	if err != nil || got != want || f.Verify(w.own.Public()) != nil {
		t.Errorf("answer is\n%+v, want\n%+v (%v)", got, want, err)
	}
}

func TestRuleThatCannotBe(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		rule wallet.Rule
		want pay.ErrorCode
	}{
		{"no kind", wallet.Rule{Kind: "sometimes"}, pay.CodeUsage},
		{"no limit", wallet.Rule{Kind: wallet.Under, Currency: "EUR"}, pay.CodeAmount},
		{"negative limit", wallet.Rule{Kind: wallet.Under, Limit: -1, Currency: "EUR"}, pay.CodeAmount},
		{"no currency", wallet.Rule{Kind: wallet.Under, Limit: 1}, pay.CodeCurrency},
		{"name too long", wallet.Rule{Name: pay.Rule(strings.Repeat("n", pay.RuleBytesMax+1))}, pay.CodeUsage},
		{"name moves the cursor", wallet.Rule{Kind: wallet.All, Name: "a\x1b"}, pay.CodeUsage},
		{"poses as a person", wallet.Rule{Kind: wallet.All, Name: pay.ByHand}, pay.CodeUsage},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := wallet.New(wallet.Options{Key: key(t, 1), Scope: scope, Rule: test.rule})
			wantCode(t, err, test.want)
		})
	}
}

type foreignKind struct {
	kind pay.Kind
	N    int `cbor:"1,keyasint"`
}

func (f foreignKind) Kind() pay.Kind { return f.kind }
func (foreignKind) Check() error     { return nil }

func TestCriticalKindStopsApprovals(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{Kind: wallet.All})
	w.deliver(sign(t, w.working, foreignKind{"advice", 1}))
	if len(w.deliver(w.offer(1, 5, "EUR"))) != 1 {
		t.Error("a kind that is not critical stopped the rule")
	}
	w.deliver(sign(t, w.working, foreignKind{"must-escrow", 1}))
	if len(w.deliver(w.offer(2, 5, "EUR"))) != 0 {
		t.Error("the rule approved without understanding")
	}
	_, _, err := w.answer("", pay.Approve, pay.ByHand)
	wantCode(t, err, pay.CodeUpgrade)
	if _, _, err := w.answer("", pay.Decline, pay.ByHand); err != nil {
		t.Errorf("decline: %v", err)
	}
}
