package registry

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// refusals are signed answers to claims that change nothing, and the memory of
// what was settled.
var refusals = feature{
	name:      "refusals",
	publishes: []pay.Kind{pay.KindRefusal},
	spaces:    rows.Spaces{settledRows.Space, budgetRows.Space},
}

var (
	settledRows = rows.New("f/", "a claim that was settled without a decision, and how",
		rows.ID[pay.FactID]("CLAIM"), rows.CBOR[settledRow]())
	budgetRows = rows.New("r/", "refusals of this hour", rows.ID[pay.NodeID]("NODE"), rows.CBOR[budgetRow]())
)

// settledRow is how a claim was settled that led to no decision: refused for a
// reason, or carried out when there is none.
type settledRow struct {
	Reason pay.Reason `cbor:"1,keyasint,omitempty"`
}

// hour is the span of the limits that are counted by the hour.
const hour pay.Millis = 3_600_000

// budgetRow counts a node's stored refusals from Start on, for an hour. Sum means
// that the summary, which stands for all further ones, was published.
type budgetRow struct {
	Start pay.Time `cbor:"1,keyasint"`
	Count uint32   `cbor:"2,keyasint"`
	Sum   bool     `cbor:"3,keyasint"`
}

// refuse refuses the claim at hand. The refusal goes to the claim's author and,
// where a payment of both was at stake, to the other party. The author's budget
// bounds what that leaves behind; beyond it the author still gets the reason, but
// nothing is stored.
func (t *turn) refuse(reason pay.Reason, payment pay.PaymentID, other ...pay.Scope) error {
	t.out.Refused = reason
	node := t.in.Fact.Signer()
	b, _, err := budgetRows.Get(t.rows, node)
	if err != nil {
		return err
	}
	if since := t.now.Sub(b.Start); since < 0 || since >= hour {
		b = budgetRow{Start: t.now}
	}
	switch {
	case b.Count < pay.RefusalsPerHour:
		b.Count++
		if err := t.refuseSigned(reason, payment, other); err != nil {
			return err
		}
	case !b.Sum:
		b.Sum = true
		summary := pay.Refusal{Claim: t.in.Fact.ID(), Reason: pay.ReasonTooMany, At: t.now}
		if _, err := t.publish(summary, t.from.Scope); err != nil {
			return err
		}
		// The summary names this claim, so it is kept and is settled as well.
		if err := t.settle(reason); err != nil {
			return err
		}
	default:
		return nil
	}
	return budgetRows.Put(t.rows, node, b)
}

// refuseSigned publishes the refusal and remembers it, so that the same claim again
// gets the same answer and leaves nothing new behind.
func (t *turn) refuseSigned(reason pay.Reason, payment pay.PaymentID, other []pay.Scope) error {
	scopes := []pay.Scope{t.from.Scope}
	for _, s := range other {
		if s != "" {
			scopes = append(scopes, s)
		}
	}
	no := pay.Refusal{Claim: t.in.Fact.ID(), Payment: payment, Reason: reason, At: t.now}
	if _, err := t.publish(no, scopes...); err != nil {
		return err
	}
	return t.settle(reason)
}

// settle remembers that the claim at hand has had its effect.
func (t *turn) settle(reason pay.Reason) error {
	return settledRows.Put(t.rows, t.in.Fact.ID(), settledRow{Reason: reason})
}
