package api

import "github.com/paybeacon/paybeacon/pay"

// ReportRequest asks for the report of Day, YYYY-MM-DD in the box's local time; "" is
// today. With Lines it holds what happened one by one.
type ReportRequest struct {
	Day   string `json:"day,omitempty"`
	Lines bool   `json:"lines,omitempty"`
}

// Report is a day of a merchant, at all of its boxes, from From up to Until and without
// it. Money counts on the day on which it moved, payments on the day on which they were
// asked for. Amounts are in minor units: Net is Captured less Refunded, and Closing, what
// the account had at the end, is Opening and Net less PaidOut.
type Report struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Day      string       `json:"day"`
	From     string       `json:"from"`
	Until    string       `json:"until"`
	Merchant pay.Name     `json:"merchant"`
	Currency pay.Currency `json:"currency"`
	Opening  pay.Amount   `json:"opening"`
	Captured pay.Amount   `json:"captured"`
	Refunded pay.Amount   `json:"refunded"`
	Tips     pay.Amount   `json:"tips"` // of Captured
	Net      pay.Amount   `json:"net"`
	PaidOut  pay.Amount   `json:"paid_out"`
	Closing  pay.Amount   `json:"closing"`
	// Held is what open payments hold for the merchant now, whatever the day: it can still
	// be captured.
	Held pay.Amount `json:"held"`
	// Payments is how many there were; ByState and ByMethod count them, CapturedByMethod
	// is Captured.
	Payments         int                       `json:"payments"`
	ByState          map[pay.State]int         `json:"by_state"`
	ByMethod         map[pay.Method]int        `json:"by_method"`
	CapturedByMethod map[pay.Method]pay.Amount `json:"captured_by_method"`
	Lines            []ReportLine              `json:"lines,omitempty"`
	// Standing is how the box stands with its registry, whose word the report is.
	Standing *Standing `json:"standing,omitempty"`
}

// ReportLine is one movement of money, or a payment of the day that moved none. What is
// "capture", "refund", "payout" or "none"; Amount is negative where money left.
type ReportLine struct {
	At      string     `json:"at"`
	What    string     `json:"what"`
	Amount  pay.Amount `json:"amount"`
	Tip     pay.Amount `json:"tip,omitempty"` // of Amount
	Payment string     `json:"payment,omitempty"`
	State   pay.State  `json:"state,omitempty"`
	Method  pay.Method `json:"method,omitempty"`
	Payer   pay.Handle `json:"payer,omitempty"`
	Ref     string     `json:"ref,omitempty"`
	Site    pay.Name   `json:"site,omitempty"`
}
