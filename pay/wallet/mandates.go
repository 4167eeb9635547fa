package wallet

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// mandates are payments that the owner has agreed to beforehand. The registry makes them
// without an offer; this wallet holds each against the mandate that it signed, and counts
// what was used of it.
func (w *Wallet) mandates() history.Feature {
	return history.Feature{
		Name:    "mandates",
		Mirrors: map[pay.Kind]history.EntryRule{pay.KindMandateStatus: history.Mirror(noteMandate)},
		Refusals: map[pay.Kind]history.RefusalRule{
			pay.KindMandate: history.Refused(func(tx pay.WritableRows, claim pay.FactID, _ pay.Mandate, why pay.Reason) error {
				return mandateRefused(tx, claim, claim, why)
			}),
			pay.KindMandateEnd: history.Refused(func(tx pay.WritableRows, claim pay.FactID, e pay.MandateEnd, why pay.Reason) error {
				return mandateRefused(tx, e.Mandate, claim, why)
			}),
		},
		Recalls: map[pay.Kind]history.RecallRule{
			pay.KindMandate: history.Recalled(func(tx pay.WritableRows, _ pay.Time, claim pay.FactID, m pay.Mandate) error {
				return mandateRows.Put(tx, claim, mandateRow{Asked: claim, Pending: true, Created: m.Created})
			}),
			pay.KindMandateEnd: history.Recalled(func(tx pay.WritableRows, _ pay.Time, claim pay.FactID, e pay.MandateEnd) error {
				r, ok, err := mandateRows.Get(tx, e.Mandate)
				if err != nil || !ok {
					return err
				}
				r.Asked, r.Pending = claim, true
				return mandateRows.Put(tx, e.Mandate, r)
			}),
		},
		Spaces: rows.Spaces{mandateRows.Space, byMandateRows.Space},
	}
}

type byMandateKey = rows.Pair[pay.FactID, pay.PaymentID]

var (
	mandateRows   = rows.New("km", "what the registry and this wallet stated about a mandate", rows.ID[pay.FactID]("MANDATE"), rows.CBOR[mandateRow]())
	byMandateRows = rows.New("kp", "a payment by a mandate, and how much of it counts",
		rows.Join(rows.ID[pay.FactID]("MANDATE"), rows.ID[pay.PaymentID]("PAYMENT")), rows.CBOR[byMandate]())
)

// mandateRow is the registry's last statement on a mandate, and what this wallet has
// claimed about it since. Fields may be added if they can be left out.
type mandateRow struct {
	Merchant pay.Scope  `cbor:"1,keyasint,omitempty"` // that it names
	Stands   bool       `cbor:"2,keyasint,omitempty"` // the registry has taken it into force
	Ended    pay.Time   `cbor:"3,keyasint,omitempty"` // when the registry ended it; 0: it has not
	Asked    pay.FactID `cbor:"4,keyasint"`           // the mandate, or its end
	Pending  bool       `cbor:"5,keyasint,omitempty"` // Asked is not decided
	Reason   pay.Reason `cbor:"6,keyasint,omitempty"` // why it was refused, or ended by the registry
	Created  pay.Time   `cbor:"7,keyasint"`
	Use      pay.Use    `cbor:"8,keyasint"`
}

// byMandate is what counts of one payment, and the mandate's day on which it began.
type byMandate struct {
	Day     int64      `cbor:"1,keyasint"`
	Counted pay.Amount `cbor:"2,keyasint"`
}

// MandateState is where a mandate stands.
type MandateState string

// The states of a mandate.
const (
	MandatePending MandateState = "pending" // the registry has not decided on what was asked last
	MandateActive  MandateState = "active"
	MandateSpent   MandateState = "spent" // nothing has room any more, unless a hold gives something back
	MandateEnded   MandateState = "ended" // by its owner, by the registry, or it never stood
	MandateExpired MandateState = "expired"
)

// Mandate is a mandate as its owner sees it.
type Mandate struct {
	pay.Mandate
	ID       pay.FactID
	Merchant pay.Scope // whose name is Payee; "" until the registry has said so
	State    MandateState
	Use      pay.Use // DaySpent is of today
	Reason   pay.Reason
	Asked    pay.FactID // what this wallet asked last
}

