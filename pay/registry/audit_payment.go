package registry

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// paymentAudit is the part of an audit that looks at payments and the book.
type paymentAudit struct {
	*auditor
	decisions map[pay.PaymentID][]pay.FactID // until the payment's row was seen
	keys      int                            // keys that payments stand under
}

func inspectPayments(a *auditor) inspection {
	p := &paymentAudit{auditor: a, decisions: make(map[pay.PaymentID][]pay.FactID)}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindDecision: reading(func(f pay.Fact, d pay.Decision) error {
				p.decisions[d.Payment] = append(p.decisions[d.Payment], f.ID())
				return nil
			}),
		},
		passes: []func(context.Context) error{
			func(ctx context.Context) error { return walk(ctx, a, paymentRows, p.checkPayment) },
			p.checkKeys, p.checkMissing, p.checkBook,
		},
	}
}

// decided is a decision with the name of its fact and, when it follows, the
// arrow that it takes from the payment before.
type decided struct {
	id     pay.FactID
	d      pay.Decision
	before pay.Payment
	arrow  pay.Arrow
}

// checkPayment folds the decisions on one payment anew and compares the result
// with its row.
func (a *paymentAudit) checkPayment(id pay.PaymentID, h paymentRow, damage error) error {
	ids, ok := a.decisions[id]
	if !ok {
		a.report("payment %s: it has a row and was never decided on", id.Short())
		return nil
	}
	delete(a.decisions, id)
	a.out.Payments++
	if damage != nil {
		a.report("payment %s: its row cannot be read", id.Short())
		return nil
	}
	chain, err := a.chain(ids)
	if err != nil {
		return err
	}
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
	if err := a.checkRequest(id, p, h, chain); err != nil {
		return err
	}
	return a.checkClaims(p, h, chain)
}

// chain loads decisions in the order of their numbers.
func (a *paymentAudit) chain(ids []pay.FactID) ([]decided, error) {
	chain := make([]decided, 0, len(ids))
	for _, id := range ids {
		d, ok, err := fact[pay.Decision](a.rows, id)
		if err != nil {
			return nil, err
		}
		if !ok {
			a.report("decision %s is listed and missing", id)
			continue
		}
		chain = append(chain, decided{id: id, d: d})
	}
	slices.SortFunc(chain, func(x, y decided) int { return cmp.Compare(x.d.Seq, y.d.Seq) })
	return chain, nil
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
	req, err := pay.As[pay.Request](f)
	if !ok || err != nil {
		a.report("payment %s: its request is missing", id.Short())
		return nil
	}
	d, box := p.Decision, a.nodes[f.Signer()]
	if d.Merchant != req.Merchant || d.Site != req.Site || d.Amount != req.Amount || d.Currency != req.Currency ||
		d.Handle != req.Handle || d.Ref != req.Ref || d.Expires > d.At.Add(req.TTL) {
		a.report("payment %s: its terms are not those of its request", id.Short())
	}
	if f.Signer() != h.Box || box.Role != pay.RoleBox || box.Scope != d.Merchant || box.MerchantName != d.MerchantName {
		a.report("payment %s: its request is not from a box of the merchant", id.Short())
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
	for _, l := range chain {
		var err error
		switch l.arrow.Claim {
		case pay.KindAnswer:
			err = a.checkAnswer(l, h)
		case pay.KindCancel:
			err = a.checkCancel(l, h)
		case pay.KindRequest, "": // checkRequest has seen the request, and nobody signs for the clock
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
		return node.Role == pay.RoleBox && node.Scope == h.Decision.Merchant && f.Verify(node.Node) == nil
	case pay.PartyPayer:
		return node.Role == pay.RoleWallet && node.Scope == h.Wallet && f.Verify(node.Node) == nil
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
	approved := state != pay.StateDeclined
	switch {
	case !a.signedBy(l.arrow.Signer, f, h):
		a.report("payment %s: it is %s by an answer that the payer's wallet did not sign", id, state)
	case !covers(answer, offer) || (answer.Verdict == pay.Approve) != approved || answer.By != l.d.By:
		a.report("payment %s: it is %s by an answer to other terms", id, state)
	default:
		a.checkAuthentication(l, offer, answer, f.Signer())
	}
	return nil
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
	hold, posted, err := book.HoldOf(a.rows, p.ID)
	if err != nil {
		return err
	}
	d, sums := p.Decision, p.Sums()
	if sums == (pay.Sums{}) {
		if posted {
			a.report("payment %s: it is %s and its money moved", p.ID.Short(), p.State)
		}
		return nil
	}
	a.tally.Pay(book.Payment{ID: p.ID, From: h.Wallet, To: d.Merchant, Amount: sums.Captured, Currency: d.Currency})
	if !posted || hold.From != h.Wallet || hold.To != d.Merchant || hold.Currency != d.Currency || hold.Sums() != sums {
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
	if n += more; err == nil && n != a.keys {
		a.report("%d keys of payments are kept, the facts say %d", n, a.keys)
	}
	return err
}

// checkMissing reports decisions on payments without a row.
func (a *paymentAudit) checkMissing(context.Context) error {
	for _, id := range slices.SortedFunc(maps.Keys(a.decisions), compareIDs) {
		a.out.Payments++
		a.report("payment %s: it was decided on and has no row", id.Short())
	}
	return nil
}

// checkBook compares the accounts with the facts.
func (a *paymentAudit) checkBook(context.Context) (err error) {
	a.out.Imbalance, err = a.tally.Compare(a.rows, func(finding string) { a.report("%s", finding) })
	return err
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
