package api

import (
	"github.com/paybeacon/paybeacon/pay"
)

// Requests of the control socket's verbs.

type ChargeRequest struct {
	Amount   string             `json:"amount"`
	Currency string             `json:"currency,omitempty"`
	To       pay.Handle         `json:"to,omitempty"` // empty: the nearest
	Ref      string             `json:"ref,omitempty"`
	Key      pay.IdempotencyKey `json:"key,omitempty"`
	TTL      pay.Millis         `json:"ttl_ms"`
	// TwoChannel asks that the payer's device speaks too.
	TwoChannel bool `json:"two_channel,omitempty"`
}

func (q *ChargeRequest) keyField() *pay.IdempotencyKey { return &q.Key }

type PaymentRef struct {
	ID  string             `json:"id,omitempty"` // the id or an unambiguous beginning
	Key pay.IdempotencyKey `json:"key,omitempty"`
}

type WaitRequest struct {
	ID   string             `json:"id,omitempty"`
	Key  pay.IdempotencyKey `json:"key,omitempty"`
	Wait pay.Millis         `json:"wait_ms"`
}

type ListRequest struct {
	Limit int `json:"limit,omitempty"`
}

type InviteRequest struct {
	Role     pay.Role   `json:"role"`
	Name     pay.Name   `json:"name"`
	Merchant pay.Name   `json:"merchant,omitempty"`
	Site     pay.Name   `json:"site,omitempty"`
	Address  string     `json:"address,omitempty"`
	TTL      pay.Millis `json:"ttl_ms"`
}

type TopUpRequest struct {
	Wallet string             `json:"wallet"`
	Amount string             `json:"amount"`
	Key    pay.IdempotencyKey `json:"key,omitempty"`
}

func (q *TopUpRequest) keyField() *pay.IdempotencyKey { return &q.Key }

type NodeRef struct {
	Node string `json:"node"`
}

type AnswerRequest struct {
	ID      string      `json:"id,omitempty"`
	Verdict pay.Verdict `json:"verdict"`
}

type PairRequest struct {
	Link    string         `json:"link"`
	PIN     string         `json:"pin"`
	Type    pay.DeviceType `json:"type"`
	Vehicle pay.Name       `json:"vehicle,omitempty"`
	Means   pay.Name       `json:"means,omitempty"`
	Device  string         `json:"device,omitempty"` // its id, when a QR code told it
}

type MoveRequest struct {
	ID   string `json:"id"`
	Link string `json:"link"`
}

type LimitRequest struct {
	Above string `json:"above"` // an amount, 0 or none
}

type DeviceRef struct {
	ID string `json:"id"`
}

type Nothing struct{}

// List is the answer of verbs that list: printed one object a line.
type List[T any] struct {
	Items []T `json:"items"`
}

// ReceiptFile carries a receipt file's bytes.
type ReceiptFile struct {
	ID      string `json:"id"`
	Receipt []byte `json:"receipt"`
}