// AddMandate signs a mandate: it returns it, pending, and the claim to be published in the
// same transaction. Zone and Created are set here. Its errors are *pay.Error: CodeUsage or
// CodeAmount for a mandate that cannot be, CodeNotFound for a device that is not this
// wallet's.
func (w *Wallet) AddMandate(tx pay.WritableRows, now pay.Time, m pay.Mandate) (Mandate, pay.Reaction, error) {
	m.Created, m.Zone = now, w.zoneAt(now)
	if err := m.Each.CheckPayable(); err != nil {
		return Mandate{}, pay.Reaction{}, pay.WrapCase(err, pay.CodeAmount, "mandate_amount", "add mandate")
	}
	if err := m.Check(); err != nil {
		return Mandate{}, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "mandate_form", "add mandate")
	}
	f, err := pay.Sign(w.options.Key, m)
	if err != nil {
		return Mandate{}, pay.Reaction{}, fmt.Errorf("add mandate: %w", err)
	}
	r := mandateRow{Asked: f.ID(), Pending: true, Created: now}
	if err := mandateRows.Put(tx, f.ID(), r); err != nil {
		return Mandate{}, pay.Reaction{}, err
	}
	return w.mandateOf(now, f.ID(), m, r), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// zoneAt returns by how many minutes local time is ahead of UTC.
func (w *Wallet) zoneAt(t pay.Time) int16 {
	if w.options.Zone == nil {
		return 0
	}
	_, seconds := t.Std().In(w.options.Zone).Zone()
	return int16(seconds / int(time.Minute/time.Second))
}

// EndMandate asks for the end of the mandate whose id begins with the digits, and returns
// it, pending. One that has ended stays as it is. Its errors are those of history.FindID.
func (w *Wallet) EndMandate(tx pay.WritableRows, now pay.Time, digits string) (Mandate, pay.Reaction, error) {
	m, r, err := w.findMandate(tx, now, digits)
	if err != nil || m.State == MandateEnded || (r.Pending && r.Asked != m.ID) {
		return m, pay.Reaction{}, err
	}
	f, err := pay.Sign(w.options.Key, pay.MandateEnd{Mandate: m.ID, Created: now})
	if err != nil {
		return m, pay.Reaction{}, fmt.Errorf("end mandate: %w", err)
	}
	r.Asked, r.Pending, r.Reason = f.ID(), true, ""
	if err := mandateRows.Put(tx, m.ID, r); err != nil {
		return m, pay.Reaction{}, err
	}
	return w.mandateOf(now, m.ID, m.Mandate, r), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, nil
}

// FindMandate returns the mandate whose id begins with the digits. Its errors are those of
// history.FindID.
func (w *Wallet) FindMandate(view pay.Rows, now pay.Time, digits string) (Mandate, error) {
	m, _, err := w.findMandate(view, now, digits)
	return m, err
}

func (w *Wallet) findMandate(view pay.Rows, now pay.Time, digits string) (Mandate, mandateRow, error) {
	id, err := history.FindID(view, mandateRows, digits, "mandate")
	if err != nil {
		return Mandate{}, mandateRow{}, err
	}
	r, _, err := mandateRows.Get(view, id)
	if err != nil {
		return Mandate{}, r, err
	}
	m, err := w.shownMandate(view, now, id, r)
	return m, r, err
}

// Mandates returns all mandates that this wallet ever signed, newest first. Its errors are
// the store's.
func (w *Wallet) Mandates(view pay.Rows, now pay.Time) (list []Mandate, err error) {
	err = mandateRows.Each(view, mandateRows.All(), func(id pay.FactID, r mandateRow) error {
		m, err := w.shownMandate(view, now, id, r)
		list = append(list, m)
		return err
	})
	slices.SortStableFunc(list, func(a, b Mandate) int { return cmp.Compare(b.Created, a.Created) })
	return list, err
}

func (w *Wallet) shownMandate(view pay.Rows, now pay.Time, id pay.FactID, r mandateRow) (Mandate, error) {
	m, err := signedMandate(view, id)
	if err != nil {
		return Mandate{}, err
	}
	if r.Use, err = useOn(view, id, r.Use, m.DayOf(now)); err != nil {
		return Mandate{}, err
	}
	return w.mandateOf(now, id, m, r), nil
}

// signedMandate returns what a mandate with a row allows.
func signedMandate(view pay.Rows, id pay.FactID) (m pay.Mandate, err error) {
	f, ok, err := view.Fact(id)
	if err == nil && !ok {
		err = fmt.Errorf("mandate %s is listed and missing", id)
	}
	if err != nil {
		return m, err
	}
	return pay.As[pay.Mandate](f)
}

