package pay

import (
	"fmt"
	"strings"
	"time"
)

// A mandate: the payer agrees beforehand to payments of a merchant, or of a class of
// merchants, within bounds. A payment that a mandate covers makes no offer.
//
//	wallet --mandate------> registry --mandate-status--> wallet, and the merchant
//	wallet --mandate-end--> registry --mandate-status--> the same: it pays no more
//	box    --request------> registry --mandated, then captured or held--> both
//
// The registry checks a payment against the mandate when it decides, the wallet when it
// sees the decision, and the audit again from the facts alone: the decision that moves
// money names the mandate as its claim, where another names an approval.
//
// What counts for a mandate is what a payment holds and has captured, up to its amount:
// what is given back of a hold is free again, a refund is not.

// MandateTerms are the bounds of a mandate. Exactly one of Payee and Class is there, and
// at least one of Day, Budget and Count; 0 means no such bound.
type MandateTerms struct {
	// Payee is the name of the merchant. A registry has one merchant of a name.
	Payee Name `cbor:"1,keyasint,omitempty"`
	// Class is the class of boxes that may charge, such as ClassFuel.
	Class    BoxClass `cbor:"2,keyasint,omitempty"`
	EachMin  Amount   `cbor:"3,keyasint,omitempty"` // the least for one payment
	Each     Amount   `cbor:"4,keyasint"`           // the most for one payment
	Day      Amount   `cbor:"5,keyasint,omitempty"` // the most for a day
	Budget   Amount   `cbor:"6,keyasint,omitempty"` // the most in all
	Count    uint32   `cbor:"7,keyasint,omitempty"` // how many payments
	Currency Currency `cbor:"8,keyasint"`
	Until    Time     `cbor:"9,keyasint"` // by the registry's clock
	// Zone is by how many minutes a day begins before midnight UTC.
	Zone int16 `cbor:"10,keyasint,omitempty"`
}

// BoxClass is what a box is for: "fuel", or "" for any shop. It is a stable name.
type BoxClass string

// ClassFuel is the class of boxes at pumps.
const ClassFuel BoxClass = "fuel"

func (m MandateTerms) check() error {
	switch {
	case (m.Payee == "") == (m.Class == ""):
		return fmt.Errorf("a mandate is for one merchant or for one class")
	case m.Day == 0 && m.Budget == 0 && m.Count == 0:
		return fmt.Errorf("a mandate has no bound but that of one payment")
	case m.EachMin < 0 || m.EachMin > m.Each:
		return fmt.Errorf("the least for one payment is above the most")
	case m.Day < 0 || m.Budget < 0 || (m.Day > 0 && m.Day < m.Each) || (m.Budget > 0 && m.Budget < m.Each):
		return fmt.Errorf("one payment may be more than the bound of all")
	case m.Zone < -zoneMax || m.Zone > zoneMax:
		return fmt.Errorf("zone of %d minutes is none", m.Zone)
	}
	if m.Payee != "" {
		if err := m.Payee.Check(); err != nil {
			return err
		}
	}
	return firstError(m.Each.CheckPayable(), max(m.Day, 1).CheckBalance(), max(m.Budget, 1).CheckBalance(), m.Currency.Check(), m.Until.check(),
		checkText("class", string(m.Class), classBytesMax))
}

// zoneMax bounds a zone, in minutes. Published: no zone of the IANA database is as far
// from UTC.
const zoneMax = 24 * 60

// DayOf returns the number of the mandate's day on which a moment lies.
func (m MandateTerms) DayOf(t Time) int64 {
	ms := int64(t) + int64(m.Zone)*60_000
	day := int64(24 * time.Hour / time.Millisecond)
	return (ms - ((ms%day)+day)%day) / day
}

// Covers returns why a payment of this amount at a moment is outside what the mandate
// allows for one payment, or nil.
func (m MandateTerms) Covers(amount Amount, currency Currency, at Time) error {
	switch {
	case currency != m.Currency:
		return fmt.Errorf("it is in %s, not in %s", currency, m.Currency)
	case amount < max(m.EachMin, 1) || amount > m.Each:
		return fmt.Errorf("%d is outside %d..%d", amount, m.EachMin, m.Each)
	case at >= m.Until:
		return fmt.Errorf("the mandate ended at %s", m.Until)
	default:
		return nil
	}
}

// Use is how much of a mandate was used.
type Use struct {
	Spent Amount `cbor:"1,keyasint,omitempty"` // in all
	Count uint32 `cbor:"2,keyasint,omitempty"`
	// DaySpent is what payments that began on Day count for.
	Day      int64  `cbor:"3,keyasint,omitempty"`
	DaySpent Amount `cbor:"4,keyasint,omitempty"`
}

// On returns the use with another day, on which so much was spent.
func (u Use) On(day int64, spent Amount) Use {
	u.Day, u.DaySpent = day, spent
	return u
}

