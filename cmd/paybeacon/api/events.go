package api

import (
	"encoding/json"
	"math"

	"github.com/paybeacon/paybeacon/pay"
)

// EventKind is what an event is about.
type EventKind string

// The kinds of events.
const (
	EventPayment EventKind = "payment"   // the registry decided on a payment
	EventDevice  EventKind = "device"    // a device was bound or released
	EventRadio   EventKind = "radio"     // the radio hears, or no longer does
	EventNode    EventKind = "node"      // a node was enrolled or revoked, at the registry
	EventMore    EventKind = "increment" // a payer is asked for more on a hold, or that came to an end
	EventRefusal EventKind = "refusal"   // the registry refused a claim on a payment
	EventTopUp   EventKind = "topup"     // play money came into a wallet's account, at the registry
	EventPaidOut EventKind = "payout"    // money was taken out of an account
	EventMoved   EventKind = "move"      // a balance was moved to another wallet
	EventMandate EventKind = "mandate"   // a mandate stands, or has ended
)

// Event is one thing that happened to a node. Cursor is the place behind it. In
// JSON the fields of its kind stand beside the common ones; an event of a kind
// that this program does not know is read without them.
type Event struct {
	V      int       `json:"v"`
	Type   string    `json:"type"`
	Cursor string    `json:"cursor"`
	At     string    `json:"at"`
	Kind   EventKind `json:"kind"`
	*PaymentEvent
	*DeviceEvent
	*RadioEvent
	*NodeEvent
	*TopUpEvent
	*PaidOutEvent
	*MovedEvent
	*IncrementEvent
	*RefusalEvent
	*MandateEvent
}

// eventHead is what events of all kinds have in common.
type eventHead struct {
	V      int       `json:"v"`
	Type   string    `json:"type"`
	Cursor string    `json:"cursor"`
	At     string    `json:"at"`
	Kind   EventKind `json:"kind"`
}

// MarshalJSON returns one object: fields of two kinds may have the same name.
func (e Event) MarshalJSON() ([]byte, error) { return json.Marshal(e.Object()) }

// Object returns what is encoded for the event. Whoever encodes that in its place saves
// the encoder a second look at it.
func (e Event) Object() any {
	head := eventHead{e.V, e.Type, e.Cursor, e.At, e.Kind}
	switch {
	case e.PaymentEvent != nil:
		return struct {
			eventHead
			*PaymentEvent
		}{head, e.PaymentEvent}
	case e.DeviceEvent != nil:
		return struct {
			eventHead
			*DeviceEvent
		}{head, e.DeviceEvent}
	case e.RadioEvent != nil:
		return struct {
			eventHead
			*RadioEvent
		}{head, e.RadioEvent}
	case e.NodeEvent != nil:
		return struct {
			eventHead
			*NodeEvent
		}{head, e.NodeEvent}
	case e.TopUpEvent != nil:
		return struct {
			eventHead
			*TopUpEvent
		}{head, e.TopUpEvent}
	case e.PaidOutEvent != nil:
		return struct {
			eventHead
			*PaidOutEvent
		}{head, e.PaidOutEvent}
	case e.MovedEvent != nil:
		return struct {
			eventHead
			*MovedEvent
		}{head, e.MovedEvent}
	case e.IncrementEvent != nil:
		return struct {
			eventHead
			*IncrementEvent
		}{head, e.IncrementEvent}
	case e.RefusalEvent != nil:
		return struct {
			eventHead
			*RefusalEvent
		}{head, e.RefusalEvent}
	case e.MandateEvent != nil:
		return struct {
			eventHead
			*MandateEvent
		}{head, e.MandateEvent}
	default:
		return head
	}
}