func (w *Wallet) mandateOf(now pay.Time, id pay.FactID, m pay.Mandate, r mandateRow) Mandate {
	out := Mandate{Mandate: m, ID: id, Merchant: r.Merchant, State: MandateActive, Use: r.Use, Reason: r.Reason, Asked: r.Asked}
	switch {
	case r.Pending:
		out.State = MandatePending
	case !r.Stands || r.Ended != 0:
		out.State = MandateEnded
	case now >= m.Until:
		out.State = MandateExpired
	case m.Spent(r.Use):
		out.State = MandateSpent
	}
	return out
}

// noteMandate takes in where the registry says that a mandate stands.
func noteMandate(tx pay.WritableRows, _ pay.Fact, s pay.MandateStatus) error {
	r, ok, err := mandateRows.Get(tx, s.Mandate)
	if err != nil || !ok {
		return err // another wallet's, before this one took its place
	}
	if s.Ended {
		r.Ended = s.At
	}
	r.Stands, r.Merchant, r.Reason = true, s.Merchant, s.Reason
	if s.Claim == r.Asked || s.Ended {
		r.Pending = false
	}
	return mandateRows.Put(tx, s.Mandate, r)
}

// mandateRefused notes that the registry refused what was asked last about a mandate.
func mandateRefused(tx pay.WritableRows, id, claim pay.FactID, why pay.Reason) error {
	r, ok, err := mandateRows.Get(tx, id)
	if err != nil || !ok || r.Asked != claim || !r.Pending {
		return err
	}
	r.Pending, r.Reason = false, why
	return mandateRows.Put(tx, id, r)
}

// useOn returns what was used of a mandate, with what was spent on a day.
func useOn(view pay.Rows, id pay.FactID, u pay.Use, day int64) (pay.Use, error) {
	if u.Day == day {
		return u, nil
	}
	spent := pay.Amount(0)
	err := byMandateRows.Each(view, rows.Under(byMandateRows, id), func(_ byMandateKey, p byMandate) error {
		if p.Day == day {
			spent += p.Counted
		}
		return nil
	})
	return u.On(day, spent), err
}

// byMandate counts a payment that a mandate authorised, and returns why this wallet's
// mandate does not cover it, or nil.
func (w *Wallet) byMandate(tx pay.WritableRows, d pay.Decision) (why, err error) {
	r, ok, err := mandateRows.Get(tx, d.Mandate)
	if err != nil || !ok {
		return fmt.Errorf("this wallet signed no such mandate"), err
	}
	f, ok, err := tx.Fact(d.Mandate)
	if err != nil || !ok {
		return fmt.Errorf("the mandate is missing"), err
	}
	m, bad := pay.As[pay.Mandate](f)
	if r.Use, err = useOn(tx, d.Mandate, r.Use, m.DayOf(d.At)); err != nil {
		return nil, err
	}
	switch {
	case bad != nil || f.Verify(w.options.Key.Public()) != nil:
		return fmt.Errorf("this wallet did not sign it"), nil
	case r.Ended != 0 && d.At > r.Ended:
		return fmt.Errorf("the mandate had ended at %s", r.Ended), nil
	case m.Payee != "" && (m.Payee != d.MerchantName || r.Merchant != d.Merchant):
		return fmt.Errorf("the mandate is for another merchant"), nil
	case m.Means == "" && d.Acquirer != pay.AcquirerNone:
		return fmt.Errorf("the mandate is for the account alone"), nil
	}
	if why := cmp.Or(m.Covers(d.Amount, d.Currency, d.At), m.Room(r.Use, d.Counted())); why != nil {
		return why, nil
	}
	r.Use = r.Use.Begin(d.Counted())
	if err := mandateRows.Put(tx, d.Mandate, r); err != nil {
		return nil, err
	}
	return nil, byMandateRows.Put(tx, rows.Key(d.Mandate, d.Payment), byMandate{Day: r.Use.Day, Counted: d.Counted()})
}

// giveBack counts less for the mandate of a payment when its hold gave something back.
func giveBack(tx pay.WritableRows, d pay.Decision) error {
	key := rows.Key(d.Mandate, d.Payment)
	p, ok, err := byMandateRows.Get(tx, key)
	if err != nil || !ok {
		return err
	}
	back := p.Counted - d.Counted()
	if back <= 0 {
		return nil
	}
	r, _, err := mandateRows.Get(tx, d.Mandate)
	if err != nil {
		return err
	}
	r.Use, p.Counted = r.Use.Back(back, p.Day), d.Counted()
	if err := mandateRows.Put(tx, d.Mandate, r); err != nil {
		return err
	}
	return byMandateRows.Put(tx, key, p)
}
