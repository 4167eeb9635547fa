package main

import "github.com/paybeacon/paybeacon/pay"

// Requests of the control socket's verbs.

type chargeQuery struct {
	Amount   string             `json:"amount"`
	Currency string             `json:"currency,omitempty"`
	To       pay.Handle         `json:"to,omitempty"` // empty: the nearest
	Ref      string             `json:"ref,omitempty"`
	Key      pay.IdempotencyKey `json:"key,omitempty"`
	TTL      pay.Millis         `json:"ttl_ms"`
	// TwoChannel asks that the payer's device speaks too.
	TwoChannel bool `json:"two_channel,omitempty"`
}

func (q *chargeQuery) keyField() *pay.IdempotencyKey { return &q.Key }

type idQuery struct {
	ID  string             `json:"id,omitempty"` // the id or an unambiguous beginning
	Key pay.IdempotencyKey `json:"key,omitempty"`
}

type waitQuery struct {
	ID   string             `json:"id,omitempty"`
	Key  pay.IdempotencyKey `json:"key,omitempty"`
	Wait pay.Millis         `json:"wait_ms"`
}

type listQuery struct {
	Limit int `json:"limit,omitempty"`
}

type inviteQuery struct {
	Role     pay.Role   `json:"role"`
	Name     pay.Name   `json:"name"`
	Merchant pay.Name   `json:"merchant,omitempty"`
	Site     pay.Name   `json:"site,omitempty"`
	Address  string     `json:"address,omitempty"`
	TTL      pay.Millis `json:"ttl_ms"`
}

type topupQuery struct {
	Wallet string             `json:"wallet"`
	Amount string             `json:"amount"`
	Key    pay.IdempotencyKey `json:"key,omitempty"`
}

func (q *topupQuery) keyField() *pay.IdempotencyKey { return &q.Key }

type nodeQuery struct {
	Node string `json:"node"`
}

type answerQuery struct {
	ID      string      `json:"id,omitempty"`
	Verdict pay.Verdict `json:"verdict"`
}

type pairQuery struct {
	Link    string         `json:"link"`
	PIN     string         `json:"pin"`
	Type    pay.DeviceType `json:"type"`
	Vehicle pay.Name       `json:"vehicle,omitempty"`
	Means   pay.Name       `json:"means,omitempty"`
	Device  string         `json:"device,omitempty"` // its id, when a QR code told it
}

type moveQuery struct {
	ID   string `json:"id"`
	Link string `json:"link"`
}

type limitQuery struct {
	Above string `json:"above"` // an amount, 0 or none
}

type deviceQuery struct {
	ID string `json:"id"`
}

type noQuery struct{}

// listAnswer is the answer of verbs that list: printed one object a line.
type listAnswer[T any] struct {
	Items []T `json:"items"`
}

// receiptAnswer carries a receipt file's bytes.
type receiptAnswer struct {
	ID      string `json:"id"`
	Receipt []byte `json:"receipt"`
}
