package registry

import (
	"context"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// paymentAudit is the part of an audit that looks at payments and the book. It
// follows each payment from its row back to its request and holds one payment in
// memory at a time. That no decision lies beside those chains is a matter of
// counting: each decision stands in at most one chain. Only when the numbers
// differ are the strays looked for; see strays.
type paymentAudit struct {
	*auditor
	decided int // decisions of the registry among the facts
	linked  int // those of them that a payment's row leads to
	broken  int // rows that do not lead to the request
}

func inspectPayments(a *auditor) inspection {
	p := &paymentAudit{auditor: a}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindDecision: func(pay.Fact) error {
				p.decided++
				return nil
			},
		},
		passes: []func(context.Context) error{
			p.checkPayments, p.checkStrays, p.checkKeys, p.checkFlights, p.checkBook,
		},
	}
}

// checkPayments checks all payments that the audit is about.
func (a *paymentAudit) checkPayments(ctx context.Context) error {
	if a.grown != nil {
		a.keys = a.grown.good.Keys
		return a.checkGrown(ctx)
	}
	return walk(ctx, a.auditor, paymentRows, a.checkPayment)
}

// decided is a decision with the name of its fact and, when it follows, the
// arrow that it takes from the payment before.
type decided struct {
	id     pay.FactID
	d      pay.Decision
	before pay.Payment
	arrow  pay.Arrow
}

// checkPayment checks a payment whose row leads to all of its decisions. The
// others are left to checkStrays.
func (a *paymentAudit) checkPayment(id pay.PaymentID, h paymentRow, damage error) error {
	a.at(a.within(shareFacts, sharePayments, id))
	if damage != nil {
		a.broken++
		return nil
	}
	chain, whole, err := a.chain(id, h.Last)
	if err != nil {
		return err
	}
	if !whole {
		a.broken++
		return nil
	}
	a.linked += len(chain)
	return a.checkChain(id, h, chain)
}

// chain returns the decisions on a payment from the first to last, by the links
// between them; whole is false when they do not lead to the request.
func (a *paymentAudit) chain(id pay.PaymentID, last pay.FactID) (chain []decided, whole bool, err error) {
	for next := last; ; {
		d, ok, err := a.decision(next)
		if err != nil || !ok || d.Payment != id {
			return nil, false, err
		}
		if n := len(chain); n > 0 && d.Seq != chain[n-1].d.Seq-1 {
			return nil, false, nil
		}
		chain = append(chain, decided{id: next, d: d})
		if d.Seq == 1 {
			slices.Reverse(chain)
			return chain, d.Prev == pay.FactID(id), nil
		}
		next = d.Prev
	}
}

// decision reads a decision of the registry; ok is false when the fact is none.
func (a *paymentAudit) decision(id pay.FactID) (d pay.Decision, ok bool, err error) {
	f, ok, err := a.rows.Fact(id)
	if err != nil || !ok || f.Kind() != pay.KindDecision {
		return d, false, err
	}
	if d, err = pay.As[pay.Decision](f); err != nil {
		return d, false, err
	}
	return d, a.speaks(f, d.At), nil
}

// checkChain folds all decisions on one payment anew and compares the result with
// its row, its request, its claims and the book.
func (a *paymentAudit) checkChain(id pay.PaymentID, h paymentRow, chain []decided) error {
	a.out.Payments++
	p := a.checkFold(id, h, chain)
	if err := a.checkRequest(id, p, h, chain); err != nil {
		return err
	}
	return a.checkClaims(p, h, chain)
}

// checkFold folds decisions and compares the result, which it returns, with the
// payment's row.
func (a *paymentAudit) checkFold(id pay.PaymentID, h paymentRow, chain []decided) pay.Payment {
	p, why := fold(id, chain)
	if why != nil {
		a.report("payment %s: %v", id.Short(), why)
	}
	if outcomes(chain) > 1 {
		a.out.Duplicates++
		a.report("payment %s: it has two outcomes", id.Short())
	}
	if why == nil && (p.LastID != h.Last || p.Decision != h.Decision) {
		a.report("payment %s: its row says %s, its decisions say %s", id.Short(), h.Decision.State, p.State)
	}
	return p
}

// fold applies the decisions and notes the arrow of each. It returns an error for
// the first that does not follow. A registry knows all states that it signs.
func fold(id pay.PaymentID, chain []decided) (p pay.Payment, err error) {
	p = pay.Open(pay.FactID(id))
	for i := range chain {
		link := &chain[i]
		link.before = p
		if p, err = p.Next(link.id, link.d); err != nil {
			return p, err
		}
		// A state that nobody knows has no arrow.
		if link.arrow, err = link.before.Arrow(link.d); err != nil {
			return link.before, err
		}
	}
	return p, nil
}

