package registry

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// openings are requests whose amount is not in them: it is set later on the open
// request, or is that of a bill.
//
//	must-request, later -> nothing yet, or a refusal where nobody would be asked
//	price               -> decision, to both; or at the end of its time a refusal
//	must-request, bill  -> decision over the bill's amount, to both
var openings = feature{
	name:      "openings",
	claims:    map[pay.Kind]rule{pay.KindPrice: claimOf((*turn).price)},
	publishes: []pay.Kind{pay.KindBill},
	audit:     inspectOpenings,
	spaces:    rows.Spaces{laterRows.Space, billRows.Space},
}

var (
	laterRows = rows.New("la/", "a request that was made without an amount", rows.ID[pay.PaymentID]("REQUEST"), rows.CBOR[laterRow]())
	billRows  = rows.New("bi/", "a bill of a merchant, by its number",
		rows.Join(rows.TextUntil[pay.Scope]("MERCHANT", 0), rows.Text[string]("NUMBER")), rows.CBOR[billRow]())
)

// laterRow is a request without an amount: it is open until Until, has its price, or has
// ended for a reason.
type laterRow struct {
	Heard pay.Time   `cbor:"1,keyasint"`
	Until pay.Time   `cbor:"2,keyasint"`
	Price pay.FactID `cbor:"3,keyasint,omitzero"` // the claim that set the amount
	Ended pay.Reason `cbor:"4,keyasint,omitempty"`
	End   pay.FactID `cbor:"5,keyasint,omitzero"` // the refusal that said so; zero: none was stored
	// Fuel is, where the request is for fuel, whom it will ask: it may be given for longer
	// than a code can be found.
	Fuel *laterFuel `cbor:"6,keyasint,omitempty"`
}

// billRow is a bill and the last payment that was opened by it.
type billRow struct {
	Bill     pay.FactID    `cbor:"1,keyasint"`
	Amount   pay.Amount    `cbor:"2,keyasint"`
	Currency pay.Currency  `cbor:"3,keyasint"`
	At       pay.Time      `cbor:"4,keyasint"`
	Payment  pay.PaymentID `cbor:"5,keyasint,omitzero"`
}

// leaveOpen keeps a request that has no amount yet. Whom it would ask is looked up now,
// while the merchant can do something about it, and again when it has one.
func (t *turn) leaveOpen(req pay.Opening, heard pay.Time) error {
	id := pay.PaymentID(t.in.Fact.ID())
	row := laterRow{Heard: heard, Until: heard.Add(req.Open())}
	reason := pay.Reason("")
	if _, withdrawn := t.withdrawn(); withdrawn {
		reason = pay.ReasonByMerchant
	} else if t.now >= row.Until {
		reason = pay.ReasonOverAge
	} else {
		found, outOfStep, err := t.resolve(req.Code, heard)
		switch {
		case err != nil:
			return err
		case len(found) > 1:
			reason = pay.ReasonAmbiguousCode
		case len(found) == 0 && outOfStep:
			reason = pay.ReasonOutOfStep
		case len(found) == 0:
			reason = pay.ReasonUnknownCode
		case !req.Fuel.IsZero():
			row.Fuel, reason, err = t.fuelLater(req, found[0])
		}
		if err != nil {
			return err
		}
	}
	if reason != "" {
		t.out.Refused = reason
		return t.endLater(id, row, reason)
	}
	if err := laterRows.Put(t.rows, id, row); err != nil {
		return err
	}
	return t.rows.Wake(row.Until, id.Subject())
}

// endLater ends a request that has no amount: its merchant is told why.
func (t *turn) endLater(id pay.PaymentID, row laterRow, reason pay.Reason) error {
	req, ok, err := opening(t.rows, pay.FactID(id))
	if err != nil || !ok {
		return err
	}
	row.Ended = reason
	row.End, err = t.publish(pay.Refusal{Claim: pay.FactID(id), Payment: id, Reason: reason, At: t.now}, req.Merchant)
	if err != nil {
		return err
	}
	return laterRows.Put(t.rows, id, row)
}

