package registry

import (
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Prompts are limited because a person who is asked often enough approves at last.
// What a rule answers disturbs nobody and does not count. Whether a rule will answer,
// the registry cannot know while the offer is in flight, so it goes by what it has
// seen: an offer is expected to be answered by a rule when the terms let one answer
// and the wallet's rules have approved as much before. It becomes a prompt like
// another when the answer does not come at once. Else a till that was away could
// not hand in what it has taken, because many offers are then in flight together.

// prompted is one offer that a wallet did not approve, or not yet. Cause is the
// box elsewhere because of which a person is asked, zero when there is none.
type prompted struct {
	At      pay.Time      `cbor:"1,keyasint"`
	Payment pay.PaymentID `cbor:"2,keyasint"`
	Cause   pay.NodeID    `cbor:"3,keyasint,omitzero"`
	ByRule  bool          `cbor:"4,keyasint,omitempty"` // a rule was expected to answer
}

// ruledRow is what is known of a wallet's rules.
type ruledRow struct {
	UpTo pay.Amount `cbor:"1,keyasint"` // what they approved, and nothing less was left to a person since
}

// disturbs reports whether a person is likely to see the prompt.
func (p prompted) disturbs(now pay.Time) bool {
	return !p.ByRule || now.Sub(p.At) >= pay.PromptRuleWait
}

// lookAtPrompts reads what the limits of prompts depend on.
func (t *turn) lookAtPrompts(f *found, box pay.NodeID) (err error) {
	if f.recent, _, err = promptRows.Get(t.rows, rows.Key(f.row.Wallet, box)); err != nil {
		return err
	}
	f.recent = slices.DeleteFunc(f.recent, func(p prompted) bool { return t.now.Sub(p.At) >= hour || ahead(p.At, t.now) })
	ruled, _, err := ruledRows.Get(t.rows, f.row.Wallet)
	f.ruled = ruled.UpTo
	return err
}

// byRule reports whether a rule of the wallet is expected to answer the offer.
func (f found) byRule() bool { return f.alone && f.stepUp() == "" && f.amount <= f.ruled }

// prompts returns how many of the box's prompts have the cause that the offer at
// hand has.
func (f found) prompts() (n int) {
	for _, p := range f.recent {
		if p.Cause == f.cause && p.disturbs(f.now) {
			n++
		}
	}
	return n
}

// expected returns how many of the box's offers wait for the answer of a rule.
func (f found) expected() (n int) {
	for _, p := range f.recent {
		if !p.disturbs(f.now) {
			n++
		}
	}
	return n
}

func (f found) promptsMax() int {
	if f.cause.IsZero() {
		return pay.PromptsPerHour
	}
	return pay.PromptsElsewherePerHour
}

// notePrompt counts the offer among the box's prompts of the wallet.
func (t *turn) notePrompt(f found, box pay.NodeID, payment pay.PaymentID) error {
	p := prompted{At: f.now, Payment: payment, Cause: f.cause, ByRule: f.byRule()}
	return promptRows.Put(t.rows, rows.Key(f.row.Wallet, box), append(f.recent, p))
}

// forgetPrompt takes a prompt off the count: the payer approved it, or a rule
// answered and nobody was disturbed.
func (t *turn) forgetPrompt(wallet pay.Scope, box pay.NodeID, payment pay.PaymentID) error {
	key := rows.Key(wallet, box)
	list, ok, err := promptRows.Get(t.rows, key)
	if err != nil || !ok {
		return err
	}
	rest := slices.DeleteFunc(list, func(p prompted) bool { return p.Payment == payment })
	return promptRows.Put(t.rows, key, rest)
}

// learnRule keeps up to which amount the wallet's rules approve. An answer by hand
// to what they had approved before shows that they no longer do.
func (t *turn) learnRule(h paymentRow, a pay.Answer) error {
	known, _, err := ruledRows.Get(t.rows, h.Wallet)
	if err != nil {
		return err
	}
	amount := h.Decision.Amount
	byRule := a.Verdict == pay.Approve && a.By != pay.ByHand && a.Code.IsZero()
	switch {
	case byRule && amount > known.UpTo:
		known.UpTo = amount
	case !byRule && h.Decision.AnswersAlone() && amount <= known.UpTo:
		known.UpTo = amount - 1
	default:
		return nil
	}
	return ruledRows.Put(t.rows, h.Wallet, known)
}
