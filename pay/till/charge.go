package till

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Order is what a merchant asks for. All but TTL, and for how long a hold lasts, are
// the request that a key stands for: the same key with another order is a conflict.
type Order struct {
	Key        pay.IdempotencyKey
	Amount     pay.Amount
	Currency   pay.Currency // "" is the registry's
	Ref        string
	To         pay.Handle // the literal --to; "" is --nearest
	Hold       pay.Millis // how long it is held, to be captured later; 0: captured at once
	Later      bool       // the amount, which is 0, is set later
	Bill       bool       // the amount, which is 0, is that of the bill whose number is Ref
	TwoChannel bool       // the payer's device has to sign too
	TipMax     pay.Amount // the most that the payer may add as a tip; 0: nothing
	TTL        pay.Millis // how long the payer may take; 0 is pay.RequestTTLDefault
	// Fuel is what the amount pays for, where it is fuel: with Hold, the amount is the most
	// that it may cost; with Later, it is the total.
	Fuel pay.FuelTerms
}

// complete returns the order with its defaults filled in, or a *pay.Error for an
// order that is invalid.
func (t *Till) complete(o Order) (Order, error) {
	if o.Currency == "" {
		o.Currency = t.options.Currency
	}
	if o.TTL == 0 {
		o.TTL = pay.RequestTTLDefault
	}
	if err := o.Key.Check(); err != nil {
		return o, pay.WrapCase(err, pay.CodeUsage, "key_form", "read key")
	}
	if err := o.checkAmount(); err != nil {
		return o, pay.WrapCase(err, pay.CodeAmount, "amount_form", "read amount")
	}
	if err := o.TipMax.CheckPayable(); o.TipMax != 0 && err != nil {
		return o, pay.WrapCase(err, pay.CodeAmount, "amount_form", "read the most that may be tip")
	}
	if err := o.Currency.Check(); err != nil {
		return o, pay.WrapCase(err, pay.CodeCurrency, "currency_form", "read currency", t.options.Currency)
	}
	if o.Currency != t.options.Currency {
		return o, pay.NewCase(pay.CodeCurrency, "other_currency", fmt.Sprintf("this registry does not deal in %s", o.Currency), t.options.Currency)
	}
	if err := pay.CheckRef(o.Ref); err != nil {
		return o, pay.WrapCase(err, pay.CodeUsage, "ref_form", "read ref")
	}
	if o.To != "" {
		if err := o.To.CheckBeginning(); err != nil {
			return o, err
		}
	}
	return o, nil
}

// checkAmount returns nil when the amount is payable, or comes from elsewhere.
func (o Order) checkAmount() error {
	if !o.Later && !o.Bill {
		return o.Amount.CheckPayable()
	}
	if o.Amount != 0 || o.Later && o.Bill || o.Bill && o.Ref == "" {
		return errors.New("an amount comes from one place")
	}
	return nil
}

// Repeated returns the payment that the order's key stands for, or false when
// the key is unused. Call it first, before a candidate is selected. Its errors are
// *pay.Error: CodeKeyUsed when the key stands for another order, CodeAmount,
// CodeCurrency, CodeUsage and CodeNotAvailable for an order that is invalid.
func (t *Till) Repeated(v View, now pay.Time, o Order) (Entry, bool, error) {
	o, err := t.complete(o)
	if err != nil {
		return Entry{}, false, err
	}
	return t.repeated(v, now, o)
}

func (t *Till) repeated(v View, now pay.Time, o Order) (Entry, bool, error) {
	id, ok, err := keyRows.Get(v, o.Key)
	if err != nil {
		return Entry{}, false, err
	}
	if !ok {
		return t.repeatedElsewhere(v, now, o)
	}
	r, req, err := loadOwn(v, id)
	if err != nil {
		return Entry{}, false, err
	}
	same := sameOrder(o, r, req)
	if !same && r.conflicts() { // but it may be what the key stands for
		return t.repeatedElsewhere(v, now, o)
	}
	if id, err = follow(v, r, id); err != nil {
		return Entry{}, false, err
	}
	if !same {
		return Entry{}, false, keyUsed(id)
	}
	e, err := t.entryOf(v, now, id, o.Key)
	return e, err == nil, err
}

// sameOrder reports whether an order is the one that its key stands for.
func sameOrder(o Order, r row, req pay.Opening) bool {
	return o.Amount == req.Amount && o.Later == req.Later && o.Bill == req.Bill && o.Currency == req.Currency && o.Ref == req.Ref &&
		(o.Hold != 0) == (req.Hold != 0) && o.TwoChannel == req.TwoChannel && o.TipMax == req.TipMax && (o.To == r.To || r.Recalled) &&
		o.Fuel.Pump == req.Fuel.Pump && o.Fuel.Product == req.Fuel.Product
}

