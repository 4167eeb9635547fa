package registry

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
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

// inspectHolds is the part of an audit that looks at claims which were made again.
func inspectHolds(a *auditor) inspection {
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindActionKnown: reading(func(_ pay.Fact, k pay.ActionKnown) error { return a.checkKnown(k) }),
		},
		passes: []func(context.Context) error{},
	}
}

// checkKnown holds the statement that a claim was made before against both claims, and
// the first of them against the decisions on the payment.
func (a *auditor) checkKnown(k pay.ActionKnown) error {
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
	both := first.Kind() == pay.KindVoid || one.Key == two.Key // two voids of one payment are one
	if !ok1 || !ok2 || !is1 || !is2 || later.Kind() != first.Kind() || one.Payment != k.Payment || two.Payment != k.Payment || !one.Same(two) || !both {
		a.report("payment %s: it is said of two claims of the merchant that they are one", k.Payment.Short())
		return nil
	}
	h, _, err := paymentRows.Get(a.rows, k.Payment)
	if damageIsNone(err) != nil {
		return err
	}
	for d := h.Decision; d.Seq > 1; {
		if d.Claim == k.First {
			return nil
		}
		var ok bool
		if d, ok, err = fact[pay.Decision](a.rows, d.Prev); err != nil || !ok {
			break
		}
	}
	a.report("payment %s: it is said that a claim was followed, and no decision names it", k.Payment.Short())
	return nil
}
