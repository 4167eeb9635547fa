package api

import "github.com/paybeacon/paybeacon/pay"

// The verbs of a box at pumps.
var (
	VerbFuelPrices   = Verb[FuelPricesRequest, List[FuelPrice]]{"fuel-prices", false}
	VerbPumps        = Verb[Nothing, List[Pump]]{"pumps", false}
	VerbEntered      = Verb[EnteredRequest, List[Vehicle]]{"entered", false}
	VerbFuelSelect   = Verb[FuelSelectRequest, Fuelling]{"fuel-select", false}
	VerbFuelComplete = Verb[FuelCompleteRequest, Fuelling]{"fuel-complete", false}
	VerbFuelShow     = Verb[FuelRef, Fuelling]{"fuel-show", true}
	VerbFuelList     = Verb[FuelListRequest, List[Fuelling]]{"fuel-list", true}
	VerbFuelCancel   = Verb[FuelRef, Fuelling]{"fuel-cancel", false}
	VerbPumpLift     = Verb[HandRequest, Pump]{"pump-lift", false}
	VerbPumpFill     = Verb[HandRequest, Pump]{"pump-fill", false}
	VerbPumpHang     = Verb[HandRequest, Pump]{"pump-hang", false}
)

// FuelPrice is what a litre or kWh costs, in tenths of a minor unit of the currency.
type FuelPrice struct {
	V        int           `json:"v"`
	Type     string        `json:"type"`
	Product  pay.Product   `json:"product"`
	Price    pay.UnitPrice `json:"price"`
	Currency pay.Currency  `json:"currency"`
}

// Vehicle is one that has entered a station. Preset is what its owner wants, as "40 l",
// "50.00 EUR" or "full", or empty; Most is the most that may be given, in thousandths, 0
// where nothing bounds it.
type Vehicle struct {
	V       int            `json:"v"`
	Type    string         `json:"type"`
	Handle  pay.Handle     `json:"handle"`
	Plate   string         `json:"plate"`
	Product pay.Product    `json:"product"`
	Preset  string         `json:"preset"`
	Most    pay.Quantity   `json:"most,omitempty"`
	Device  pay.DeviceType `json:"device"`
	Lane    pay.Lane       `json:"lane"`
	Since   string         `json:"since"`
	Heard   string         `json:"heard"`
}

// Pump is a pump, or a connector of a charge point. Quantity is in thousandths, Price in
// tenths of a minor unit.
type Pump struct {
	V        int            `json:"v"`
	Type     string         `json:"type"`
	Pump     pay.PumpNumber `json:"pump"`
	State    string         `json:"state"`
	Product  pay.Product    `json:"product"` // that is selected, given or lifted; empty for none
	Unit     pay.Unit       `json:"unit"`
	Quantity pay.Quantity   `json:"quantity"`
	Price    pay.UnitPrice  `json:"price"`
	Total    pay.Amount     `json:"total"`
	Currency pay.Currency   `json:"currency"`
	// Products are those that the pump gives; null where nobody has said.
	Products []pay.Product `json:"products"`
	Lifted   pay.Product   `json:"lifted,omitempty"`
	// Handle is who is selected. Guess is who stands there as far as the radio tells, while
	// nobody is; nothing follows from it.
	Handle   pay.Handle `json:"handle,omitempty"`
	Guess    pay.Handle `json:"guess,omitempty"`
	Fuelling string     `json:"fuelling,omitempty"`
	Doubt    string     `json:"doubt,omitempty"` // why the attendant has to look at what it gave
	Offline  string     `json:"offline,omitempty"`
}

// Fuelling is one from the selection of a vehicle to its end. Payment is the id of its
// payment, or empty where nobody was selected. Quantity is in thousandths, Price in tenths
// of a minor unit, Ceiling the most that it may cost.
type Fuelling struct {
	V        int            `json:"v"`
	Type     string         `json:"type"`
	ID       string         `json:"id"`
	Pump     pay.PumpNumber `json:"pump"`
	State    string         `json:"state"`
	Payment  string         `json:"payment"`
	Quantity pay.Quantity   `json:"quantity"`
	Unit     pay.Unit       `json:"unit"`
	Price    pay.UnitPrice  `json:"price"`
	Total    pay.Amount     `json:"total"`
	Currency pay.Currency   `json:"currency"`
	Handle   pay.Handle     `json:"handle"`
	Plate    string         `json:"plate"`
	Product  pay.Product    `json:"product"`
	Process  string         `json:"process"`
	Ceiling  pay.Amount     `json:"ceiling"`
	Most     pay.Quantity   `json:"most"`
	// Open means that the pump may give; Stopping, that it was asked to stop.
	Open     bool   `json:"open"`
	Stopping bool   `json:"stopping,omitempty"`
	Owed     bool   `json:"owed"`
	Doubt    string `json:"doubt,omitempty"`
	Reason   string `json:"reason"`
	Created  string `json:"created"`
	// Key, PaymentState, Outcome and SafeToRetry are those of the payment.
	Key          pay.IdempotencyKey `json:"key,omitempty"`
	PaymentState pay.State          `json:"payment_state,omitempty"`
	Outcome      pay.Outcome        `json:"outcome,omitempty"`
	SafeToRetry  bool               `json:"safe_to_retry"`
}

// FuelPricesRequest asks for the prices, and sets those of Set before, as in
// "diesel=1.639,petrol95=1.759".
type FuelPricesRequest struct {
	Set string `json:"set,omitempty"`
}

// EnteredRequest asks who is here, or whose plate holds a part.
type EnteredRequest struct {
	Plate string `json:"plate,omitempty"`
}

// FuelSelectRequest selects a vehicle that has entered, by a part of its Plate or by the
// words To, at a pump. Amount, a decimal, is the most that it may cost. Wait is how long
// the answer may wait for the pump.
type FuelSelectRequest struct {
	Plate   string             `json:"plate,omitempty"`
	To      pay.Handle         `json:"to,omitempty"`
	Pump    pay.PumpNumber     `json:"pump"`
	Amount  string             `json:"amount,omitempty"`
	PostPay bool               `json:"post_pay,omitempty"`
	Key     pay.IdempotencyKey `json:"key,omitempty"`
	TTL     pay.Millis         `json:"ttl_ms,omitempty"`
	Wait    pay.Millis         `json:"wait_ms,omitempty"`
}

func (q *FuelSelectRequest) keyField() *pay.IdempotencyKey { return &q.Key }

// FuelRef names a fuelling by its id or an unambiguous beginning, and says how long the
// answer may wait.
type FuelRef struct {
	ID   string     `json:"id"`
	Wait pay.Millis `json:"wait_ms,omitempty"`
}

// FuelCompleteRequest is the attendant's word on what was given: Litres (or kWh) and
// Total are decimals.
type FuelCompleteRequest struct {
	ID     string     `json:"id"`
	Litres string     `json:"litres"`
	Total  string     `json:"total"`
	Wait   pay.Millis `json:"wait_ms,omitempty"`
}

// FuelListRequest asks for up to Limit fuellings, newest first, or for those alone that
// left unpaid.
type FuelListRequest struct {
	Limit int  `json:"limit,omitempty"`
	Owed  bool `json:"owed,omitempty"`
}

// HandRequest is what somebody does at a simulated pump.
type HandRequest struct {
	Pump     pay.PumpNumber `json:"pump"`
	Product  pay.Product    `json:"product,omitempty"`
	Litres   string         `json:"litres,omitempty"`
	Realtime bool           `json:"realtime,omitempty"`
}