// expireLater ends a request that has got no amount in time; known reports whether it
// is one without an amount.
func (t *turn) expireLater(id pay.PaymentID) (row laterRow, known bool, err error) {
	row, known, err = laterRows.Get(t.rows, id)
	if err != nil || !known || row.Ended != "" || !row.Price.IsZero() {
		return row, known, err
	}
	if t.now < row.Until && !ahead(row.Heard, t.now) {
		return row, true, nil
	}
	if err := t.endLater(id, row, pay.ReasonNoPrice); err != nil {
		return row, true, err
	}
	row.Ended = pay.ReasonNoPrice
	return row, true, nil
}

// price sets the amount of a request that was made without one, and opens its payment.
func (t *turn) price(p pay.Price) error {
	id := p.Payment
	refused, err := t.setAside(id.Subject())
	if err != nil {
		return err
	}
	row, known, err := t.expireLater(id)
	if err != nil {
		return err
	}
	req, _, err := opening(t.rows, pay.FactID(id))
	switch {
	case known && err != nil:
		return err
	case !known:
		return t.priceNone(id)
	case req.Merchant != t.from.Scope:
		return t.refuse(pay.ReasonWrongScope, id)
	case refused != "":
		return t.refuse(refused, id)
	case row.Ended != "":
		return t.refuse(pay.ReasonLatePrice, id)
	case row.Price == t.in.Fact.ID():
		return nil
	case !row.Price.IsZero():
		return t.priceAgain(p, row)
	}
	if reason := notGiven(pay.KindPrice, p.Action, req.Fuel, 0); reason != "" {
		return t.refuse(reason, id)
	}
	row.Price = t.in.Fact.ID()
	if err := laterRows.Put(t.rows, id, row); err != nil {
		return err
	}
	f, _, err := t.rows.Fact(pay.FactID(id))
	if err != nil {
		return err
	}
	req.Amount = p.Amount
	h := t.newPayment(req, f, row.Heard, t.now)
	if row.Fuel != nil {
		h.Decision.Delivery = p.Delivery
		return t.openFuelled(&h, req, *row.Fuel)
	}
	return t.openPayment(&h, req)
}

// priceNone refuses a price for what was not asked for without one.
func (t *turn) priceNone(id pay.PaymentID) error {
	h, known, err := paymentRows.Get(t.rows, id)
	switch {
	case err != nil:
		return err
	case !known:
		return t.refuse(pay.ReasonUnknownPayment, id)
	case h.Decision.Merchant != t.from.Scope:
		return t.refuse(pay.ReasonWrongScope, id)
	default:
		return t.refuse(pay.ReasonAlreadyPriced, id)
	}
}

// priceAgain answers a price for a request that has one.
func (t *turn) priceAgain(p pay.Price, row laterRow) error {
	first, ok, err := fact[pay.Price](t.rows, row.Price)
	if err != nil || !ok {
		return err
	}
	if first.Same(p.Action) {
		return t.knowAction(p.Action, row.Price)
	}
	return t.refuse(pay.ReasonAlreadyPriced, p.Payment)
}

// amountOf returns the amount of a request, which for one by a bill is the bill's, or
// why it opens nothing.
func (t *turn) amountOf(req pay.Opening) (amount pay.Amount, reason pay.Reason, err error) {
	if !req.Bill {
		return req.Amount, "", nil
	}
	bill, ok, err := billRows.Get(t.rows, rows.Key(req.Merchant, req.Ref))
	switch {
	case err != nil:
		return 0, "", err
	case !ok:
		return 0, pay.ReasonUnknownBill, nil
	case bill.Payment.IsZero():
		return bill.Amount, "", nil
	}
	h, _, err := paymentRows.Get(t.rows, bill.Payment)
	if err == nil && h.payment().Outcome(pay.Local{}) != pay.OutcomeNotPaid {
		reason = pay.ReasonBillUsed
	}
	return bill.Amount, reason, err
}

