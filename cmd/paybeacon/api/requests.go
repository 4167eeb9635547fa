package api

import (
	"github.com/paybeacon/paybeacon/pay"
)

// Here stand the requests of the verbs, and those answers that are no objects by
// themselves.

// ChargeRequest asks for a payment of Amount, a decimal such as "12.50". Without
// Currency it is in the registry's. Under one Key never more than one payment is
// made.
type ChargeRequest struct {
	Amount   string     `json:"amount"`
	Currency string     `json:"currency,omitempty"`
	To       pay.Handle `json:"to,omitempty"` // empty: the nearest
	// Said are the words, or their beginning, by which a payer answered who it is when
	// the nearest was too close to call. They select the payer, and are no part of
	// what the key stands for: the same command again is the same charge.
	Said pay.Handle `json:"said,omitempty"`
	// Chosen reports that nobody said those words: the cashier chose from the list.
	// Then no rule of the payer answers.
	Chosen bool `json:"chosen,omitempty"`

	Ref string             `json:"ref,omitempty"`
	Key pay.IdempotencyKey `json:"key,omitempty"`
	TTL pay.Millis         `json:"ttl_ms"`
	// TwoChannel asks that the payer's device speaks too.
	TwoChannel bool `json:"two_channel,omitempty"`
	// TipMax, a decimal, is the most that the payer may add as a tip; empty: nothing.
	TipMax string `json:"tip_max,omitempty"`

	// Later leaves Amount out: it is set by VerbPrice. Bill is the number of a bill, whose
	// amount it then is, and which stands in the place of Ref.
	Later bool   `json:"later,omitempty"`
	Bill  string `json:"bill,omitempty"`
	// Hold is for how long the amount is held, to be captured later; 0: an approval
	// captures it.
	Hold pay.Millis `json:"hold_ms,omitempty"`

	// Wait is how long the answer may wait for the outcome; the payment, once it is
	// recorded, is then told in a note. It stands in the query of the request: a daemon of
	// old answers at once.
	Wait pay.Millis `json:"-"`
}

func (q *ChargeRequest) keyField() *pay.IdempotencyKey { return &q.Key }
func (q *ChargeRequest) waitField() *pay.Millis        { return &q.Wait }

// ActionRequest asks for a capture, void, refund or increment of Amount, a decimal in the
// payment's currency; without one, of all that there is. It is done once under one Key,
// which belongs to the payment of ID. Wait is how long the answer may wait for the
// registry.
type ActionRequest struct {
	ID     string             `json:"id"`
	Amount string             `json:"amount,omitempty"`
	Final  bool               `json:"final,omitempty"`  // what is still held goes back to the payer
	TTL    pay.Millis         `json:"ttl_ms,omitempty"` // of an increment: how long the payer may take
	Key    pay.IdempotencyKey `json:"key,omitempty"`
	Wait   pay.Millis         `json:"wait_ms"`
}

func (q *ActionRequest) keyField() *pay.IdempotencyKey { return &q.Key }

// PaymentRef names a payment by its id or, at a till of the merchant, by its key.
type PaymentRef struct {
	ID  string             `json:"id,omitempty"` // the id or an unambiguous beginning
	Key pay.IdempotencyKey `json:"key,omitempty"`
}

// WaitRequest names a payment as PaymentRef does, and says how long to wait for
// something to happen to it.
type WaitRequest struct {
	ID   string             `json:"id,omitempty"`
	Key  pay.IdempotencyKey `json:"key,omitempty"`
	Wait pay.Millis         `json:"wait_ms"`
}

// ListRequest asks for up to Limit things behind the one whose id is Before or begins
// so: payments newest first, offers that wait and devices in the order of their ids. A
// list without a Limit holds up to pay.ListMax; List.Next says whether more follow.
type ListRequest struct {
	Limit  int    `json:"limit,omitempty"`
	Before string `json:"before,omitempty"`
}

