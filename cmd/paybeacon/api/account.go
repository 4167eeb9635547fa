package api

import (
	"github.com/paybeacon/paybeacon/pay"
)

// PayOutRequest asks that Amount, a decimal, be taken out of the account of a wallet or
// of a merchant, one of which is named: a wallet by its name, scope or node id, a
// merchant by its name, its scope or one of its boxes. It is done once under one Key.
type PayOutRequest struct {
	Wallet   string             `json:"wallet,omitempty"`
	Merchant string             `json:"merchant,omitempty"`
	Amount   string             `json:"amount"`
	Key      pay.IdempotencyKey `json:"key,omitempty"`
}

func (q *PayOutRequest) keyField() *pay.IdempotencyKey { return &q.Key }

// MoveBalanceRequest asks that all that the wallet From can spend be moved to the wallet
// To, each named by its name, scope or node id. It is done once under one Key.
type MoveBalanceRequest struct {
	From string             `json:"from"`
	To   string             `json:"to"`
	Key  pay.IdempotencyKey `json:"key,omitempty"`
}

func (q *MoveBalanceRequest) keyField() *pay.IdempotencyKey { return &q.Key }

// PaidOut is money that was taken out of an account, in minor units. Account is the
// scope whose it is, Kind "wallet" or "merchant".
type PaidOut struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Account  pay.Scope    `json:"account"`
	Kind     string       `json:"kind"`
	Name     pay.Name     `json:"name"`
	Amount   pay.Amount   `json:"amount"`
	Currency pay.Currency `json:"currency"`
	Key      string       `json:"key"`
	At       string       `json:"at"`
}

// Moved is a balance that was moved from one wallet to another, in minor units. Held is
// what open payments held at that moment, which stayed.
type Moved struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	From     pay.Scope    `json:"from"`
	To       pay.Scope    `json:"to"`
	Amount   pay.Amount   `json:"amount"`
	Held     pay.Amount   `json:"held"`
	Currency pay.Currency `json:"currency"`
	Key      string       `json:"key"`
	At       string       `json:"at"`
	// Warnings are what to look at: the wallet that was lost may still work.
	Warnings []Warning `json:"warnings,omitempty"`
}

// SettleRequest asks that a payment, which is named by its id or the beginning of it, be
// settled, and says why. Outcome is what became of the money: "paid", "not_paid", or of a
// refund "refunded", "not_refunded"; "" where there is only one that it can be.
type SettleRequest struct {
	ID      string        `json:"id"`
	Outcome pay.SettledAs `json:"outcome,omitempty"`
	Why     string        `json:"why"`
}

// Settled is a payment that the operator settled, as it stands since.
type Settled struct {
	V           int           `json:"v"`
	Type        string        `json:"type"`
	ID          string        `json:"id"`
	State       pay.State     `json:"state"`
	Outcome     pay.Outcome   `json:"outcome"`
	SafeToRetry bool          `json:"safe_to_retry"`
	SettledAs   pay.SettledAs `json:"settled_as"`
	By          pay.Rule      `json:"by"`
	Reason      string        `json:"reason"`
	At          string        `json:"at"`
}

// StatementKind is what the registry stated about an account.
type StatementKind string

// The kinds of statements.
const (
	StatementTopUp     StatementKind = "topup"      // play money came in
	StatementPayout    StatementKind = "payout"     // the operator paid it out
	StatementMovedHere StatementKind = "moved_here" // it came from another wallet of the owner's
	StatementMovedAway StatementKind = "moved_away" // it went there
)

// Statement is what the registry stated about an account beside payments. Amount is in
// minor units and above zero; Wallet is the other wallet of a move, and Held what stayed
// here because open payments held it.
type Statement struct {
	Kind     StatementKind `json:"kind"`
	Amount   pay.Amount    `json:"amount"`
	Currency pay.Currency  `json:"currency"`
	Held     pay.Amount    `json:"held,omitempty"`
	Wallet   pay.Scope     `json:"wallet,omitempty"`
	At       string        `json:"at"`
}

// PaidOutEvent is money that was taken out of an account, in minor units.
type PaidOutEvent struct {
	Account  pay.Scope          `json:"account"`
	Amount   pay.Amount         `json:"amount"`
	Currency pay.Currency       `json:"currency"`
	Key      pay.IdempotencyKey `json:"key"`
}

// NewPaidOutEvent returns what a payout did.
func NewPaidOutEvent(p pay.PaidOut) *PaidOutEvent {
	return &PaidOutEvent{Account: p.Account, Amount: p.Amount, Currency: p.Currency, Key: p.Key}
}

// MovedEvent is a balance that was moved from one wallet to another, in minor units, and
// what stayed because open payments held it.
type MovedEvent struct {
	From     pay.Scope          `json:"from"`
	To       pay.Scope          `json:"to"`
	Amount   pay.Amount         `json:"amount"`
	Held     pay.Amount         `json:"held"`
	Currency pay.Currency       `json:"currency"`
	Key      pay.IdempotencyKey `json:"key"`
}

// NewMovedEvent returns what a move did.
func NewMovedEvent(m pay.Moved) *MovedEvent {
	return &MovedEvent{From: m.From, To: m.To, Amount: m.Amount, Held: m.Held, Currency: m.Currency, Key: m.Key}
}
