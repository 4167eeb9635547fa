package till

import (
	"cmp"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Entry is a payment as the merchant sees it: the registry's decisions, and what
// this box asked for and has no answer to yet.
type Entry struct {
	history.View
	// Key is "" when another box asked and the payment was not named by its key.
	Key pay.IdempotencyKey
	Own bool // this box asked for it
	// Conflict is the payment that the key of this one stands for, which was asked
	// for something else: this one has ended, and its key is not free.
	Conflict pay.PaymentID
	// Cancelling means that a cancel was sent and the registry has not decided.
	Cancelling bool
	// Action is what became of the action that was asked about, or nil.
	Action *Acted
}

// Show returns the payment whose id begins with the given hexadecimal digits.
// Its errors are those of history.FindID.
func (t *Till) Show(v View, now pay.Time, id string) (Entry, error) {
	e, _, err := t.findEntry(v, now, id)
	return e, err
}

// Look returns how the payment with an id stands for whoever waits for its outcome. Of
// one that is decided on it reads the last decision alone. Its errors are those of Show.
func (t *Till) Look(v View, now pay.Time, id pay.PaymentID) (history.Wait, error) {
	rec, ok, err := history.Last(v, id)
	if err != nil {
		return history.Wait{}, err
	}
	if ok && rec.Payment.Seq > 0 { // what this box asked for changes nothing any more
		return history.WaitFor(history.ViewOf(now, rec, 0)), nil
	}
	e, _, err := t.findEntry(v, now, id.String())
	return history.WaitFor(e.View), err
}

// Find returns the payment that a key of the merchant stands for, whichever of its
// boxes asked, or what this box asked for under it where the key was in use. An unused key is a *pay.Error
// with CodeNotFound; any other error is the store's.
func (t *Till) Find(v View, now pay.Time, k pay.IdempotencyKey) (Entry, error) {
	id, ok, err := keyRows.Get(v, k)
	if err == nil && !ok {
		var tagged taggedRow
		tagged, _, ok, err = ofMerchant(v, k)
		id = tagged.Payment
	}
	if err == nil && !ok {
		err = pay.NewCase(pay.CodeNotFound, "key_unknown", "no payment has that key")
	}
	if err != nil {
		return Entry{}, err
	}
	r, _, err := loadOwn(v, id)
	if err == nil {
		id, err = follow(v, r, id)
	}
	if err != nil {
		return Entry{}, err
	}
	return t.entryOf(v, now, id, k)
}

// List returns a page of the merchant's payments, newest first, whichever of its
// boxes asked, and whether more follow. Its errors are those of history.Newest.
func (t *Till) List(v View, now pay.Time, p history.Page) (list []Entry, more bool, err error) {
	var damage error
	recs, more, err := history.Newest(v, p, func(rec history.Record) bool {
		r, _, err := ownRows.Get(v, rec.Payment.ID)
		id := rec.Payment.ID
		if err == nil {
			id, err = follow(v, r, id)
		}
		damage = cmp.Or(damage, err)
		return id == rec.Payment.ID // what is followed stands in the list itself
	})
	if err = cmp.Or(err, damage); err != nil {
		return nil, false, err
	}
	list = make([]Entry, 0, len(recs))
	for _, rec := range recs {
		r, req, err := loadOwn(v, rec.Payment.ID)
		if err != nil {
			return nil, false, err
		}
		e, err := t.queuedEntry(v, now, rec, r, req)
		if err != nil {
			return nil, false, err
		}
		list = append(list, e)
	}
	return list, more, nil
}

// Receipt returns the receipt file of the payment whose id begins with the
// given digits, and its full id. Its errors are those of Show and of
// history.Receipt.
func (t *Till) Receipt(view pay.Rows, id string) (pay.PaymentID, []byte, error) {
	rec, _, _, _, err := find(view, id)
	if err != nil {
		return pay.PaymentID{}, nil, err
	}
	raw, err := history.Receipt(view, rec)
	return rec.Payment.ID, raw, err
}

// findEntry returns the payment whose id begins with the digits, and what this
// box asked for about it. Its errors are those of Show.
func (t *Till) findEntry(v View, now pay.Time, id string) (Entry, row, error) {
	rec, k, r, req, err := find(v, id)
	if err != nil {
		return Entry{}, row{}, err
	}
	e, err := t.queuedEntry(v, now, rec, r, req)
	e.Key = cmp.Or(k, e.Key)
	return e, r, err
}

// find returns the payment whose id begins with the digits, or the one that is
// shown in its place, with its request, the key that this box asked under and what
// it asked.
func find(view pay.Rows, digits string) (rec history.Record, k pay.IdempotencyKey, r row, req pay.Opening, err error) {
	if rec, err = history.Find(view, digits); err != nil {
		return rec, k, r, req, err
	}
	if r, req, err = loadOwn(view, rec.Payment.ID); err != nil {
		return rec, k, r, req, err
	}
	k = req.Key
	id, err := follow(view, r, rec.Payment.ID)
	if err != nil || id == rec.Payment.ID {
		return rec, k, r, req, err
	}
	rec, r, req, err = loadPayment(view, id)
	return rec, k, r, req, err
}

// loadPayment returns a payment that a key of this box stands for.
func loadPayment(view pay.Rows, id pay.PaymentID) (rec history.Record, r row, req pay.Opening, err error) {
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
func loadOwn(view pay.Rows, id pay.PaymentID) (r row, req pay.Opening, err error) {
	if r, _, err = ownRows.Get(view, id); err != nil {
		return r, req, err
	}
	req, _, err = request(view, id)
	return r, req, err
}

// queuedEntry is entry with Queued.
func (t *Till) queuedEntry(v View, now pay.Time, rec history.Record, r row, req pay.Opening) (e Entry, err error) {
	e = t.entry(now, rec, r, req)
	if e.Queued, err = v.Queued(pay.FactID(e.ID)); err != nil {
		return e, err
	}
	if rec.Payment.Seq == 0 {
		e.Amount, err = billed(v, req)
		return e, err
	}
	if e.State() == pay.StateHeld {
		if e.Increment, err = history.OpenIncrement(v, e.ID); err != nil {
			return e, err
		}
	}
	e.OthersRefusal, err = history.OthersRefusal(v, e.ID)
	return e, err
}

// entry returns the payment as it is at the moment, but for Queued.
func (t *Till) entry(now pay.Time, rec history.Record, r row, req pay.Opening) Entry {
	e := Entry{View: history.ViewOf(now, rec, req.Open()), Key: cmp.Or(req.Key, r.Key), Own: r.Own}
	doubt := false
	if rec.Payment.Seq == 0 {
		t.describeRequest(&e, req)
		doubt = r.keyMayHavePaid()
	}
	e.Local.TimeUp = e.Local.TimeUp || doubt
	e.Local.Withdrawn = r.Withdrawn && !doubt
	e.Local.Refused = (r.Refused != "" || r.conflicts()) && !doubt
	if req.Later {
		e.Local.Ended = endedAs[r.Refused]
	}
	if r.conflicts() {
		e.Conflict = r.Held
	}
	e.Refusal = r.CancelRefused
	e.Cancelling = r.cancelled() && !e.State().Final()
	e.Reason = e.reason(r)
	return e
}

// endedAs is how a request is shown that came to nothing before it had an amount: the
// registry refused it, because a decision could state no amount.
var endedAs = map[pay.Reason]pay.State{
	pay.ReasonUnknownCode: pay.StateUnmatched, pay.ReasonOutOfStep: pay.StateUnmatched, pay.ReasonAmbiguousCode: pay.StateAmbiguous,
	pay.ReasonNoVehicle: pay.StateUnmatched, pay.ReasonWrongProduct: pay.StateUnmatched, pay.ReasonAbovePreset: pay.StateUnmatched,
	pay.ReasonNoPrice: pay.StateExpired, pay.ReasonOverAge: pay.StateExpired, pay.ReasonByMerchant: pay.StateCancelled,
}

// describeRequest fills in what was asked for, while there is no decision.
func (t *Till) describeRequest(e *Entry, req pay.Opening) {
	e.Amount, e.Currency, e.MerchantName, e.Site, e.Handle, e.Ref = req.Amount, req.Currency, t.options.MerchantName, req.Site, req.Handle, req.Ref
	e.Evidence, e.Certain, e.TipMax, e.Fuel = req.Evidence, req.Certain, req.TipMax, req.Fuel
	if req.Hold != 0 {
		e.HoldFor = req.Hold
	}
	if req.TwoChannel {
		e.StepUp = pay.StepUpMerchant // nobody was asked yet
	}
}

// reason returns why the payment ended without money moving, or never opened.
func (e Entry) reason(r row) pay.Reason {
	switch {
	case e.Payment.Seq > 0:
		return e.Reason
	case r.conflicts():
		return pay.ReasonKeyUsed
	case r.Refused != "":
		return r.Refused
	case r.Withdrawn:
		return pay.ReasonByMerchant
	default:
		return ""
	}
}