// useBill keeps which payment was opened by a bill.
func (t *turn) useBill(req pay.Opening) error {
	key := rows.Key(req.Merchant, req.Ref)
	bill, _, err := billRows.Get(t.rows, key)
	if err != nil {
		return err
	}
	bill.Payment = pay.PaymentID(t.in.Fact.ID())
	return billRows.Put(t.rows, key, bill)
}

// AddBill lets a merchant charge an amount by the number of a bill, and tells the
// merchant's boxes. At is set here. The same number with the same amount is the first
// bill again. Its refusals are *pay.Error: pay.CodeKeyUsed where the number stands for
// another amount, pay.CodeAmount, pay.CodeUsage. Any other error is the store's, or
// wraps pay.ErrCannotSign.
func (r *Registry) AddBill(tx pay.WritableRows, now pay.Time, b pay.Bill) (pay.Bill, pay.Reaction, error) {
	b.At, b.Currency = now, r.currency
	if err := b.Amount.CheckPayable(); err != nil {
		return b, pay.Reaction{}, pay.WrapCase(err, pay.CodeAmount, "amount_form", "add bill")
	}
	if err := b.Check(); err != nil {
		return b, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "bill_form", "add bill")
	}
	key := rows.Key(b.Merchant, b.Number)
	old, known, err := billRows.Get(tx, key)
	switch {
	case err != nil:
		return b, pay.Reaction{}, fmt.Errorf("add bill: %w", err)
	case known && old.Amount != b.Amount:
		return b, pay.Reaction{}, pay.NewCase(pay.CodeKeyUsed, "bill_number_used", "add bill: this number is that of another bill of the merchant")
	case known:
		b.At = old.At
		return b, pay.Reaction{}, nil
	}
	published, err := r.sign(now, b, b.Merchant)
	if err != nil {
		return b, pay.Reaction{}, err
	}
	row := billRow{Bill: published.Fact.ID(), Amount: b.Amount, Currency: b.Currency, At: now}
	if err := billRows.Put(tx, key, row); err != nil {
		return b, pay.Reaction{}, fmt.Errorf("add bill: %w", err)
	}
	return b, pay.Reaction{Publications: []pay.Publication{published}}, nil
}

// openingAudit is the part of an audit that looks at bills, and at requests without an
// amount.
type openingAudit struct{ *auditor }

func inspectOpenings(a *auditor) inspection {
	o := openingAudit{a}
	return inspection{
		reads:  map[pay.Kind]func(pay.Fact) error{pay.KindBill: reading(func(f pay.Fact, b pay.Bill) error { return o.checkBill(f.ID(), b) })},
		passes: []func(context.Context) error{o.checkBills, o.checkLater},
	}
}

func (a openingAudit) checkBill(id pay.FactID, b pay.Bill) error {
	row, ok, err := billRows.Get(a.rows, rows.Key(b.Merchant, b.Number))
	if bad := damageIsNone(err); bad != nil {
		return bad
	}
	row.Payment = pay.PaymentID{}
	if !ok || row != (billRow{Bill: id, Amount: b.Amount, Currency: b.Currency, At: b.At}) {
		a.report("bill %s of %s is not what its row says", b.Number, b.Merchant)
	}
	return nil
}

// checkBills sees that each row of a bill has a statement, and leads to a payment by it.
func (a openingAudit) checkBills(ctx context.Context) error {
	return walk(ctx, a.auditor, billRows, func(k rows.Pair[pay.Scope, string], row billRow, damage error) error {
		if damage != nil { // which checkSpaces reports
			return nil
		}
		f, ok, err := a.rows.Fact(row.Bill)
		if err != nil {
			return err
		}
		if b, bad := pay.As[pay.Bill](f); !ok || bad != nil || b.Merchant != k.First || b.Number != k.Second || !a.speaks(f, b.At) {
			a.report("bill %s of %s was never said", k.Second, k.First)
		}
		if row.Payment.IsZero() {
			return nil
		}
		req, ok, err := opening(a.rows, pay.FactID(row.Payment))
		if err != nil || !ok || !req.Bill || req.Ref != k.Second || req.Merchant != k.First {
			a.report("bill %s of %s names payment %s, which was not opened by it", k.Second, k.First, row.Payment.Short())
		}
		return nil
	})
}