// Room returns why one more payment on the day of u has no room beside what was used, or
// nil.
func (m MandateTerms) Room(u Use, amount Amount) error {
	switch {
	case m.Count > 0 && u.Count >= m.Count:
		return fmt.Errorf("all of its %d payments are made", m.Count)
	case m.Budget > 0 && amount > m.Budget-u.Spent:
		return fmt.Errorf("%d of its budget are left", m.Budget-u.Spent)
	case m.Day > 0 && amount > m.Day-u.DaySpent:
		return fmt.Errorf("%d are left for that day", m.Day-u.DaySpent)
	default:
		return nil
	}
}

// Begin returns the use after one more payment on its day.
func (u Use) Begin(amount Amount) Use {
	u.Count++
	return u.add(amount, u.Day)
}

// Back returns the use after a payment that began on a day gave an amount back.
func (u Use) Back(amount Amount, day int64) Use { return u.add(-amount, day) }

func (u Use) add(amount Amount, day int64) Use {
	u.Spent += amount
	if day == u.Day {
		u.DaySpent += amount
	}
	return u
}

// Spent reports whether no payment at all has room any more.
func (m MandateTerms) Spent(u Use) bool {
	return (m.Count > 0 && u.Count >= m.Count) || (m.Budget > 0 && m.Budget-u.Spent < max(m.EachMin, 1))
}

// Mandate is a wallet's agreement to payments without an answer.
type Mandate struct {
	MandateTerms
	// Device is the only one that pays by it; zero: any of the wallet's.
	Device  DeviceID `cbor:"11,keyasint,omitzero"`
	Means   Name     `cbor:"12,keyasint,omitempty"` // "": the closed-loop account
	Created Time     `cbor:"13,keyasint"`
}

// Kind returns KindMandate.
func (Mandate) Kind() Kind { return KindMandate }

// Check returns nil when every field is within its bounds.
func (m Mandate) Check() error {
	if m.Until.Sub(m.Created) > MandateMax || m.Until <= m.Created {
		return fmt.Errorf("a mandate until %s that is made at %s is too long, or over", m.Until, m.Created)
	}
	return firstError(m.check(), checkText("means", string(m.Means), NameBytesMax), m.Created.check())
}

// MandateEnd is a wallet's claim that ends a mandate of its own.
type MandateEnd struct {
	Mandate FactID `cbor:"1,keyasint"`
	Created Time   `cbor:"2,keyasint"`
}

// Kind returns KindMandateEnd.
func (MandateEnd) Kind() Kind { return KindMandateEnd }

// Check returns nil when every field is within its bounds.
func (e MandateEnd) Check() error {
	if e.Mandate.IsZero() {
		return fmt.Errorf("no mandate is named")
	}
	return e.Created.check()
}

// MandateStatus is the registry's statement on where a mandate stands. The same bytes go
// to the wallet and, where the mandate names a merchant, to that merchant, who learns
// neither the wallet's key nor the device from it. A mandate for a class goes to no
// merchant.
type MandateStatus struct {
	MandateTerms
	Mandate  FactID   `cbor:"20,keyasint"`
	Merchant Scope    `cbor:"21,keyasint,omitempty"` // whose name is Payee
	Payer    PayerRef `cbor:"22,keyasint,omitzero"`  // towards that merchant
	Ended    bool     `cbor:"23,keyasint,omitempty"`
	Claim    FactID   `cbor:"24,keyasint,omitzero"` // the mandate, or its end; zero: the registry acted
	Reason   Reason   `cbor:"25,keyasint,omitempty"`
	At       Time     `cbor:"26,keyasint"`
}

// Kind returns KindMandateStatus.
func (MandateStatus) Kind() Kind { return KindMandateStatus }

// Check returns nil when every field is within its bounds.
func (m MandateStatus) Check() error {
	if m.Mandate.IsZero() {
		return fmt.Errorf("no mandate is named")
	}
	if (m.Merchant == "") != (m.Payee == "") {
		return fmt.Errorf("a merchant stands for a payee, and for no class")
	}
	if m.Merchant != "" {
		if err := m.Merchant.check("m/"); err != nil {
			return err
		}
	}
	return firstError(m.MandateTerms.check(), checkText("reason", string(m.Reason), reasonBytesMax), m.At.check())
}

// mandateOf is what the name of a mandate begins with where it stands in a decision as
// who answered.
const mandateOf = "mandate:"

// By returns the name under which the mandate with this id stands in decisions: the
// beginning of its id.
func (id FactID) By() Rule { return Rule(mandateOf + id.String()[:10]) }

// ByMandate reports whether a mandate answered.
func (r Rule) ByMandate() bool { return strings.HasPrefix(string(r), mandateOf) }

// Counted returns how much of a payment counts for its mandate: what it holds and has
// captured, up to its amount.
func (d Decision) Counted() Amount {
	if d.Mandate.IsZero() {
		return 0
	}
	sums := d.SumsAfter()
	return min(d.Amount, sums.Held+sums.Captured)
}
