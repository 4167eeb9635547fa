package api

import "github.com/paybeacon/paybeacon/pay"

// PresetRequest asks a wallet to say how much is wanted at the next fuelling of a vehicle:
// one of Litres, a decimal of litres or kWh, Amount, a decimal, Full and None. Device is
// its id or an unambiguous beginning of it, "" for the only one with a vehicle.
type PresetRequest struct {
	Device string `json:"device,omitempty"`
	Litres string `json:"litres,omitempty"`
	Amount string `json:"amount,omitempty"`
	Full   bool   `json:"full,omitempty"`
	None   bool   `json:"none,omitempty"`
}

// Preset is how much is wanted at each fuelling of a vehicle until it is changed; without
// quantity, amount and full: nothing is said of it.
type Preset struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Device   string       `json:"device"`
	Plate    string       `json:"plate"`
	Product  pay.Product  `json:"product"`
	Quantity pay.Quantity `json:"quantity,omitempty"` // in thousandths of a litre or kWh
	Amount   pay.Amount   `json:"amount,omitempty"`   // in minor units of Currency
	Full     bool         `json:"full,omitempty"`
	Currency pay.Currency `json:"currency"`
	// Pending means that the registry has not decided on what was asked last.
	Pending bool `json:"pending,omitempty"`
	// Reason is why the registry refused what was asked last.
	Reason pay.Reason `json:"reason,omitempty"`
}