// checkLater holds the requests without an amount against what was said of them, and
// counts the keys of those that opened no payment.
func (a openingAudit) checkLater(ctx context.Context) error {
	return walk(ctx, a.auditor, laterRows, func(id pay.PaymentID, row laterRow, damage error) error {
		if damage != nil {
			return nil
		}
		req, ok, err := opening(a.rows, pay.FactID(id))
		if err != nil || !ok || !req.Later {
			a.report("payment %s: it has a row of a request without an amount, and none was made", id.Short())
			return nil
		}
		opened, err := paymentRows.Has(a.rows, id)
		if err != nil {
			return err
		}
		if opened == row.Price.IsZero() || opened && row.Ended != "" {
			a.report("payment %s: it was opened without a price, or has one and was not", id.Short())
		}
		f, ok, err := a.rows.Fact(row.End)
		if err != nil {
			return err
		}
		if no, bad := pay.As[pay.Refusal](f); row.Ended != "" && (!ok || bad != nil || no.Claim != pay.FactID(id) || no.Reason != row.Ended || !a.speaks(f, no.At)) {
			a.report("payment %s: its request has ended, and nothing was said of it", id.Short())
		}
		return nil
	})
}

// checkAmount sees that the amount of a payment is that of its request, of the bill, or
// of the price that a box of the merchant set.
func (a *paymentAudit) checkAmount(id pay.PaymentID, amount pay.Amount, req pay.Opening, h paymentRow) error {
	want := req.Amount
	switch {
	case req.Bill:
		bill, _, err := billRows.Get(a.rows, rows.Key(req.Merchant, req.Ref))
		if bad := damageIsNone(err); bad != nil {
			return bad
		}
		want = bill.Amount
		if paid := h.payment().Outcome(pay.Local{}) == pay.OutcomePaid; paid && bill.Payment != id {
			a.out.Duplicates++
			a.report("payment %s: its bill stands for payment %s", id.Short(), bill.Payment.Short())
		}
	case req.Later:
		row, _, err := laterRows.Get(a.rows, id)
		if bad := damageIsNone(err); bad != nil {
			return bad
		}
		f, _, err := a.rows.Fact(row.Price)
		if err != nil {
			return err
		}
		price, bad := pay.As[pay.Price](f)
		if price.Delivery != h.Decision.Delivery {
			a.report("payment %s: what was given is not what the station said", id.Short())
		}
		if want = price.Amount; bad != nil || price.Payment != id || !a.signedBy(pay.PartyBox, f, h) {
			a.report("payment %s: no box of the merchant set its price", id.Short())
			return nil
		}
	}
	if amount != want {
		a.report("payment %s: its amount is not the one that was asked for", id.Short())
	}
	return nil
}

// unpriced counts the keys of requests without an amount that opened no payment.
func (a *paymentAudit) unpriced() (n int, err error) {
	err = laterRows.Walk(a.rows, laterRows.All(), func(id pay.PaymentID, _ laterRow, damage error) error {
		if damage != nil {
			return nil
		}
		opened, err := paymentRows.Has(a.rows, id)
		if err == nil && !opened {
			n++
		}
		return err
	})
	return n, err
}

// cancelLater withdraws a request that has no amount yet; done is false for any other.
func (t *turn) cancelLater(id pay.PaymentID) (done bool, err error) {
	row, known, err := t.expireLater(id)
	if err != nil || !known || !row.Price.IsZero() {
		return false, err
	}
	req, _, err := opening(t.rows, pay.FactID(id))
	switch {
	case err != nil:
		return false, err
	case req.Merchant != t.from.Scope:
		return true, t.refuse(pay.ReasonWrongScope, id)
	case row.Ended == pay.ReasonByMerchant:
		return true, nil
	case row.Ended != "":
		return true, t.refuse(pay.ReasonLateCancel, id)
	}
	if err := t.settle(""); err != nil {
		return true, err
	}
	return true, t.endLater(id, row, pay.ReasonByMerchant)
}
