package api

import "github.com/paybeacon/paybeacon/pay"

// Rule is one rule of a wallet's store: what it approves without asking. Caps are in
// minor units, null where there is none.
type Rule struct {
	V        int        `json:"v"`
	Type     string     `json:"type"`
	Name     string     `json:"name"`
	By       pay.Rule   `json:"by"`       // as answers and receipts name it
	Merchant string     `json:"merchant"` // the only one that it pays; "" for any
	Each     pay.Amount `json:"each"`
	// Day and MerchantDay are the most for a local day, in all and at one merchant.
	Day         *pay.Amount `json:"day"`
	MerchantDay *pay.Amount `json:"merchant_day"`
	// TipMax is the most that may be captured as tip beyond an amount that is held.
	TipMax     pay.Amount   `json:"tip_max,omitempty"`
	FirstVisit string       `json:"first_visit"` // "ask" or "allow"
	Currency   pay.Currency `json:"currency"`
	Added      string       `json:"added"`
}

// The words for what a rule does at a merchant whom its owner never paid by hand.
const (
	FirstVisitAsk   = "ask"
	FirstVisitAllow = "allow"
)

// RuleRequest asks that a rule be kept; amounts are decimals, "" for no cap.
type RuleRequest struct {
	Name        string `json:"name"`
	Merchant    string `json:"merchant,omitempty"`
	Each        string `json:"each"`
	Day         string `json:"day,omitempty"`
	MerchantDay string `json:"merchant_day,omitempty"`
	TipMax      string `json:"tip_max,omitempty"`
	FirstVisit  string `json:"first_visit,omitempty"`
}

// RuleRef names a rule.
type RuleRef struct {
	Name string `json:"name"`
}

// PauseRequest asks that nothing be approved without a person, for a while or, where For
// is 0, until it is asked to Resume.
type PauseRequest struct {
	Resume bool       `json:"resume,omitempty"`
	For    pay.Millis `json:"for_ms,omitempty"`
}
