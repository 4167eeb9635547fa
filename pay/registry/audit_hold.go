package registry

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// checkAction sees that a claim of the merchant decided, and that the money moved as
// that claim asks for.
func (a *paymentAudit) checkAction(l decided, h paymentRow) error {
	id, state := l.d.Payment.Short(), l.d.State
	f, ok, err := a.rows.Fact(l.d.Claim)
	if err != nil {
		return err
	}
	act, is := pay.ActionOf(f)
	if !ok || !is || f.Kind() != l.arrow.Claim || act.Payment != l.d.Payment || !a.signedBy(l.arrow.Signer, f, h) {
		a.report("payment %s: it is %s without a %s of the merchant", id, state, l.arrow.Claim)
		return nil
	}
	// When the box stored the claim no fact says; that the hold was not over, the
	// arrow's deadline has shown.
	before := l.before.Decision
	moved, reason := moves(f.Kind(), act, before, min(l.d.At, before.HoldUntil-1))
	if reason != "" || l.d.SumsAfter().Minus(l.before.Sums()) != moved {
		a.report("payment %s: it is %s by a %s of another amount", id, state, l.arrow.Claim)
	}
	return nil
}

// checkActionKeys sees that no two actions were followed under one key.
func (a *paymentAudit) checkActionKeys(chain []decided) error {
	if len(chain) < 3 { // an offer, an answer, and more than one action
		return nil
	}
	keys := make(map[pay.IdempotencyKey]bool)
	for _, l := range chain {
		f, ok, err := a.rows.Fact(l.d.Claim)
		if err != nil {
			return err
		}
		act, is := pay.ActionOf(f)
		if !ok || !is {
			continue
		}
		if keys[act.Key] {
			a.out.Duplicates++
			a.report("payment %s: two claims of the merchant were followed under one key", l.d.Payment.Short())
		}
		keys[act.Key] = true
	}
	return nil
}

// checkMore sees that an approval of the payer holds more, and that the merchant had
// asked for just that.
func (a *paymentAudit) checkMore(l decided, h paymentRow) error {
	id := l.d.Payment.Short()
	f, ok, err := a.rows.Fact(l.d.Claim)
	if err != nil {
		return err
	}
	answer, err := pay.As[pay.IncrementAnswer](f)
	if !ok || err != nil || answer.Payment != l.d.Payment || answer.Verdict != pay.Approve || answer.By != l.d.By || !a.signedBy(l.arrow.Signer, f, h) {
		a.report("payment %s: more is held without an approval of the payer's wallet", id)
		return nil
	}
	offer, ok, err := fact[pay.IncrementOffer](a.rows, answer.Offer)
	if err != nil {
		return err
	}
	moved := l.d.SumsAfter().Minus(l.before.Sums())
	terms := offer.More == answer.More && offer.Merchant == l.d.Merchant && offer.Currency == l.d.Currency && offer.HoldUntil == l.d.HoldUntil
	if !ok || !terms || l.d.At >= offer.Expires || moved != (pay.Sums{Held: offer.Amount}) || l.d.SumsAfter().Held != offer.Total {
		a.report("payment %s: more is held than its payer approved, or out of time", id)
	}
	return nil
}

// holdAudit is the part of an audit that looks at claims which were made again, and at
// increments.
type holdAudit struct{ *auditor }

func inspectHolds(a *auditor) inspection {
	h := holdAudit{a}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindActionKnown:    reading(func(_ pay.Fact, k pay.ActionKnown) error { return h.checkKnown(k) }),
			pay.KindIncrementOffer: reading(func(f pay.Fact, o pay.IncrementOffer) error { return h.checkOffer(f.ID(), o) }),
			pay.KindIncrementEnd:   reading(func(f pay.Fact, e pay.IncrementEnd) error { return h.checkEnd(f.ID(), e) }),
		},
		passes: []func(context.Context) error{h.checkRows},
	}
}

// rowOf returns the row of the increment that a claim asked for; ok is false when there
// is none, or it cannot be read.
func (a holdAudit) rowOf(claim pay.FactID) (r incrementRow, act pay.Action, ok bool, err error) {
	f, _, err := a.rows.Fact(claim)
	if err != nil {
		return r, act, false, err
	}
	act, is := pay.ActionOf(f)
	if !is || f.Kind() != pay.KindIncrement {
		return r, act, false, nil
	}
	r, ok, err = incrementRows.Get(a.rows, rows.Key(act.Payment, act.Key))
	return r, act, ok && err == nil, damageIsNone(err)
}