// outcomes returns how many decisions are final without an arrow from another one
// that is.
func outcomes(chain []decided) (n int) {
	for _, l := range chain {
		follows := l.arrow != (pay.Arrow{})
		if l.d.State.Final() && (!follows || !l.before.State.Final()) {
			n++
		}
	}
	return n
}

// checkRequest holds the terms against the request that the payment is named
// after, and the key that it was made under.
func (a *paymentAudit) checkRequest(id pay.PaymentID, p pay.Payment, h paymentRow, chain []decided) error {
	f, ok, err := a.rows.Fact(pay.FactID(id))
	if err != nil {
		return err
	}
	req, err := pay.OpeningOf(f)
	if !ok || err != nil {
		a.report("payment %s: its request is missing", id.Short())
		return nil
	}
	d, box := p.Decision, a.nodes[f.Signer()]
	if d.Merchant != req.Merchant || d.Site != req.Site || d.Currency != req.Currency ||
		d.Handle != req.Handle || d.Ref != req.Ref || d.IsHold() != (req.Hold != 0) || len(chain) > 0 && outlasts(chain[0].d, req) {
		a.report("payment %s: its terms are not those of its request", id.Short())
	}
	if silent := d.Evidence == "" && !d.Certain; !silent && (d.Evidence != req.Evidence || d.Certain != req.Certain) {
		a.report("payment %s: its decisions say that the payer was found otherwise than its request does", id.Short())
	}
	if d.TipMax != 0 && d.TipMax != req.TipMax {
		a.report("payment %s: its decisions allow another tip than its request does", id.Short())
	}
	if !d.Excess.IsZero() && d.Excess != req.Excess {
		a.report("payment %s: its decisions state another strength than its request does", id.Short())
	}
	if f.Signer() != h.Box || box.Role != pay.RoleBox || box.Scope != d.Merchant || box.MerchantName != d.MerchantName {
		a.report("payment %s: its request is not from a box of the merchant", id.Short())
	}
	if a.grown != nil && a.verify(f, box.Node) != nil { // else readRest has
		a.report("payment %s: its request is not signed by its box", id.Short())
	}
	if err := a.checkAmount(id, d.Amount, req, h); err != nil {
		return err
	}
	if err := a.checkFuel(id, h, req, chain); err != nil {
		return err
	}
	var first pay.Decision
	if len(chain) > 0 {
		first = chain[0].d
	}
	return a.checkKey(id, req, first)
}

// checkClaims holds each decision against the claim that it names, by the arrow
// that it takes, and the sums against the book.
func (a *paymentAudit) checkClaims(p pay.Payment, h paymentRow, chain []decided) error {
	if h.Wallet != "" && p.Decision.Payer != a.payerRef(h.Wallet, p.Decision.Merchant) {
		a.report("payment %s: its row names another payer than its decisions", p.ID.Short())
	}
	if err := a.checkActionKeys(chain); err != nil {
		return err
	}
	if err := a.checkAcquirer(h, chain); err != nil {
		return err
	}
	for _, l := range chain {
		var err error
		if l.d.Why != "" {
			err = a.checkSettled(l)
		}
		if err != nil {
			return err
		}
		switch l.arrow.Claim {
		case pay.KindAnswer:
			err = a.checkAnswer(l, h)
		case pay.KindMandate:
			err = a.checkMandate(l, h)
		case pay.KindCancel:
			err = a.checkCancel(l, h)
		case pay.KindCapture, pay.KindVoid, pay.KindRefund:
			err = a.checkAction(l, h)
		case pay.KindIncrementAnswer:
			err = a.checkMore(l, h)
		case pay.KindAcquirerAnswer, pay.KindSettled: // checkAcquirer has, and checkSettled
		case pay.KindRequest, pay.KindOpening, "": // checkRequest has seen the request, and nobody signs for the clock
		default:
			a.report("payment %s: it is %s by a %s, which no audit knows", p.ID.Short(), l.d.State, l.arrow.Claim)
		}
		if err != nil {
			return err
		}
	}
	return a.checkHold(p, h)
}

// signedBy reports whether f is signed by the party to a payment that has this
// row.
func (a *paymentAudit) signedBy(party pay.Party, f pay.Fact, h paymentRow) bool {
	node := a.nodes[f.Signer()]
	switch party {
	case pay.PartyBox:
		return node.Role == pay.RoleBox && node.Scope == h.Decision.Merchant && a.verify(f, node.Node) == nil
	case pay.PartyPayer:
		return node.Role == pay.RoleWallet && node.Scope == h.Wallet && a.verify(f, node.Node) == nil
	default:
		return false
	}
}