// UnmarshalJSON reads what MarshalJSON returns.
func (e *Event) UnmarshalJSON(raw []byte) error {
	var head eventHead
	if err := json.Unmarshal(raw, &head); err != nil {
		return err
	}
	*e = Event{V: head.V, Type: head.Type, Cursor: head.Cursor, At: head.At, Kind: head.Kind}
	switch head.Kind {
	case EventPayment:
		return json.Unmarshal(raw, &e.PaymentEvent)
	case EventMore:
		return json.Unmarshal(raw, &e.IncrementEvent)
	case EventRefusal:
		return json.Unmarshal(raw, &e.RefusalEvent)
	case EventDevice:
		return json.Unmarshal(raw, &e.DeviceEvent)
	case EventRadio:
		return json.Unmarshal(raw, &e.RadioEvent)
	case EventNode:
		return json.Unmarshal(raw, &e.NodeEvent)
	case EventTopUp:
		return json.Unmarshal(raw, &e.TopUpEvent)
	case EventPaidOut:
		return json.Unmarshal(raw, &e.PaidOutEvent)
	case EventMoved:
		return json.Unmarshal(raw, &e.MovedEvent)
	case EventMandate:
		return json.Unmarshal(raw, &e.MandateEvent)
	default:
		return nil
	}
}

// PaymentEvent is what a decision says.
type PaymentEvent struct {
	ID          string       `json:"id"`
	State       pay.State    `json:"state"`
	Outcome     pay.Outcome  `json:"outcome"`
	SafeToRetry bool         `json:"safe_to_retry"`
	Amount      pay.Amount   `json:"amount"` // that was asked for, or authorised since
	Held        pay.Amount   `json:"amount_held,omitempty"`
	Captured    pay.Amount   `json:"amount_captured,omitempty"`
	Refunded    pay.Amount   `json:"amount_refunded,omitempty"`
	TipMax      pay.Amount   `json:"tip_max,omitempty"`
	TipAgreed   pay.Amount   `json:"tip_agreed,omitempty"`
	Tip         pay.Amount   `json:"tip,omitempty"` // of what was captured
	Currency    pay.Currency `json:"currency"`
	Merchant    pay.Name     `json:"merchant"`
	Site        pay.Name     `json:"site"`
	Payer       pay.Handle   `json:"payer"`
	Ref         string       `json:"ref"`
	Evidence    pay.Evidence `json:"evidence,omitempty"`
	Certain     bool         `json:"certain,omitempty"`
	By          pay.Rule     `json:"by"`
	Reason      pay.Reason   `json:"reason"`
	Seq         uint32       `json:"seq"`
	Test        bool         `json:"test"`
}

// DeviceEvent is a device bound or released, as seen by its wallet or by itself.
type DeviceEvent struct {
	Device      string          `json:"device,omitempty"` // at a wallet
	Wallet      string          `json:"wallet,omitempty"` // at a device
	DeviceState pay.DeviceState `json:"device_state"`
}

// RadioEvent is how the radio hears from now on.
type RadioEvent struct {
	Radio            string  `json:"radio"`
	RadioWhy         string  `json:"radio_why"`
	AdvertsPerSecond float64 `json:"adverts_per_second"`
	AdvertsLost      uint64  `json:"adverts_lost"`
}

// NodeEvent is a node that was enrolled or revoked. Node is its id.
type NodeEvent struct {
	Node     string       `json:"node"`
	Role     pay.Role     `json:"role"`
	Scope    pay.Scope    `json:"scope"`
	Name     pay.Name     `json:"name"`
	Merchant pay.Name     `json:"merchant,omitempty"`
	Site     pay.Name     `json:"site,omitempty"`
	Class    pay.BoxClass `json:"class,omitempty"`
	Revoked  bool         `json:"revoked"`
}

// NewNodeEvent returns how a node stands from now on.
func NewNodeEvent(n pay.NodeStatus) *NodeEvent {
	return &NodeEvent{
		Node: n.Node.ID().String(), Role: n.Role, Scope: n.Scope, Name: n.Name, Merchant: n.MerchantName, Site: n.Site, Class: n.Class, Revoked: n.Revoked,
	}
}

// TopUpEvent is play money that was put into a wallet's account, in minor units.
type TopUpEvent struct {
	Wallet   pay.Scope          `json:"wallet"`
	Amount   pay.Amount         `json:"amount"`
	Currency pay.Currency       `json:"currency"`
	Key      pay.IdempotencyKey `json:"key"`
}

// NewTopUpEvent returns what a top-up did.
func NewTopUpEvent(t pay.TopUp) *TopUpEvent {
	return &TopUpEvent{Wallet: t.Wallet, Amount: t.Amount, Currency: t.Currency, Key: t.Key}
}

