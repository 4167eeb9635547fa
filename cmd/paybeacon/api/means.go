package api

import "github.com/paybeacon/paybeacon/pay"

// AcquirerAccount is how scripts name the closed-loop account, which is no acquirer's.
const AcquirerAccount = "account"

// The states of a means.
const (
	MeansPending = "pending"
	MeansActive  = "active"
	MeansEnded   = "ended"
)

// Means is what a wallet pays by under a name of its owner's.
type Means struct {
	V    int      `json:"v"`
	Type string   `json:"type"`
	Name pay.Name `json:"name"`
	// Acquirer is account, sim or stripe.
	Acquirer string `json:"acquirer"`
	// State is pending, active or ended.
	State string `json:"state"`
	// Test means that it moves play money.
	Test bool `json:"test"`
	// Reason is why the registry refused what was asked last.
	Reason pay.Reason `json:"reason,omitempty"`
}

// AddMeansRequest asks a wallet to pay by an acquirer under a name, or by its account.
type AddMeansRequest struct {
	Name     pay.Name     `json:"name"`
	Acquirer pay.Acquirer `json:"acquirer,omitempty"` // "": the account
	Token    pay.Token    `json:"token,omitempty"`
}

// MeansRef names a means.
type MeansRef struct {
	Name pay.Name `json:"name"`
}

// Provider is whether an acquirer that a registry calls answers: Error is empty if it does.
type Provider struct {
	Acquirer pay.Acquirer `json:"acquirer"`
	Test     bool         `json:"test"`
	Error    string       `json:"error,omitempty"`
	// Waiting is how many calls have no answer yet, Since when the oldest was asked for.
	Waiting int    `json:"waiting,omitempty"`
	Since   string `json:"since,omitempty"`
	// Payments are some of those that wait, and NotCalled is whether the registry does not
	// call this acquirer, so that they wait for nothing.
	Payments  []string `json:"payments,omitempty"`
	NotCalled bool     `json:"not_called,omitempty"`
	// Contradictions are the payments of calls to which it gave two answers, some of
	// them, and ContradictionCount is how many such calls there are.
	Contradictions     []string `json:"contradictions,omitempty"`
	ContradictionCount int      `json:"contradiction_count,omitempty"`
}
