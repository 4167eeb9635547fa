package registry

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
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

// decided is a decision with the name of its fact.
type decided struct {
	id pay.FactID
	d  pay.Decision
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
	if err := a.checkRequest(id, p, h); err != nil {
		return err
	}
	return a.checkClaim(p, h, chain)
}

// chain loads decisions in the order that they say they have.
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
		chain = append(chain, decided{id, d})
	}
	slices.SortFunc(chain, func(x, y decided) int { return cmp.Compare(x.d.Seq, y.d.Seq) })
	return chain, nil
}

// fold applies the decisions; the error says where they do not follow.
func fold(id pay.PaymentID, chain []decided) (p pay.Payment, err error) {
	p = pay.Open(pay.FactID(id))
	for _, l := range chain {
		if p, err = p.Next(l.id, l.d); err != nil {
			return p, err
		}
	}
	return p, nil
}

func outcomes(chain []decided) (n int) {
	for _, l := range chain {
		if l.d.State.Ended() {
			n++
		}
	}
	return n
}

// checkRequest holds the terms against the request that the payment is named
// after, and the key that it was made under.
func (a *paymentAudit) checkRequest(id pay.PaymentID, p pay.Payment, h paymentRow) error {
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
	holder, ok, err := chargeRows.Get(a.rows, rows.Key(f.Signer(), req.Key))
	switch {
	case err != nil:
		return err
	case !ok:
		a.report("payment %s: its key is not kept", id.Short())
	case holder != id:
		a.out.Duplicates++
		a.report("payment %s: its key stands for payment %s", id.Short(), holder.Short())
	default:
		a.keys++
	}
	return nil
}

// checkClaim holds the last decision against the claim that it names. A capture
// needs an approval of these very terms that the payer's wallet signed (I6), and
// its money in the book.
func (a *paymentAudit) checkClaim(p pay.Payment, h paymentRow, chain []decided) error {
	if h.Wallet != "" && p.Decision.Payer != a.payerRef(h.Wallet, p.Decision.Merchant) {
		a.report("payment %s: its row names another payer than its decisions", p.ID.Short())
	}
	switch p.State {
	case pay.StateCaptured, pay.StateDeclined, pay.StateFailed:
		if err := a.checkAnswer(p, h, chain); err != nil {
			return err
		}
	case pay.StateCancelled:
		f, ok, err := a.rows.Fact(p.Decision.Claim)
		if err != nil {
			return err
		}
		c, err := pay.As[pay.Cancel](f)
		if !ok || err != nil || c.Payment != p.ID || f.Signer() != h.Box {
			a.report("payment %s: it is cancelled without a cancel of the box that asked", p.ID.Short())
		}
	}
	return a.checkHold(p, h)
}

func (a *paymentAudit) checkAnswer(p pay.Payment, h paymentRow, chain []decided) error {
	f, ok, err := a.rows.Fact(p.Decision.Claim)
	if err != nil {
		return err
	}
	answer, err := pay.As[pay.Answer](f)
	if !ok || err != nil {
		a.report("payment %s: it is %s without an answer", p.ID.Short(), p.State)
		return nil
	}
	wallet := a.nodes[f.Signer()]
	offer := h
	for _, l := range chain {
		if l.d.State == pay.StateOffered {
			offer.Last, offer.Decision = l.id, l.d
		}
	}
	approved := p.State != pay.StateDeclined
	switch {
	case wallet.Role != pay.RoleWallet || wallet.Scope != h.Wallet || f.Verify(wallet.Node) != nil:
		a.report("payment %s: it is %s by an answer that the payer's wallet did not sign", p.ID.Short(), p.State)
	case !covers(answer, offer) || (answer.Verdict == pay.Approve) != approved || answer.By != p.Decision.By:
		a.report("payment %s: it is %s by an answer to other terms", p.ID.Short(), p.State)
	default:
		a.checkAuthentication(p, h, offer, answer, f.Signer())
	}
	return nil
}

// checkHold counts a captured payment in the tally and looks for its hold.
func (a *paymentAudit) checkHold(p pay.Payment, h paymentRow) error {
	hold, posted, err := book.HoldOf(a.rows, p.ID)
	if err != nil {
		return err
	}
	if p.State != pay.StateCaptured {
		if posted {
			a.report("payment %s: it is %s and its money moved", p.ID.Short(), p.State)
		}
		return nil
	}
	d := p.Decision
	a.tally.Pay(book.Payment{ID: p.ID, From: h.Wallet, To: d.Merchant, Amount: p.Captured, Currency: d.Currency})
	want := book.Hold{From: h.Wallet, To: d.Merchant, Currency: d.Currency, Authorised: d.Amount, Captured: p.Captured}
	if !posted || hold != want {
		a.report("payment %s: it is captured and the book has another sum or none", p.ID.Short())
	}
	return nil
}

// checkKeys reports keys that stand for payments which nobody decided on.
func (a *paymentAudit) checkKeys(context.Context) error {
	n, err := chargeRows.Count(a.rows)
	if err == nil && n != a.keys {
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
