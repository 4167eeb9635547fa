package registry

import (
	"errors"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// mandates are payments that the payer has agreed to beforehand. A request that a
// mandate covers makes no offer: the registry decides it at once, by the mandate.
//
//	mandate     -> mandate-status    to the wallet, and to the merchant that it names
//	mandate-end -> mandate-status    the same
//	request     -> mandated, and captured, held or failed    to both
//
// Near is no consent. A mandate pays only where the evidence would let a rule answer,
// where nothing asks for two channels, and where the code of the step was heard at one
// place alone; and within one step of a device only once (I7). Everything else is offered
// as if there were no mandate.
var mandates = feature{
	name: "mandates",
	claims: map[pay.Kind]rule{
		pay.KindMandate:    claimOf((*turn).setMandate),
		pay.KindMandateEnd: claimOf((*turn).endMandate),
	},
	publishes: []pay.Kind{pay.KindMandateStatus},
	gone:      func(t *turn, s pay.NodeStatus) error { return t.endMandates(s.Scope, goneReason(s)) },
	replaced:  func(t *turn, wallet pay.Scope) error { return t.endMandates(wallet, pay.ReasonNodeReplaced) },
	audit:     inspectMandates,
	spaces:    rows.Spaces{mandateRows.Space, standingRows.Space, mandatePaymentRows.Space},
}

type mandatePaymentKey = rows.Pair[pay.FactID, pay.PaymentID]

var (
	mandateRows        = rows.New("ma/", "a mandate, and what was used of it", rows.ID[pay.FactID]("MANDATE"), rows.CBOR[mandateRow]())
	standingRows       = rows.New("mw/", "the mandates of a wallet that have not ended, in the order of their ids", rows.Text[pay.Scope]("WALLET"), rows.CBOR[[]pay.FactID]())
	mandatePaymentRows = rows.New("mp/", "a payment by a mandate: the mandate's day on which it began",
		rows.Join(rows.ID[pay.FactID]("MANDATE"), rows.ID[pay.PaymentID]("PAYMENT")), rows.Int64[int64]("DAY"))
)

// mandateRow is where a mandate stands. What it allows stands in its fact.
type mandateRow struct {
	Wallet   pay.Scope  `cbor:"1,keyasint"`
	Merchant pay.Scope  `cbor:"2,keyasint,omitempty"` // that it names; "" for a class
	Status   pay.FactID `cbor:"3,keyasint"`           // the registry's last word
	Ended    bool       `cbor:"4,keyasint,omitempty"`
	Use      pay.Use    `cbor:"5,keyasint"`
}

// setMandate takes a mandate into force.
func (t *turn) setMandate(m pay.Mandate) error {
	id := t.in.Fact.ID()
	row := mandateRow{Wallet: t.from.Scope}
	refused, err := t.mayStand(m, &row)
	if err != nil {
		return err
	}
	if refused != "" {
		return t.refuse(refused, pay.PaymentID{})
	}
	if err := t.stand(row.Wallet, id); err != nil {
		return err
	}
	if err := t.settle(""); err != nil {
		return err
	}
	return t.sayMandate(id, m.MandateTerms, row, pay.MandateStatus{Claim: id})
}

// mayStand returns why a mandate cannot stand, or "", and fills in whose merchant it
// names.
func (t *turn) mayStand(m pay.Mandate, row *mandateRow) (pay.Reason, error) {
	switch {
	case m.Currency != t.currency:
		return pay.ReasonWrongCurrency, nil
	case t.now >= m.Until, m.Until.Sub(t.now) > pay.MandateMax+pay.ClockFollow:
		return pay.ReasonMandateOver, nil
	}
	if m.Payee != "" {
		scope, known, err := merchantRows.Get(t.rows, m.Payee)
		if err != nil || !known {
			return pay.ReasonUnknownMerchant, err
		}
		row.Merchant = scope
	}
	if !m.Device.IsZero() {
		d, known, err := deviceRows.Get(t.rows, m.Device)
		if err != nil || !known || d.State != pay.DeviceActive || d.Wallet != row.Wallet {
			return pay.ReasonUnknownDevice, err
		}
	}
	if m.Means != "" {
		means, known, err := meansRows.Get(t.rows, rows.Key(row.Wallet, m.Means))
		if err != nil || !known || means.Ended {
			return pay.ReasonUnknownMeans, err
		}
	}
	left, err := t.standing(row.Wallet)
	if err == nil && len(left) >= pay.MandatesMax {
		return pay.ReasonTooManyMandates, nil
	}
	return "", err
}

// standing returns the mandates of a wallet that have not ended, nor by their time.
func (t *turn) standing(wallet pay.Scope) ([]pay.FactID, error) {
	list, _, err := standingRows.Get(t.rows, wallet)
	if err != nil {
		return nil, err
	}
	var left []pay.FactID
	for _, id := range list {
		m, ok, err := fact[pay.Mandate](t.rows, id)
		if err != nil {
			return nil, err
		}
		if ok && t.now < m.Until {
			left = append(left, id)
		}
	}
	return left, nil
}

// stand puts a mandate among those of its wallet that stand, and takes those off that are
// over by their time.
func (t *turn) stand(wallet pay.Scope, id pay.FactID) error {
	left, err := t.standing(wallet)
	if err != nil {
		return err
	}
	left = append(left, id)
	slices.SortFunc(left, compareIDs)
	return standingRows.Put(t.rows, wallet, left)
}

// fall takes a mandate off those of its wallet that stand.
func (t *turn) fall(wallet pay.Scope, id pay.FactID) error {
	list, _, err := standingRows.Get(t.rows, wallet)
	if err != nil {
		return err
	}
	left := slices.DeleteFunc(list, func(other pay.FactID) bool { return other == id })
	if len(left) == 0 {
		return standingRows.Delete(t.rows, wallet)
	}
	return standingRows.Put(t.rows, wallet, left)
}

// sayMandate publishes where a mandate stands from now on, and keeps it. s says why.
func (t *turn) sayMandate(id pay.FactID, m pay.MandateTerms, row mandateRow, s pay.MandateStatus) (err error) {
	s.MandateTerms, s.Mandate, s.Merchant, s.Ended, s.At = m, id, row.Merchant, row.Ended, t.now
	scopes := []pay.Scope{pay.ScopeRegistry, row.Wallet}
	if row.Merchant != "" {
		s.Payer = t.payerRef(row.Wallet, row.Merchant)
		scopes = append(scopes, row.Merchant)
	}
	if row.Status, err = t.publish(s, scopes...); err != nil {
		return fmt.Errorf("state mandate: %w", err)
	}
	return mandateRows.Put(t.rows, id, row)
}

// endMandate ends a mandate at the wish of its owner. One that has ended stays as it is.
func (t *turn) endMandate(e pay.MandateEnd) error {
	row, known, err := mandateRows.Get(t.rows, e.Mandate)
	if err != nil {
		return err
	}
	if !known || row.Wallet != t.from.Scope {
		return t.refuse(pay.ReasonUnknownMandate, pay.PaymentID{})
	}
	if err := t.settle(""); err != nil || row.Ended {
		return err
	}
	return t.overMandate(e.Mandate, row, pay.MandateStatus{Claim: t.in.Fact.ID()})
}

// overMandate ends a mandate; s says why.
func (t *turn) overMandate(id pay.FactID, row mandateRow, s pay.MandateStatus) error {
	m, ok, err := fact[pay.Mandate](t.rows, id)
	if err != nil || !ok {
		return errors.Join(err, missingMandate(ok, id))
	}
	row.Ended = true
	if err := t.fall(row.Wallet, id); err != nil {
		return err
	}
	return t.sayMandate(id, m.MandateTerms, row, s)
}

func missingMandate(there bool, id pay.FactID) error {
	if there {
		return nil
	}
	return fmt.Errorf("mandate %s has a row and is missing", id)
}

// endMandates ends all mandates of a wallet whose node is gone: another that takes its
// place agrees anew.
func (t *turn) endMandates(wallet pay.Scope, why pay.Reason) error {
	list, _, err := standingRows.Get(t.rows, wallet)
	if err != nil {
		return err
	}
	for _, id := range list {
		row, ok, err := mandateRows.Get(t.rows, id)
		if err != nil {
			return err
		}
		if !ok || row.Ended {
			continue
		}
		if err := t.overMandate(id, row, pay.MandateStatus{Reason: why}); err != nil {
			return err
		}
	}
	return nil
}

// mandated is a mandate that covers the payment at hand.
type mandated struct {
	id  pay.FactID
	row mandateRow
	m   pay.Mandate
}

// mandateFor returns the mandate that pays what was found, and whether one does: of
// several the one whose id is least.
func (t *turn) mandateFor(f found, d pay.Decision) (by mandated, ok bool, err error) {
	if !f.mayPayUnasked() {
		return by, false, nil
	}
	list, _, err := standingRows.Get(t.rows, f.row.Wallet)
	if err != nil || len(list) == 0 {
		return by, false, err
	}
	box, _, err := t.members.Get(t.rows, f.here.Box)
	if err != nil {
		return by, false, err
	}
	for _, id := range list {
		by = mandated{id: id}
		if by.row, ok, err = mandateRows.Get(t.rows, by.id); err != nil || !ok {
			return by, false, errors.Join(err, missingMandate(ok, by.id))
		}
		if by.m, ok, err = fact[pay.Mandate](t.rows, by.id); err != nil || !ok {
			return by, false, errors.Join(err, missingMandate(ok, by.id))
		}
		if !by.covers(f, box.Status.Class, d, t.now) {
			continue
		}
		if by.row.Use, err = useOn(t.rows, by.id, by.row.Use, by.m.DayOf(t.now)); err != nil {
			return by, false, err
		}
		if by.m.Room(by.row.Use, d.Amount) == nil {
			return by, true, nil
		}
	}
	return by, false, nil
}

// useOn returns what was used of a mandate, with what was spent on a day. That day is
// seldom another than the last one, and may be an earlier one where the clock was set.
func useOn(view pay.Rows, id pay.FactID, u pay.Use, day int64) (pay.Use, error) {
	if u.Day == day {
		return u, nil
	}
	spent := pay.Amount(0)
	err := mandatePaymentRows.Each(view, rows.Under(mandatePaymentRows, id), func(key mandatePaymentKey, on int64) error {
		if on != day {
			return nil
		}
		p, _, err := paymentRows.Get(view, key.Second)
		spent += p.Decision.Counted()
		return err
	})
	return u.On(day, spent), err
}

// mayPayUnasked reports whether a payment to the owner of the device may be made without
// asking anybody: only who was meant, by one channel, by a code that no other place has
// heard, a neighbour neither, and the first time in its step.
func (f found) mayPayUnasked() bool {
	paidElsewhere := f.places.Paid != nil && !f.places.Paid.at(f.here)
	stepUp := f.stepUp()
	if stepUp == pay.StepUpFuel && !f.asked {
		stepUp = "" // that it is for fuel alone is what the payer has agreed to
	}
	return f.alone && stepUp == "" && f.cause.IsZero() && !f.places.Mandated && !paidElsewhere
}

// covers reports whether a mandate covers a payment of what was found at a box of a class,
// but for what was used of it. One that names no means is for the account alone.
func (by mandated) covers(f found, class pay.BoxClass, d pay.Decision, now pay.Time) bool {
	m := by.m
	switch {
	case by.row.Ended, m.Class != class && m.Class != "", m.Class == "" && by.row.Merchant != d.Merchant:
		return false
	case !m.Device.IsZero() && m.Device != f.device, m.Means != "" && m.Means != f.row.Means, m.Means == "" && f.means.Acquirer != pay.AcquirerNone:
		return false
	default:
		return m.Covers(d.Amount, d.Currency, now) == nil
	}
}

// payBy decides a request by a mandate: that it is covered, and what becomes of it.
func (t *turn) payBy(p *paymentRow, f found, by mandated) error {
	if err := t.noteHeard(f); err != nil {
		return err
	}
	p.Wallet, p.Device, p.Step = f.row.Wallet, f.device, f.step
	_, p.Learn = f.source.learned(f.step, f.heard)
	p.Decision.Payer, p.Decision.Mandate = t.payerRef(p.Wallet, p.Decision.Merchant), by.id
	state := pay.StateMandated
	if p.Decision.Acquirer = f.means.Acquirer; p.Decision.Acquirer != pay.AcquirerNone {
		state = pay.StateMandatedCall
		p.Means, p.Decision.Test = f.means.Claim, t.playMoney(p.Decision.Acquirer)
	}
	if err := t.decide(p, verdict{state: state, claim: pay.FactID(p.Decision.Payment)}); err != nil {
		return err
	}
	v, err := t.authorise(p, pay.Answer{HoldUntil: p.Decision.HoldUntil}, verdict{claim: by.id, by: by.id.By()})
	if err != nil {
		return err
	}
	if v.state == pay.StateFailed {
		return t.decide(p, v)
	}
	if err := t.noteMandated(*p); err != nil {
		return err
	}
	if err := t.decide(p, v); err != nil {
		return err
	}
	by.row.Use = by.row.Use.Begin(p.Decision.Counted())
	if err := mandatePaymentRows.Put(t.rows, rows.Key(by.id, p.Decision.Payment), by.row.Use.Day); err != nil {
		return err
	}
	assertUse(by.m.MandateTerms, by.row.Use)
	return mandateRows.Put(t.rows, by.id, by.row)
}

// assertUse keeps a mandate within its bounds: a registry that finds its own count wrong
// must not commit another payment.
func assertUse(m pay.MandateTerms, u pay.Use) {
	if u.Spent < 0 || u.DaySpent < 0 || (m.Budget > 0 && u.Spent > m.Budget) || (m.Day > 0 && u.DaySpent > m.Day) || (m.Count > 0 && u.Count > m.Count) {
		panic("registry: internal error: a mandate is used beyond its bounds")
	}
}

// noteMandated keeps that a payment of the step was made by a mandate, and where.
func (t *turn) noteMandated(p paymentRow) error {
	h, _, err := heardRows.Get(t.rows, rows.Key(p.Device, p.Step))
	if err != nil {
		return err
	}
	here := p.place()
	h.Paid, h.Mandated = &here, true
	t.heardAt = nil
	return heardRows.Put(t.rows, rows.Key(p.Device, p.Step), h)
}

// freeMandate counts less for the mandate of a payment when a hold gives something back.
func (t *turn) freeMandate(before, after pay.Decision) error {
	back := before.Counted() - after.Counted()
	if after.Mandate.IsZero() || back <= 0 {
		return nil
	}
	day, ok, err := mandatePaymentRows.Get(t.rows, rows.Key(after.Mandate, after.Payment))
	if err != nil || !ok {
		return errors.Join(err, missingMandate(ok, after.Mandate))
	}
	row, ok, err := mandateRows.Get(t.rows, after.Mandate)
	if err != nil || !ok {
		return errors.Join(err, missingMandate(ok, after.Mandate))
	}
	row.Use = row.Use.Back(back, day)
	return mandateRows.Put(t.rows, after.Mandate, row)
}
