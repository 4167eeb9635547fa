package till

import (
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/history"
)

// Fuelling is a fuelling as the attendant sees it.
type Fuelling struct {
	ID      FuellingID
	Pump    pay.PumpNumber
	State   FuellingState
	Process fuel.Process
	Handle  pay.Handle
	Plate   string
	Terms   pay.FuelTerms
	Ceiling pay.Amount // the most that it may cost; 0: nobody was selected
	Given   pay.Delivery
	Total   pay.Amount // 0: nothing is given yet, or it is not known
	Doubt   string     // why nobody is charged before the attendant has looked; "": nothing
	Why     string     // it is unpaid or cancelled; "" otherwise
	Created pay.Time
	// Stopping means that the pump is asked to stop; Opened, that it may give as far as
	// this box is to know.
	Stopping bool
	Opened   bool
	// Payment is how it is paid; zero where nobody was selected.
	Payment Entry
}

// Owed reports whether what was given is not paid, and will not be by itself.
func (f Fuelling) Owed() bool { return f.State == FuelUnpaid }

func (t *Till) fuelling(v View, now pay.Time, id FuellingID, r fuellingRow) (Fuelling, error) {
	f := Fuelling{
		ID: id, Pump: r.Pump, State: r.State, Process: r.Process, Handle: r.Handle, Plate: r.Plate, Terms: r.Terms, Ceiling: r.Ceiling,
		Given: r.Given, Total: r.Total, Doubt: r.Doubt, Why: r.Why, Created: r.Created, Stopping: r.Stopping,
		Opened: r.State != FuelSelected && !r.State.over() && (r.Answered || !t.options.Pumps),
	}
	if r.Payment.IsZero() {
		return f, nil
	}
	var err error
	f.Payment, err = t.Show(v, now, r.Payment.String())
	return f, err
}

// ShowFuelling returns the fuelling whose id begins with the digits. Its errors are those
// of history.FindID.
func (t *Till) ShowFuelling(v View, now pay.Time, digits string) (Fuelling, error) {
	id, r, err := findFuelling(v, digits)
	if err != nil {
		return Fuelling{}, err
	}
	return t.fuelling(v, now, id, r)
}

func findFuelling(v pay.Rows, digits string) (FuellingID, fuellingRow, error) {
	id, err := history.FindID(v, fuellingRows, digits, "fuelling")
	if err != nil {
		return id, fuellingRow{}, err
	}
	r, _, err := fuellingRows.Get(v, id)
	return id, r, err
}

// Fuellings returns the newest fuellings, at most limit of them, or those that left
// unpaid alone.
func (t *Till) Fuellings(v View, now pay.Time, limit int, owed bool) ([]Fuelling, error) {
	type row struct {
		id FuellingID
		fuellingRow
	}
	var all []row
	err := fuellingRows.Each(v, fuellingRows.All(), func(id FuellingID, r fuellingRow) error {
		if !owed || r.State == FuelUnpaid {
			all = append(all, row{id, r})
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b row) int {
		if a.Created != b.Created {
			return int(min(max(int64(b.Created-a.Created), -1), 1))
		}
		return slices.Compare(b.id[:], a.id[:])
	})
	out := make([]Fuelling, 0, min(len(all), limit))
	for _, r := range all[:min(len(all), limit)] {
		f, err := t.fuelling(v, now, r.id, r.fuellingRow)
		if err != nil {
			return nil, err
		}
		out = append(out, f)
	}
	return out, nil
}

// PumpView is a pump as the attendant sees it.
type PumpView struct {
	Number pay.PumpNumber
	fuel.Pump
	// Fuelling is what is selected, given or owed there; nil: nothing.
	Fuelling *Fuelling
}

// Pump returns a pump with whoever is selected at it.
func (t *Till) Pump(v View, now pay.Time, n pay.PumpNumber) (PumpView, error) {
	p, err := pumpAt(v, n)
	out := PumpView{Number: n, Pump: p}
	if err != nil {
		return out, err
	}
	id, r, ok, err := ofSession(v, p.Selected.Session)
	if err == nil && !ok && p.Transaction != 0 {
		if id, ok, err = givenRows.Get(v, givenKey(n, p.Transaction)); err == nil && ok {
			r, ok, err = fuellingRows.Get(v, id)
		}
	}
	if err != nil || !ok {
		return out, err
	}
	f, err := t.fuelling(v, now, id, r)
	out.Fuelling = &f
	return out, err
}

// KnownPumps returns the numbers of the pumps at which anything has happened.
func (t *Till) KnownPumps(v pay.Rows) (list []pay.PumpNumber, err error) {
	keys, err := pumpRows.Keys(v, pumpRows.All(), int(pay.PumpNumberMax))
	for _, k := range keys {
		list = append(list, pay.PumpNumber(k))
	}
	return list, err
}
