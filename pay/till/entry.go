package till

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Entry is a payment as the merchant sees it: the registry's decisions, and what
// this box asked for and has no answer to yet.
type Entry struct {
	history.View
	Key pay.IdempotencyKey // "" when another box asked and its request is not here
	Own bool               // this box asked for it
	// Cancelling means that a cancel was sent and the registry has not decided.
	Cancelling bool
}

// Show returns the payment whose id begins with the given hexadecimal digits.
// Its errors are those of history.FindID.
func (t *Till) Show(v View, now pay.Time, id string) (Entry, error) {
	e, _, err := t.findEntry(v, now, id)
	return e, err
}

// Find returns the payment that a key stands for. An unused key is a *pay.Error
// with CodeNotFound; any other error is the store's.
func (t *Till) Find(v View, now pay.Time, k pay.IdempotencyKey) (Entry, error) {
	id, ok, err := keyRows.Get(v, k)
	if err == nil && !ok {
		err = pay.NewCase(pay.CodeNotFound, "key_unknown", "no payment has that key")
	}
	if err != nil {
		return Entry{}, err
	}
	rec, r, req, err := loadPayment(v, id)
	if err != nil {
		return Entry{}, err
	}
	return t.queuedEntry(v, now, rec, r, req)
}

// List returns up to limit payments of the merchant, newest first, whichever of
// its boxes asked; limit is held within 1..pay.ListMax. Its errors are the
// store's.
func (t *Till) List(v View, now pay.Time, limit int) ([]Entry, error) {
	recs, err := history.Newest(v, limit, nil)
	if err != nil {
		return nil, err
	}
	list := make([]Entry, 0, len(recs))
	for _, rec := range recs {
		r, req, err := loadOwn(v, rec.Payment.ID)
		if err != nil {
			return nil, err
		}
		e, err := t.queuedEntry(v, now, rec, r, req)
		if err != nil {
			return nil, err
		}
		list = append(list, e)
	}
	return list, nil
}

// Receipt returns the receipt file of the payment whose id begins with the
// given digits, and its full id. Its errors are those of Show and of
// history.Receipt.
func (t *Till) Receipt(view pay.Rows, id string) (pay.PaymentID, []byte, error) {
	rec, err := history.Find(view, id)
	if err != nil {
		return pay.PaymentID{}, nil, err
	}
	raw, err := history.Receipt(view, rec)
	return rec.Payment.ID, raw, err
}

// findEntry returns the payment whose id begins with the digits, and what this
// box asked for about it. Its errors are those of Show.
func (t *Till) findEntry(v View, now pay.Time, id string) (Entry, row, error) {
	rec, err := history.Find(v, id)
	if err != nil {
		return Entry{}, row{}, err
	}
	r, req, err := loadOwn(v, rec.Payment.ID)
	if err != nil {
		return Entry{}, row{}, err
	}
	e, err := t.queuedEntry(v, now, rec, r, req)
	return e, r, err
}

// loadPayment returns a payment that a key of this box stands for.
func loadPayment(view pay.Rows, id pay.PaymentID) (rec history.Record, r row, req pay.Request, err error) {
	rec, ok, err := history.Get(view, id)
	if err == nil && !ok {
		err = fmt.Errorf("payment %s has a key and is missing", id.Short())
	}
	if err != nil {
		return rec, r, req, err
	}
	r, req, err = loadOwn(view, id)
	return rec, r, req, err
}

// loadOwn returns what this box asked for about a payment, and its request; both
// are zero for a payment of another box whose request is not here.
func loadOwn(view pay.Rows, id pay.PaymentID) (r row, req pay.Request, err error) {
	if r, _, err = ownRows.Get(view, id); err != nil {
		return r, req, err
	}
	req, _, err = request(view, id)
	return r, req, err
}

// queuedEntry is entry with Queued.
func (t *Till) queuedEntry(v View, now pay.Time, rec history.Record, r row, req pay.Request) (e Entry, err error) {
	e = t.entry(now, rec, r, req)
	e.Queued, err = v.Queued(pay.FactID(e.ID))
	return e, err
}

// entry returns the payment as it is at the moment, but for Queued.
func (t *Till) entry(now pay.Time, rec history.Record, r row, req pay.Request) Entry {
	e := Entry{View: history.ViewOf(now, rec, req.TTL), Key: req.Key, Own: r.Own}
	doubt := false
	if rec.Payment.Seq == 0 {
		t.describeRequest(&e, req)
		doubt = r.keyMayHavePaid()
	}
	e.Local.TimeUp = e.Local.TimeUp || doubt
	e.Local.Withdrawn = r.Withdrawn && !doubt
	e.Local.Refused = r.Refused != "" && !doubt
	e.Refusal = r.CancelRefused
	e.Cancelling = r.cancelled() && !e.State().Final()
	e.Reason = e.reason(r)
	return e
}

// describeRequest fills in what was asked for, while there is no decision.
func (t *Till) describeRequest(e *Entry, req pay.Request) {
	e.Amount, e.Currency, e.MerchantName, e.Site, e.Handle, e.Ref = req.Amount, req.Currency, t.options.MerchantName, req.Site, req.Handle, req.Ref
	if req.TwoChannel {
		e.StepUp = pay.StepUpMerchant // nobody was asked yet
	}
}

// reason returns why the payment ended without money moving, or never opened.
func (e Entry) reason(r row) pay.Reason {
	switch {
	case e.Payment.Seq > 0:
		return e.Payment.Decision.Reason
	case r.Refused != "":
		return r.Refused
	case r.Withdrawn:
		return pay.ReasonByMerchant
	default:
		return ""
	}
}
