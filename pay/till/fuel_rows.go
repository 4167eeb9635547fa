package till

import (
	"cmp"
	"encoding/hex"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// The forecourt. A fuelling is a payment, and a session at a pump:
//
//	FuelSelect   the request is stored with the fuelling, and the pump is locked
//	   |  held, or, where it is paid afterwards, taken in by the registry
//	FuelDue      the pump is stepped to released, and an effect asks it to give
//	   |
//	PumpTold     what the pump gave is stored with the claim of its total, and, where an
//	   |         amount is held, with the effect that lets the pump forget it
//	FuelDue      paid, or unpaid and owed; or what is held goes back
//
// FuelDue looks at how each fuelling and its payment stand, whatever has happened since:
// it may be called at any time and as often as one likes. So a box that dies between any
// two steps goes on with the next one.
//
// The session of a fuelling at its pump is the beginning of its id, which is that of its
// payment. What a pump gave to nobody is a fuelling without a payment, which is owed.

// fuel is the forecourt as a feature.
func (t *Till) fuel() history.Feature {
	return history.Feature{
		Name:   "fuel",
		Spaces: rows.Spaces{fuellingRows.Space, openFuelRows.Space, givenRows.Space, pumpRows.Space, priceRow.Space},
	}
}

var (
	fuellingRows = rows.New("f", "a fuelling: who, at which pump, and what became of it", rows.ID[FuellingID]("ID"), rows.CBOR[fuellingRow]())
	openFuelRows = rows.New("q", "a fuelling that is not over", rows.ID[FuellingID]("ID"), rows.None())
	givenRows    = rows.New("g", "the fuelling of what a pump gave",
		rows.Join(rows.Uint32[uint32]("PUMP"), rows.Int64[int64]("TRANSACTION")), rows.ID[FuellingID]("ID"))
	pumpRows = rows.New("u", "a pump with whoever is selected at it", rows.Uint32[uint32]("PUMP"), rows.CBOR[fuel.Pump]())
	priceRow = rows.NewSingle("p", "the prices of fuel", rows.CBOR[pricesRow]())
)

// FuellingID names a fuelling: it is the id of its payment.
type FuellingID [32]byte

// String returns all digits of the id, and Short its beginning.
func (id FuellingID) String() string { return hex.EncodeToString(id[:]) }

// Short returns the beginning of String, enough for a person.
func (id FuellingID) Short() string { return pay.PaymentID(id).Short() }

func (id FuellingID) session() (s fuel.Session) {
	copy(s[:], id[:])
	return s
}

// FuellingState is where a fuelling stands, in the word that people and scripts read.
type FuellingState string

// The states of a fuelling.
const (
	FuelSelected  FuellingState = "selected"  // the payer is asked
	FuelReleased  FuellingState = "released"  // the pump may give
	FuelFilling   FuellingState = "filling"   // it gives
	FuelComplete  FuellingState = "complete"  // it has given, and that is being paid
	FuelPaid      FuellingState = "paid"      //
	FuelUnpaid    FuellingState = "unpaid"    // it is owed
	FuelCancelled FuellingState = "cancelled" // nothing was given that would be paid
)

// over reports whether nothing more follows at the pump.
func (s FuellingState) over() bool {
	return s == FuelPaid || s == FuelUnpaid || s == FuelCancelled
}

// fuellingRow is a fuelling. Fields may be added if they can be left out.
type fuellingRow struct {
	Pump    pay.PumpNumber `cbor:"1,keyasint"`
	Payment pay.PaymentID  `cbor:"2,keyasint,omitzero"` // zero: nobody was selected
	State   FuellingState  `cbor:"3,keyasint"`
	Asked   fuelAsked      `cbor:"4,keyasint,omitzero"`
	Process fuel.Process   `cbor:"5,keyasint,omitempty"`
	Visitor fuel.Visitor   `cbor:"6,keyasint,omitzero"`
	Handle  pay.Handle     `cbor:"7,keyasint,omitempty"`
	Plate   string         `cbor:"8,keyasint,omitempty"`
	Terms   pay.FuelTerms  `cbor:"9,keyasint,omitzero"`
	Ceiling pay.Amount     `cbor:"10,keyasint,omitempty"` // the most that it may cost
	Created pay.Time       `cbor:"11,keyasint"`
	// Given, Transaction, Total and Doubt are what the pump told at the end.
	Given       pay.Delivery     `cbor:"12,keyasint,omitzero"`
	Transaction fuel.Transaction `cbor:"13,keyasint,omitempty"`
	Total       pay.Amount       `cbor:"14,keyasint,omitempty"`
	Doubt       string           `cbor:"15,keyasint,omitempty"` // why nobody is charged yet
	Claims      int              `cbor:"16,keyasint,omitempty"` // how often its total was claimed
	Why         string           `cbor:"17,keyasint,omitempty"` // it is unpaid or cancelled
	// Stopping means that the pump is asked to stop, and that the fuelling is over once it
	// has given nothing; Back, that whatever is held for it goes back.
	Stopping bool `cbor:"18,keyasint,omitempty"`
	Back     bool `cbor:"19,keyasint,omitempty"`
	// Settled means that the pump is told to forget what it gave; Answered, that it has said
	// that it gives.
	Settled  bool `cbor:"20,keyasint,omitempty"`
	Answered bool `cbor:"21,keyasint,omitempty"`
}

// fuelAsked is what a key stands for.
type fuelAsked struct {
	Plate   string     `cbor:"1,keyasint,omitempty"`
	To      pay.Handle `cbor:"2,keyasint,omitempty"`
	Amount  pay.Amount `cbor:"3,keyasint,omitempty"`
	PostPay bool       `cbor:"4,keyasint,omitempty"`
}

// pricesRow is what a litre or kWh of each product costs.
type pricesRow struct {
	Prices []fuel.Posted `cbor:"1,keyasint"`
}

// putFuelling stores a fuelling, and whether anything of it is open.
func putFuelling(tx pay.WritableRows, id FuellingID, r fuellingRow) error {
	err := fuellingRows.Put(tx, id, r)
	if r.State.over() && !r.Back {
		return cmp.Or(err, openFuelRows.Delete(tx, id))
	}
	return cmp.Or(err, openFuelRows.Put(tx, id, struct{}{}))
}

// ofSession returns the fuelling of a session at a pump.
func ofSession(view pay.Rows, s fuel.Session) (id FuellingID, r fuellingRow, ok bool, err error) {
	if s == (fuel.Session{}) {
		return id, r, false, nil
	}
	var first, last FuellingID
	for i := range last {
		last[i] = 0xff
	}
	copy(first[:], s[:])
	copy(last[:], s[:])
	err = fuellingRows.Scan(view, fuellingRows.Through(first, last), 1, func(k FuellingID, v fuellingRow) bool {
		id, r, ok = k, v, true
		return false
	})
	return id, r, ok, err
}

// pumpAt returns a pump as its station knows it.
func pumpAt(view pay.Rows, n pay.PumpNumber) (fuel.Pump, error) {
	p, ok, err := pumpRows.Get(view, uint32(n))
	if !ok {
		p = fuel.NewPump()
	}
	return p, err
}

func putPump(tx pay.WritableRows, n pay.PumpNumber, p fuel.Pump) error {
	return pumpRows.Put(tx, uint32(n), p)
}

// FuelPrices returns what is posted, in the order in which it was set.
func (t *Till) FuelPrices(view pay.Rows) ([]fuel.Posted, error) {
	r, _, err := priceRow.Get(view)
	return r.Prices, err
}

// SetFuelPrices posts prices: those of other products stay. A fuelling that was selected
// before keeps its price. Its error is the store's, or a *pay.Error for more products than
// pay.PricesMax.
func (t *Till) SetFuelPrices(tx pay.WritableRows, set []fuel.Posted) ([]fuel.Posted, error) {
	r, _, err := priceRow.Get(tx)
	if err != nil {
		return nil, err
	}
	for _, p := range set {
		at := -1
		for i := range r.Prices {
			if r.Prices[i].Product == p.Product {
				at = i
			}
		}
		if at < 0 {
			r.Prices = append(r.Prices, p)
		} else {
			r.Prices[at] = p
		}
	}
	if len(r.Prices) > pay.PricesMax {
		return nil, pay.NewCase(pay.CodeUsage, "prices_many", fmt.Sprintf("%d prices are more than a station has", len(r.Prices)))
	}
	return r.Prices, priceRow.Put(tx, r)
}
