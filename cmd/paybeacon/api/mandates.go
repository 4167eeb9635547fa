package api

import "github.com/paybeacon/paybeacon/pay"

// Mandate is a wallet's agreement to payments that nobody is asked about. Amounts are in
// minor units; a bound that is not there is null, and so is what is left of it.
type Mandate struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	ID   string `json:"id"`
	By   string `json:"by"` // as payments and receipts name it
	// To is the merchant's name, or "class:" and the class of boxes that may charge.
	To         string       `json:"to"`
	Device     string       `json:"device,omitempty"` // the only one that pays by it
	EachMin    pay.Amount   `json:"each_min"`
	Each       pay.Amount   `json:"each"`
	Day        *pay.Amount  `json:"day"`
	DayLeft    *pay.Amount  `json:"day_left"`
	Budget     *pay.Amount  `json:"budget"`
	BudgetLeft *pay.Amount  `json:"budget_left"`
	Count      *uint32      `json:"count"`
	CountLeft  *uint32      `json:"count_left"`
	Spent      pay.Amount   `json:"spent"`
	Payments   uint32       `json:"payments"` // that were made by it
	Currency   pay.Currency `json:"currency"`
	Until      string       `json:"until"`
	Means      pay.Name     `json:"means"`
	// State is active, spent, ended or expired; pending while the registry has not decided.
	State string `json:"state"`
	// Reason is why the registry refused what was asked last, or ended it.
	Reason pay.Reason `json:"reason,omitempty"`
}

// MandateRequest asks a wallet to sign a mandate. To is a merchant's name or "class:" and a
// class; Each is a decimal, or two with ".." between them;
// Until is RFC 3339, a local date or a duration.
type MandateRequest struct {
	To     string   `json:"to"`
	Device string   `json:"device,omitempty"` // its id or an unambiguous beginning of it
	Each   string   `json:"each"`
	Day    string   `json:"day,omitempty"`
	Budget string   `json:"budget,omitempty"`
	Count  uint32   `json:"count,omitempty"`
	Until  string   `json:"until"`
	Means  pay.Name `json:"means,omitempty"`
}

// MandateRef names a mandate by its id or an unambiguous beginning of it.
type MandateRef struct {
	ID string `json:"id"`
}

// MandateEvent is a mandate that stands from now on, or has ended.
type MandateEvent struct {
	Mandate      string     `json:"mandate"`
	To           string     `json:"to"`
	MandateState string     `json:"mandate_state"` // active or ended
	Reason       pay.Reason `json:"reason,omitempty"`
}

// NewMandateEvent returns what the registry stated on a mandate.
func NewMandateEvent(s pay.MandateStatus) *MandateEvent {
	e := &MandateEvent{Mandate: s.Mandate.String(), To: MandateTo(s.MandateTerms), MandateState: "active", Reason: s.Reason}
	if s.Ended {
		e.MandateState = "ended"
	}
	return e
}

// ClassPrefix stands before a class where a merchant's name could stand.
const ClassPrefix = "class:"

// MandateTo returns whom a mandate pays.
func MandateTo(m pay.MandateTerms) string {
	if m.Class != "" {
		return ClassPrefix + string(m.Class)
	}
	return string(m.Payee)
}