// checkOffer holds an offer of more against the claim that asked for it and its row.
func (a holdAudit) checkOffer(id pay.FactID, o pay.IncrementOffer) error {
	r, act, ok, err := a.rowOf(o.Claim)
	if err == nil && (!ok || r.ID != id || r.Claim != o.Claim || r.Offer != o || act.Payment != o.Payment || act.Amount != o.Amount) {
		a.report("payment %s: its payer was asked for more, and nobody had asked for that, or its row says otherwise", o.Payment.Short())
	}
	return err
}

// checkEnd holds the end of an increment against its row, and an approval against the
// decision that holds more.
func (a holdAudit) checkEnd(id pay.FactID, e pay.IncrementEnd) error {
	r, _, ok, err := a.rowOf(e.Claim)
	if err != nil {
		return err
	}
	if !ok || r.End != id || r.ID != e.Offer || r.Offer.Payment != e.Payment {
		a.report("payment %s: it is said what came of an increment, and its row says otherwise", e.Payment.Short())
	}
	followed, err := a.names(e.Payment, e.Answer)
	if err == nil && followed != (e.Reason == "") {
		a.report("payment %s: what is said of its increment is not what was decided", e.Payment.Short())
	}
	return err
}

// checkRows sees that there is an offer for each row, and an end where the row has one.
func (a holdAudit) checkRows(ctx context.Context) error {
	type key = rows.Pair[pay.PaymentID, pay.IdempotencyKey]
	return walk(ctx, a.auditor, incrementRows, func(k key, r incrementRow, damage error) error {
		if damage != nil { // which checkSpaces reports
			return nil
		}
		offer, ok1, err := a.spoken(r.ID, pay.KindIncrementOffer)
		if err != nil {
			return err
		}
		_, ok2, err := a.spoken(r.End, pay.KindIncrementEnd)
		if err != nil {
			return err
		}
		o, bad := pay.As[pay.IncrementOffer](offer)
		if f, _, err := a.rows.Fact(o.Claim); err != nil {
			return err
		} else if act, is := pay.ActionOf(f); bad != nil || !ok1 || !is || act.Payment != k.First || act.Key != k.Second || !r.End.IsZero() && !ok2 {
			a.report("payment %s: it has a row of an increment that nobody asked for", k.First.Short())
		}
		return nil
	})
}

// spoken returns a statement of the registry of the kind; ok is false when there is none.
func (a holdAudit) spoken(id pay.FactID, kind pay.Kind) (f pay.Fact, ok bool, err error) {
	f, ok, err = a.rows.Fact(id)
	if err != nil || !ok || f.Kind() != kind {
		return f, false, err
	}
	row, _ := pay.LookupKind(kind)
	at, err := row.SignedAt(f)
	return f, err == nil && a.speaks(f, at), nil
}

// names reports whether a decision on a payment names a claim.
func (a holdAudit) names(id pay.PaymentID, claim pay.FactID) (bool, error) {
	h, _, err := paymentRows.Get(a.rows, id)
	if bad := damageIsNone(err); bad != nil {
		return false, bad
	}
	for d := h.Decision; d.Seq > 1; {
		if d.Claim == claim && !claim.IsZero() {
			return true, nil
		}
		var ok bool
		if d, ok, err = fact[pay.Decision](a.rows, d.Prev); err != nil || !ok {
			return false, err
		}
	}
	return false, nil
}

// checkKnown holds the statement that a claim was made before against both claims, and
// the first of them against what was decided.
func (a holdAudit) checkKnown(k pay.ActionKnown) error {
	later, ok1, err := a.rows.Fact(k.Claim)
	if err != nil {
		return err
	}
	first, ok2, err := a.rows.Fact(k.First)
	if err != nil {
		return err
	}
	one, is1 := pay.ActionOf(later)
	two, is2 := pay.ActionOf(first)
	// Two voids of one payment are one, and so are two prices.
	both := first.Kind() == pay.KindVoid || first.Kind() == pay.KindPrice || one.Key == two.Key
	if !ok1 || !ok2 || !is1 || !is2 || later.Kind() != first.Kind() || one.Payment != k.Payment || two.Payment != k.Payment || !one.Same(two) || !both {
		a.report("payment %s: it is said of two claims of the merchant that they are one", k.Payment.Short())
		return nil
	}
	_, _, followed, err := a.rowOf(k.First)
	if err == nil && !followed && first.Kind() == pay.KindPrice {
		row, _, bad := laterRows.Get(a.rows, k.Payment)
		followed, err = row.Price == k.First, damageIsNone(bad)
	}
	if err == nil && !followed {
		followed, err = a.names(k.Payment, k.First)
	}
	if err == nil && !followed {
		a.report("payment %s: it is said that a claim was followed, and nothing came of it", k.Payment.Short())
	}
	return err
}