// checkAnswer sees that an answer to the offer before decided. Money moves by an
// approval of these very terms that the payer's wallet signed (I6).
func (a *paymentAudit) checkAnswer(l decided, h paymentRow) error {
	id, state := l.d.Payment.Short(), l.d.State
	f, ok, err := a.rows.Fact(l.d.Claim)
	if err != nil {
		return err
	}
	answer, err := pay.As[pay.Answer](f)
	if !ok || err != nil {
		a.report("payment %s: it is %s without an answer", id, state)
		return nil
	}
	offer := h
	offer.Last, offer.Decision = l.before.LastID, l.before.Decision
	if l.arrow.From == pay.StateTipped { // which names the same answer, and has the same terms
		offer.Last = l.before.Decision.Prev
	}
	approved := state != pay.StateDeclined
	switch {
	case !a.signedBy(l.arrow.Signer, f, h):
		a.report("payment %s: it is %s by an answer that the payer's wallet did not sign", id, state)
	case approved && state != pay.StateFailed && (answer.HoldUntil != l.d.HoldUntil || answer.Tip != l.d.Tip), !covers(answer, offer) || (answer.Verdict == pay.Approve) != approved || answer.By != l.d.By:
		a.report("payment %s: it is %s by an answer to other terms", id, state)
	case l.d.Reason == pay.ReasonPayerCannotAnswer && !answer.Cannot:
		a.report("payment %s: it is said that its payer cannot answer, and the payer did not say so", id)
	default:
		a.checkAuthentication(l, offer, answer, f.Signer())
	}
	return nil
}

// outlasts reports whether the first decision on a payment has an offer or a hold that
// stands for longer than the request asked for.
func outlasts(first pay.Decision, req pay.Opening) bool {
	return first.Expires > first.At.Add(req.TTL) || first.HoldUntil > first.At.Add(req.Hold) && first.IsHold()
}

// checkCancel sees that a cancel of a box of the merchant decided.
func (a *paymentAudit) checkCancel(l decided, h paymentRow) error {
	f, ok, err := a.rows.Fact(l.d.Claim)
	if err != nil {
		return err
	}
	c, err := pay.As[pay.Cancel](f)
	if err == nil && c.Payment != l.d.Payment { // it may name a request that met its key in use
		held, _, rowErr := heldRows.Get(a.rows, c.Payment)
		if rowErr != nil {
			return rowErr
		}
		if held.Same {
			c.Payment = held.Payment
		}
	}
	if !ok || err != nil || c.Payment != l.d.Payment || !a.signedBy(l.arrow.Signer, f, h) {
		a.report("payment %s: it is cancelled without a cancel of the merchant", l.d.Payment.Short())
	}
	return nil
}

// checkHold counts the payment's money in the tally and holds the sums of the
// last decision against those of the book.
func (a *paymentAudit) checkHold(p pay.Payment, h paymentRow) error {
	hold, own, posted, err := holdOf(a.rows, p.ID, h)
	if err != nil {
		return err
	}
	if own {
		a.paid.Hold()
	}
	d, sums := p.Decision, p.Sums()
	if sums == (pay.Sums{}) {
		if posted {
			a.report("payment %s: it is %s and its money moved", p.ID.Short(), p.State)
		}
		return nil
	}
	a.paid.Pay(book.Payment{ID: p.ID, From: h.payer(), To: d.Merchant, Currency: d.Currency}, sums)
	others := own && (hold.From != h.payer() || hold.To != d.Merchant || hold.Currency != d.Currency)
	if !posted || others || hold.Sums() != sums {
		a.report("payment %s: it is %s and the book has another sum or none", p.ID.Short(), p.State)
	}
	return nil
}

// checkKeys reports keys that stand for payments which nobody decided on.
func (a *paymentAudit) checkKeys(context.Context) error {
	n, err := chargeRows.Count(a.rows)
	if err != nil {
		return err
	}
	more, err := keyRows.Count(a.rows)
	if err != nil {
		return err
	}
	left, err := a.unpriced()
	more -= left
	if n += more; err == nil && n != a.keys {
		a.report("%d keys of payments are kept, the facts say %d", n, a.keys)
	}
	return err
}

// checkBook compares the accounts with the facts.
func (a *paymentAudit) checkBook(context.Context) (err error) {
	a.tally.Merge(&a.paid)
	a.out.Imbalance, err = a.tally.Compare(a.rows, func(finding string) { a.report("%s", finding) })
	return err
}

// opening reads the request that opened a payment; ok is false when there is none.
func opening(rows pay.Rows, id pay.FactID) (o pay.Opening, ok bool, err error) {
	f, ok, err := rows.Fact(id)
	if err != nil || !ok {
		return o, false, err
	}
	if o, err = pay.OpeningOf(f); err != nil {
		return o, false, fmt.Errorf("fact %s: %w", id, err)
	}
	return o, true, nil
}

// fact reads a stored fact of the given kind; ok is false when there is none.
func fact[B pay.Body](rows pay.Rows, id pay.FactID) (b B, ok bool, err error) {
	f, ok, err := rows.Fact(id)
	if err != nil || !ok {
		return b, false, err
	}
	b, err = pay.As[B](f)
	if err != nil {
		return b, false, fmt.Errorf("fact %s: %w", id, err)
	}
	return b, true, nil
}