// NewRadioEvent returns the event of a radio that hears like that from now on.
func NewRadioEvent(deaf bool, why string, perSecond float64, lost uint64) Event {
	return Event{Kind: EventRadio, RadioEvent: &RadioEvent{Radio: RadioWord(deaf), RadioWhy: why, AdvertsPerSecond: RoundRate(perSecond), AdvertsLost: lost}}
}

// NewDeviceEvent returns the event of a device whose wallet binds or releases it.
func NewDeviceEvent(state pay.DeviceState, wallet pay.NodeID) Event {
	return Event{Kind: EventDevice, DeviceEvent: &DeviceEvent{Wallet: wallet.String(), DeviceState: state}}
}

// IncrementEvent is what more a payer is asked for on the hold of payment ID, or, where
// Ended is set, what came of it: Reason is why no more is held. Total is what is held
// once it is approved; both sums are 0 in an end.
type IncrementEvent struct {
	ID       string       `json:"id"`
	Offer    string       `json:"offer"`
	Amount   pay.Amount   `json:"amount,omitempty"`
	Total    pay.Amount   `json:"total,omitempty"`
	Currency pay.Currency `json:"currency,omitempty"`
	Expires  string       `json:"expires,omitempty"`
	Ended    bool         `json:"ended"`
	Reason   pay.Reason   `json:"reason"`
}

// NewIncrementEvent returns the event of an offer of more.
func NewIncrementEvent(id pay.FactID, o pay.IncrementOffer) *IncrementEvent {
	return &IncrementEvent{ID: o.Payment.String(), Offer: id.String(), Amount: o.Amount, Total: o.Total, Currency: o.Currency, Expires: o.Expires.String()}
}

// NewIncrementEndEvent returns the event of the end of one.
func NewIncrementEndEvent(e pay.IncrementEnd) *IncrementEvent {
	return &IncrementEvent{ID: e.Payment.String(), Offer: e.Offer.String(), Ended: true, Reason: e.Reason}
}

// RefusalEvent is a claim on payment ID that the registry refused; it changed nothing.
type RefusalEvent struct {
	ID     string     `json:"id"`
	Claim  string     `json:"claim"`
	Reason pay.Reason `json:"reason"`
}

// NewRefusalEvent returns the event of a refusal.
func NewRefusalEvent(r pay.Refusal) *RefusalEvent {
	return &RefusalEvent{ID: r.Payment.String(), Claim: r.Claim.String(), Reason: r.Reason}
}

// EventsRequest asks for events after Since, or for the Last ones. With Wait it
// waits that long for the first.
type EventsRequest struct {
	Since string     `json:"since,omitempty"`
	Last  int        `json:"last,omitempty"`
	Limit int        `json:"limit,omitempty"`
	Wait  pay.Millis `json:"wait_ms,omitempty"`
}

// Events are what happened, oldest first, and the cursor behind the last one that
// was looked at.
type Events struct {
	Items  []Event `json:"items"`
	Cursor string  `json:"cursor"`
}

// NewPaymentEvent returns what a decision says.
func NewPaymentEvent(d pay.Decision) *PaymentEvent {
	outcome := pay.PaymentAt(pay.FactID{}, d).Outcome(pay.Local{})
	sums := d.SumsAfter()
	by, why := d.Shown()
	return &PaymentEvent{
		ID: d.Payment.String(), State: d.State.Shown(), Outcome: outcome, SafeToRetry: outcome.SafeToRetry(), Amount: d.Authorised(), Held: d.Capturable(), Captured: sums.Captured,
		Refunded: sums.Refunded, TipMax: d.TipMax, TipAgreed: d.Tip, Tip: d.TipTaken(), Currency: d.Currency,
		Merchant: d.MerchantName, Site: d.Site, Payer: d.Handle, Ref: d.Ref, Evidence: d.Evidence, Certain: d.Certain,
		By: by, Reason: why, Seq: d.Seq, Test: d.Test,
	}
}

// The words for how a radio hears.
const (
	RadioOK   = "ok"
	RadioDeaf = "deaf"
)

// RadioWord returns how a radio hears, in one word.
func RadioWord(deaf bool) string {
	if deaf {
		return RadioDeaf
	}
	return RadioOK
}

// RoundRate rounds to one decimal: more would claim to know more.
func RoundRate(perSecond float64) float64 { return math.Round(perSecond*10) / 10 }
