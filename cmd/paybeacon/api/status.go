package api

import "github.com/paybeacon/paybeacon/pay"

// BoxStatus is how a box stands.
type BoxStatus struct {
	V        int      `json:"v"`
	Type     string   `json:"type"`
	Role     pay.Role `json:"role"`
	Node     string   `json:"node"`
	Name     pay.Name `json:"name"`
	Merchant pay.Name `json:"merchant"`
	Site     pay.Name `json:"site"`
	Standing
	Radio            string  `json:"radio,omitempty"` // "ok" or "deaf"; "" without its daemon
	RadioWhy         string  `json:"radio_why,omitempty"`
	AdvertsPerSecond float64 `json:"adverts_per_second"`
	Unheard
	// Statements are the last ones of the registry on the merchant's account, beside
	// payments, newest first.
	Statements []Statement `json:"statements"`
}

// WalletStatus is how a wallet stands. Balance is in minor units, and so are Held, what of
// it open payments hold, and Available, what can still be spent.
type WalletStatus struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Role     pay.Role     `json:"role"`
	Node     string       `json:"node"`
	Name     pay.Name     `json:"name"`
	Scope    pay.Scope    `json:"scope"`
	Balance  pay.Amount   `json:"balance"`
	Currency pay.Currency `json:"currency"`
	Approve  string       `json:"approve,omitempty"`

	Held      pay.Amount `json:"held"`
	Available pay.Amount `json:"available"`
	// Rules is how many the wallet's store keeps, RulesPaused whether nothing is
	// approved without a person.
	Rules       int  `json:"rules"`
	RulesPaused bool `json:"rules_paused"`

	Pending int `json:"pending"`
	Devices int `json:"devices"`
	Standing
	Unheard
	// Findings are decisions of the registry that do not fit what this wallet
	// said or knows, such as a capture that it never approved.
	Findings []string `json:"findings"`
	// Replaces is the node id of the wallet whose place this one took, and
	// ReplacesSince when that was.
	Replaces      string `json:"replaces,omitempty"`
	ReplacesSince string `json:"replaces_since,omitempty"`
	// Statements are the last ones of the registry on the account, beside payments,
	// newest first.
	Statements []Statement `json:"statements"`
}

// Unheard is what a node and its registry have not heard of one another.
type Unheard struct {
	// Queued is how many claims wait to be sent.
	Queued uint64 `json:"queued"`
	// StaleSince is since when the node has not heard from the registry, so that what
	// it shows may have changed since: RFC 3339, null while the two are connected.
	StaleSince *string `json:"stale_since"`
}
