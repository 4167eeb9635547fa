package till

import (
	"cmp"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Report is what became of the merchant's money between two moments, at all of its
// boxes. Money counts when the registry moved it, by its clock; payments count when they
// were asked for, as they are listed. Amounts are in minor units of one currency.
//
//	Closing = Opening + Captured - Refunded - PaidOut
type Report struct {
	Currency pay.Currency
	Opening  pay.Amount // what the account had before
	Captured pay.Amount
	Tips     pay.Amount // of Captured
	Refunded pay.Amount
	PaidOut  pay.Amount // by the registry's operator
	Held     pay.Amount // what open payments hold now, whenever they were made
	// Payments are those that were asked for in that time, ByState and ByMethod how
	// they stand now and by how many channels they were made.
	Payments int
	ByState  map[pay.State]int
	ByMethod map[pay.Method]int
	// CapturedBy is Captured, by method.
	CapturedBy map[pay.Method]pay.Amount
	// Lines are all of that one by one, oldest first.
	Lines []ReportLine
}

// Net returns what was taken less what was given back.
func (r Report) Net() pay.Amount { return r.Captured - r.Refunded }

// Closing returns what the account had afterwards.
func (r Report) Closing() pay.Amount { return r.Opening + r.Net() - r.PaidOut }

// Movement is what a line of a report is about.
type Movement string

// The movements.
const (
	MovedCapture Movement = "capture"
	MovedRefund  Movement = "refund"
	MovedPayout  Movement = "payout"
	// MovedNothing is a payment that was asked for and has moved no money in the time
	// of the report.
	MovedNothing Movement = "none"
)

// ReportLine is one movement, or a payment without any. In is what came in; what left is
// negative. A payout is of no payment.
type ReportLine struct {
	At      pay.Time
	What    Movement
	In      pay.Amount
	Tip     pay.Amount // of In, where that was captured
	Payment pay.PaymentID
	State   pay.State // as it is now
	Method  pay.Method
	Handle  pay.Handle
	Ref     string
	Site    pay.Name
}

// Report returns the report from a moment on, up to another and without it. It reads the
// last decision of each payment that there ever was, and all of those that had a part in
// that time. Its errors are the store's.
func (t *Till) Report(v View, now, from, until pay.Time) (Report, error) {
	r := reporter{
		Till: t, view: v, now: now, from: from, until: until,
		out: Report{
			Currency: t.options.Currency, ByState: map[pay.State]int{}, ByMethod: map[pay.Method]int{}, CapturedBy: map[pay.Method]pay.Amount{},
		},
	}
	if err := history.Walk(v, r.payment); err != nil {
		return Report{}, err
	}
	if err := history.Statements(v, t.options.Merchant, r.statement); err != nil {
		return Report{}, err
	}
	slices.SortStableFunc(r.out.Lines, func(a, b ReportLine) int { return cmp.Compare(a.At, b.At) })
	return r.out, nil
}

// reporter is one report in the making.
type reporter struct {
	*Till
	view        View
	now         pay.Time
	from, until pay.Time
	out         Report
}

func (r *reporter) within(at pay.Time) bool { return r.from <= at && at < r.until }

// payment takes in one payment. No decision is dated before the one that it follows, so
// that the last one says enough of a payment that ended before.
func (r *reporter) payment(rec history.Record) error {
	r.out.Held += rec.Payment.Sums().Held
	asked := r.within(rec.Created)
	if last := rec.Payment.Decision.At; !asked && rec.Payment.Seq > 0 && last < r.from {
		sums := rec.Payment.Sums()
		r.out.Opening += sums.Captured - sums.Refunded
		return nil
	}
	e, shown, err := r.listed(rec)
	if err != nil || !shown {
		return err
	}
	line := ReportLine{At: e.Created, What: MovedNothing, Payment: e.ID, State: e.State(), Method: e.Method(), Handle: e.Handle, Ref: e.Ref, Site: e.Site}
	moved, err := r.decisions(rec, line)
	if err != nil || !asked {
		return err
	}
	r.out.Payments++
	r.out.ByState[line.State]++
	r.out.ByMethod[line.Method]++
	if !moved {
		r.out.Lines = append(r.out.Lines, line)
	}
	return nil
}

// listed returns a payment as the list shows it, and whether it does.
func (r *reporter) listed(rec history.Record) (Entry, bool, error) {
	own, req, err := loadOwn(r.view, rec.Payment.ID)
	if err != nil {
		return Entry{}, false, err
	}
	shown, err := follow(r.view, own, rec.Payment.ID)
	if err != nil || shown != rec.Payment.ID {
		return Entry{}, false, err
	}
	return r.entry(r.now, rec, own, req), true, nil
}

// decisions adds what the decisions on a payment moved, and reports whether one did in
// the time of the report.
func (r *reporter) decisions(rec history.Record, line ReportLine) (moved bool, err error) {
	steps, err := history.Steps(r.view, rec)
	if err != nil {
		return false, err
	}
	tipped := pay.Amount(0)
	for _, s := range steps {
		tip := s.Decision.TipTaken() - tipped
		tipped += tip
		captured, refunded := s.Moved.Captured, s.Moved.Refunded
		switch at := s.Decision.At; {
		case at < r.from:
			r.out.Opening += captured - refunded
		case at < r.until:
			moved = moved || captured != 0 || refunded != 0
			r.out.Captured += captured
			r.out.Tips += tip
			r.out.Refunded += refunded
			if captured != 0 {
				r.out.CapturedBy[line.Method] += captured
			}
			line.At = at
			line.Tip = tip
			r.add(line, MovedCapture, captured)
			line.Tip = 0
			r.add(line, MovedRefund, -refunded)
		}
	}
	return moved, nil
}

// add adds a line for what moved, if it did.
func (r *reporter) add(line ReportLine, what Movement, in pay.Amount) {
	if in != 0 {
		line.What, line.In = what, in
		r.out.Lines = append(r.out.Lines, line)
	}
}

// statement takes in what was stated on the account beside payments.
func (r *reporter) statement(s history.Statement) bool {
	switch {
	case s.At < r.from:
		r.out.Opening += s.In
	case s.At < r.until:
		r.out.PaidOut -= s.In
		r.add(ReportLine{At: s.At}, MovedPayout, s.In)
	}
	return true
}