// InviteRequest asks for an invite that is good for TTL. Without Address it names
// the address at which the registry listens.
type InviteRequest struct {
	Role     pay.Role `json:"role"`
	Name     pay.Name `json:"name"`
	Merchant pay.Name `json:"merchant,omitempty"`
	Site     pay.Name `json:"site,omitempty"`
	// Class is what a box is for, such as "fuel"; "" for any shop.
	Class   pay.BoxClass `json:"class,omitempty"`
	Address string       `json:"address,omitempty"`
	TTL     pay.Millis   `json:"ttl_ms"`
	// Replaces names the wallet whose place the new one is to take, by its name,
	// scope or an unambiguous beginning of its id.
	Replaces string `json:"replaces,omitempty"`
}

// TopUpRequest asks that Amount, a decimal, be put into the account of a wallet,
// which is named by its name, scope or node id. It is done once under one Key.
type TopUpRequest struct {
	Wallet string             `json:"wallet"`
	Amount string             `json:"amount"`
	Key    pay.IdempotencyKey `json:"key,omitempty"`
}

func (q *TopUpRequest) keyField() *pay.IdempotencyKey { return &q.Key }

// BillRequest lets a merchant, which is named by its name, scope or a node id of one of
// its boxes, charge Amount, a decimal, by the number of a bill. The same again changes
// nothing.
type BillRequest struct {
	Merchant string `json:"merchant"`
	Number   string `json:"number"`
	Amount   string `json:"amount"`
}

// VouchRequest says that the operator knows the owner of a device: Wallet names the
// wallet by its name, scope or node id, Device the device by the beginning of its id.
type VouchRequest struct {
	Wallet string `json:"wallet"`
	Device string `json:"device"`
}

// NodeRef names an enrolled node by its id, an unambiguous beginning of it, or its
// name.
type NodeRef struct {
	Node string `json:"node"`
}

// AuditRequest asks for an audit; a full one reads everything, whatever is remembered
// of the one before.
type AuditRequest struct {
	Full bool `json:"full,omitempty"`
}

// RetryRequest asks that what was set aside is tried again: all of it, or what
// has ID or an unambiguous beginning of it.
type RetryRequest struct {
	ID string `json:"id,omitempty"`
}

// AnswerRequest answers an offer. ID may be left out where one is pending. With
// Amount, a decimal in its currency, only an offer of that amount is answered.
type AnswerRequest struct {
	ID      string      `json:"id,omitempty"`
	Amount  string      `json:"amount,omitempty"`
	Verdict pay.Verdict `json:"verdict"`
	// Tip, a decimal, is what an approval gives beyond the amount; of an amount that is held,
	// lets be captured beyond it.
	Tip string `json:"tip,omitempty"`
	// Cannot says with a refusal that the payer cannot approve.
	Cannot bool `json:"cannot,omitempty"`
}

// PairRequest asks a wallet to bind the device that shows PIN at Link, HOST:PORT.
// Without a PIN it must be one that was paired there before.
type PairRequest struct {
	Link    string         `json:"link"`
	PIN     string         `json:"pin"`
	Type    pay.DeviceType `json:"type"`
	Vehicle pay.Name       `json:"vehicle,omitempty"`
	Means   pay.Name       `json:"means,omitempty"`
	Device  string         `json:"device,omitempty"` // its id, when a QR code told it
}

// MoveRequest says that the device of ID is reached at Link from now on.
type MoveRequest struct {
	ID   string `json:"id"`
	Link string `json:"link"`
}

// LearnLevelRequest asks that the level of the device of ID be learned, or not any
// more.
type LearnLevelRequest struct {
	ID    string `json:"id"`
	Learn bool   `json:"learn"`
}

// LimitRequest asks that payments above an amount need the device.
type LimitRequest struct {
	Above string `json:"above"` // an amount, 0 or none
}

// DeviceRef names a device by its id or an unambiguous beginning of it.
type DeviceRef struct {
	ID string `json:"id"`
}

// Nothing is the request of a verb that takes none.
type Nothing struct{}

// List is the answer of verbs that list: printed one object a line.
type List[T any] struct {
	Items []T `json:"items"`
	// Next is what Before goes on with; empty where nothing follows.
	Next string `json:"next,omitempty"`
	// Standing is how the node stands with its registry, where the list rests on what
	// that has said.
	Standing *Standing `json:"standing,omitempty"`
}

// ReceiptFile carries a receipt file's bytes.
type ReceiptFile struct {
	ID      string `json:"id"`
	Receipt []byte `json:"receipt"`
}