// Charge asks the chosen candidate to pay the order: it stores the key with the payment
// and returns the request, to be published in the same transaction. If the key is
// known by now it returns the first payment and publishes nothing. It fails as
// Repeated does, with CodeUsage for a TTL out of bounds, and with CodeUpgrade as
// history.Understands does.
func (t *Till) Charge(tx Tx, now pay.Time, o Order, c Choice) (Entry, pay.Reaction, error) {
	o, err := t.complete(o)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if e, ok, err := t.repeated(tx, now, o); ok || err != nil {
		return e, pay.Reaction{}, err
	}
	if o.TTL < pay.RequestTTLMin || o.TTL > pay.RequestTTLMax {
		return Entry{}, pay.Reaction{}, pay.NewCase(pay.CodeUsage, "ttl_bounds", fmt.Sprintf("time to pay of %v is out of bounds", o.TTL.Std()))
	}
	if err := pay.CheckHold(o.Hold, o.TTL); o.Hold != 0 && err != nil {
		return Entry{}, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "hold_bounds", "read how long the amount is held")
	}
	if err := history.Understands(tx); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	req := pay.Request{
		Key: o.Key, Merchant: t.options.Merchant, Site: t.options.Site, Code: c.Code, Handle: c.Handle.Pair(),
		Amount: o.Amount, Currency: o.Currency, Ref: o.Ref, TTL: o.TTL, Created: now, TwoChannel: o.TwoChannel,
		Evidence: c.Evidence, Certain: c.Certain, TipMax: o.TipMax,
	}
	if c.Evidence == pay.EvidenceWords || c.Evidence == pay.EvidenceTap {
		req.Excess = c.Excess // whoever was found by strength was so because of it
	}
	if err := t.checkBill(tx, now, o); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	opening := pay.Opening{Request: req, Hold: o.Hold, Later: o.Later, Bill: o.Bill, Fuel: o.Fuel}
	f, err := pay.Sign(t.options.Key, opening.Body())
	if err != nil {
		return Entry{}, pay.Reaction{}, fmt.Errorf("charge: %w", err)
	}
	return t.begin(tx, now, o, opening, f)
}

// begin stores a payment that the request f opens, and its key.
func (t *Till) begin(tx Tx, now pay.Time, o Order, req pay.Opening, f pay.Fact) (Entry, pay.Reaction, error) {
	rec, err := history.Begin(tx, now, f.ID(), req.Created)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	r, id := row{Own: true, To: o.To, Manual: o.Hold != 0}, rec.Payment.ID
	if err := ownRows.Put(tx, id, r); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if err := keyRows.Put(tx, o.Key, id); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	if err := useBill(tx, req, id); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	e := t.entry(now, rec, r, req)
	e.Queued = true
	if e.Amount, err = billed(tx, req); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	return e, pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// Cancel withdraws the payment whose id begins with the digits of id. While
// its request has not left the box the cancel joins it there, and the payment
// is cancelled; otherwise it returns the cancel, to be published in the same
// transaction, and the registry decides. Cancelling again changes nothing. Its
// errors are *pay.Error: CodeConflict when the payment has ended otherwise, and
// those of Show. Any box of the merchant may.
func (t *Till) Cancel(tx Tx, now pay.Time, id string) (Entry, pay.Reaction, error) {
	e, r, err := t.findEntry(tx, now, id)
	if err != nil || e.State() == pay.StateCancelled {
		return e, pay.Reaction{}, err
	}
	switch {
	case e.State().Final():
		return Entry{}, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "already_ended", fmt.Sprintf("payment %s has ended already: it is %s", e.ID.Short(), e.State()))
	case e.State() == pay.StateHeld:
		return Entry{}, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "is_held", fmt.Sprintf("payment %s is approved already: it is held", e.ID.Short()))
	case r.cancelled():
		return e, pay.Reaction{}, nil
	}
	f, err := pay.Sign(t.options.Key, pay.Cancel{Payment: e.ID, Created: now})
	if err != nil {
		return Entry{}, pay.Reaction{}, fmt.Errorf("cancel: %w", err)
	}
	attached, err := tx.Attach(pay.FactID(e.ID), f)
	if err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	cancel := f.ID()
	r.Cancel, r.CancelRefused, r.Withdrawn = cancel[:], "", attached
	if err := ownRows.Put(tx, e.ID, r); err != nil {
		return Entry{}, pay.Reaction{}, err
	}
	e.Local.Withdrawn, e.Cancelling = attached, !attached
	e.Reason, e.Refusal = e.reason(r), ""
	if attached {
		return e, pay.Reaction{}, nil
	}
	return e, pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}
