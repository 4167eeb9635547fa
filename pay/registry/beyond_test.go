package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// through has a newer registry bring an offered payment through a state and back to
// an offer. It returns that offer and its name.
func (c *counter) through(request pay.Fact, state pay.State) (offer pay.Decision, id pay.FactID) {
	c.Helper()
	offer, id = c.last(c.shop.status.Scope, request)
	between := offer
	between.Prev, between.Seq, between.State = id, 2, state
	offer.Prev, offer.Seq = c.signAsRegistry(between).ID(), 3
	f := c.signAsRegistry(offer)
	id = f.ID()
	pid := request.ID()
	key := "p/" + string(pid[:])
	raw, ok := c.mem.rows.Get(key)
	if !ok {
		c.Fatalf("payment %s has no row", pid)
	}
	var row map[uint64]any
	c.must(pay.Decode(raw, &row))
	row[1], row[2] = id, offer
	c.must(c.mem.Put([]byte(key), pay.Encode(row)))
	c.feeds[c.payer.status.Scope] = append(c.feeds[c.payer.status.Scope], f)
	c.feeds[c.shop.status.Scope] = append(c.feeds[c.shop.status.Scope], f)
	return offer, id
}

// TestNothingIsDecidedBeyondAnUnknownState: a payment that a newer registry brought
// through a state that this one does not know is left to the newer one, also where
// its last state is known. Money moves by no answer, and no deadline ends it.
func TestNothingIsDecidedBeyondAnUnknownState(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		what string
		do   func(c *counter, request pay.Fact) pay.Reason
	}{
		{"answer", func(c *counter, f pay.Fact) pay.Reason { return c.answer(c.payer, f, pay.Approve, pay.ByHand) }},
		{"cancel", func(c *counter, f pay.Fact) pay.Reason { return c.cancel(c.shop, f) }},
	} {
		c := newCounter(t)
		f := c.charge(c.shop, c.beacon, 1_250)
		offer, id := c.through(f, "parked")
		if refused := tc.do(c, f); refused != pay.ReasonAlreadyDecided {
			t.Errorf("the %s is refused as %q", tc.what, refused)
		}
		if d, last := c.last(c.shop.status.Scope, f); last != id || d != offer {
			t.Errorf("after the %s the payment is %s", tc.what, d.State)
		}
	}

	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	offer, id := c.through(f, "parked")
	c.now = offer.Expires
	if _, err := c.reg.React(c.mem, c.now, pay.DeadlineReached{Subject: offer.Payment.Subject()}); err == nil {
		t.Error("its deadline is not kept for the newer registry")
	}
	if _, last := c.last(c.shop.status.Scope, f); last != id {
		t.Error("its deadline decided")
	}
}

// TestFormerDecisionsAreNoObstacle: a payment that came back to an offer by states
// that this registry knows goes on.
func TestFormerDecisionsAreNoObstacle(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	c.through(f, pay.StateOffered)
	if refused := c.answer(c.payer, f, pay.Approve, pay.ByHand); refused != "" {
		t.Errorf("the answer is refused as %q", refused)
	}
	if d, _ := c.last(c.shop.status.Scope, f); d.State != pay.StateCaptured {
		t.Errorf("the payment is %s", d.State)
	}
}
