package registry_test

import (
	"fmt"
	"maps"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// settle settles a payment and publishes what follows.
func (w *world) settle(request pay.Fact, as pay.SettledAs, why string) (pay.Settled, error) {
	w.Helper()
	s, r, err := w.reg.Settle(w.mem, w.now, pay.Settled{Payment: pay.PaymentID(request.ID()), Outcome: as, Why: why})
	if err == nil {
		w.publish(r)
	}
	return s, err
}

// contradictions returns how many calls were answered in two ways.
func (w *world) contradictions() (n int) {
	w.Helper()
	w.must(w.reg.Contradictions(w.mem, func(pay.Contradiction) error { n++; return nil }))
	return n
}

// stand brings a payment of 1200 by words to where it stands: hold or once, by the account
// or the card; then offered, yes (an answer of the acquirer), no, capture N, void, refund N.
func stand(t *testing.T, words string) (*counter, pay.Fact) {
	t.Helper()
	steps := strings.Split(words, ", ")
	c := newCounter(t)
	if strings.HasPrefix(steps[0], "card") {
		c = card(t)
	}
	var f pay.Fact
	if strings.HasSuffix(steps[0], "offered") {
		r := pay.Opening{Request: c.requestFrom(c.shop, c.beacon.code(c.now), 1200)}
		f = c.sign(c.shop.key, r.Body())
		c.push(0, f)
	} else {
		f = c.open(1200, strings.HasSuffix(steps[0], "hold"))
	}
	for _, step := range steps[1:] {
		var amount pay.Amount
		word, _, _ := strings.Cut(step, " ")
		_, _ = fmt.Sscanf(step, word+" %d", &amount)
		switch word {
		case "yes":
			c.replyBy("")
		case "no":
			c.replyBy("no_such_card")
		default:
			if got := c.acts(pay.Kind(word), f, amount); got != "" {
				t.Fatalf("%s is refused: %s", step, got)
			}
		}
	}
	return c, f
}

// TestSettleEveryState has each place at which a payment can stand, what can be said of it,
// and what becomes of it: its state; what payer, merchant and acquirer have; what the
// acquirer is asked beside the call that was settled; and then, as its late answer, yes or
// no, whether that is a contradiction.
func TestSettleEveryState(t *testing.T) {
	t.Parallel()
	for _, line := range strings.Split(strings.TrimSpace(`
		offered                              | not_paid     | cancelled settled | 10000 0 0        |             |
		once                                 |              |                   | 8800 1200 0      |             |
		hold                                 | not_paid     | voided settled    | 10000 0 0        |             |
		hold, capture 500                    | paid         | captured          | 9500 500 0       |             |
		hold, capture 500, refund 200        | paid         | part_refunded     | 9700 300 0       |             |
		hold, capture 500, refund 500        | paid         | refunded          | 10000 0 0        |             |
		hold, void                           |              |                   | 10000 0 0        |             |
		card once                            | paid         | captured          | 10000 1200 -1200 |             | no
		card once                            | not_paid     | failed settled    | 10000 0 0        |             | yes
		card once, yes                       | paid         | captured          | 10000 1200 -1200 |             | no
		card once, yes                       | not_paid     | failed settled    | 10000 0 0        | void 1200   | yes
		card once, yes, yes                  |              |                   | 10000 1200 -1200 |             |
		card once, no                        |              |                   | 10000 0 0        |             |
		card hold                            | not_paid     | failed settled    | 10000 0 0        |             | yes
		card hold, yes                       | not_paid     | voided settled    | 10000 0 0        | void 1200   |
		card hold, yes, capture 700          | paid         | captured          | 10000 700 -700   |             | no
		card hold, yes, capture 700          | not_paid     | voided settled    | 10000 0 0        | void 1200   | yes
		card hold, yes, void                 | not_paid     | voided by_merchant| 10000 0 0        |             | no
		card hold, yes, capture 700, yes     |              |                   | 10000 700 -700   |             |
		card once, yes, yes, refund 500      | refunded     | part_refunded     | 10000 700 -700   |             | no
		card once, yes, yes, refund 1200     | refunded     | refunded          | 10000 0 0        |             | no
		card once, yes, yes, refund 500      | not_refunded | captured          | 10000 1200 -1200 |             | yes
	`), "\n") {
		cells := strings.Split(line, "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		at, can, state, money, asked, contrary := cells[0], cells[1], cells[2], cells[3], cells[4], cells[5]
		t.Run(at+" as "+can, func(t *testing.T) {
			t.Parallel()
			settleOne(t, at, pay.SettledAs(can), state, money, asked, contrary)
		})
	}
}

func settleOne(t *testing.T, at string, as pay.SettledAs, state, money, asked, contrary string) {
	t.Helper()
	c, f := stand(t, at)
	flying := contrary != ""
	for _, other := range []pay.SettledAs{pay.SettledPaid, pay.SettledNotPaid, pay.SettledRefunded, pay.SettledNotRefunded} {
		before := c.mem.dump()
		if u, err := c.reg.Unsettled(c.mem, pay.PaymentID(f.ID())); err != nil || !strings.Contains(fmt.Sprint(u.Outcomes), string(other)) {
			if _, err := c.settle(f, other, "so I say"); pay.CodeOf(err) != pay.CodeConflict || !maps.Equal(before, c.mem.dump()) {
				t.Errorf("settled as %s: %v, or it changed something", other, err)
			}
		}
	}
	var payer, merchant, house pay.Amount
	_, _ = fmt.Sscan(money, &payer, &merchant, &house)
	if as == "" {
		if _, err := c.settle(f, "", "so I say"); pay.CodeOf(err) != pay.CodeConflict {
			t.Errorf("a finished payment: %v", err)
		}
		c.wantBook(payer, merchant, house)
		c.auditOK()
		return
	}
	first, err := c.settle(f, as, "so I say")
	c.must(err)
	c.wantState(f, state)
	c.wantBook(payer, merchant, house)
	if d, _ := c.last(c.shop.status.Scope, f); as != pay.SettledNotRefunded && d.Why != "so I say" {
		t.Errorf("the decision does not bear why: %+v", d)
	}
	c.now++
	if again, err := c.settle(f, as, "so I say"); again != first || err != nil {
		t.Errorf("again: %+v, %v", again, err)
	}
	before := c.mem.dump()
	if _, err := c.settle(f, as, "and now otherwise"); pay.CodeOf(err) != pay.CodeConflict || !maps.Equal(before, c.mem.dump()) {
		t.Errorf("for another reason: %v", err)
	}
	late := c.effects
	if flying {
		late = c.effects[1:]
	}
	all := c.effects
	c.effects = late
	c.wantAsked(asked)
	c.effects = all
	if !flying {
		return
	}
	for _, reply := range []string{"yes", "no", "nothing"} {
		answerLate(t, c, f, state, reply, reply == contrary || reply == "nothing" && (as == pay.SettledPaid || as == pay.SettledRefunded))
	}
}

// answerLate holds what a late answer does to a payment that was settled, in a world of
// its own.
func answerLate(t *testing.T, c *counter, f pay.Fact, state, reply string, contrary bool) {
	t.Helper()
	mem, effects, feeds := c.mem, c.effects, c.feeds
	defer func() { c.mem, c.effects, c.feeds = mem, effects, feeds }()
	c.mem, c.feeds = mem.clone(), maps.Clone(feeds)
	switch reply {
	case "yes":
		c.replyBy("")
	case "no":
		c.replyBy("no_such_card")
	case "nothing":
		e := c.effects[0]
		c.effects = c.effects[1:]
		c.react(pay.EffectDone{Effect: e, Result: []byte{}})
	}
	if got := c.says(c.shop, f); got != state {
		t.Errorf("a late %s moved it to %s", reply, got)
	}
	if got := c.contradictions() == 1; got != contrary {
		t.Errorf("a late %s is a contradiction: %v, want %v", reply, got, contrary)
	}
	c.auditOK()
}

// TestLateClaimsAfterASettlement: both parties' late messages get their typed answers.
func TestLateClaimsAfterASettlement(t *testing.T) {
	t.Parallel()
	c, f := stand(t, "card once")
	_, err := c.settle(f, pay.SettledNotPaid, "the provider has closed")
	c.must(err)
	for kind, want := range map[pay.Kind]pay.Reason{pay.KindCapture: pay.ReasonLateCapture, pay.KindVoid: pay.ReasonLateVoid, pay.KindRefund: pay.ReasonNotCaptured} {
		if got := c.acts(kind, f, 0); got != want {
			t.Errorf("%s: %q, want %q", kind, got, want)
		}
	}
	if got := c.cancel(c.shop, f); got != pay.ReasonLateCancel {
		t.Errorf("cancel: %q", got)
	}
	for _, at := range []string{"hold", "card hold, yes", "card hold, yes, capture 700"} {
		c, f := stand(t, at)
		_, err := c.settle(f, pay.SettledNotPaid, "the shop has closed")
		c.must(err)
		// The operator ended it: no claim of the merchant did, which this one could repeat.
		if got := c.acts(pay.KindVoid, f, 0); got != pay.ReasonLateVoid {
			t.Errorf("%s: a void after the operator's word: %q", at, got)
		}
		c.auditOK()
	}
	c, f = stand(t, "card hold, yes, void")
	_, err = c.settle(f, pay.SettledNotPaid, "the provider has closed")
	c.must(err)
	if got := c.acts(pay.KindVoid, f, 0); got != "" {
		t.Errorf("a void again, which the operator followed: %q", got)
	}
	c.auditOK()
	c, f = stand(t, "card once")
	_, err = c.settle(f, pay.SettledPaid, "it stands in the provider's list")
	c.must(err)
	if got := c.acts(pay.KindRefund, f, 100); got != pay.ReasonSettled {
		t.Errorf("a refund of what the acquirer never authorised: %q", got)
	}
	c.replyBy("") // it had authorised it, and refunds go by that
	if got := c.acts(pay.KindRefund, f, 100); got != "" {
		t.Errorf("a refund once it has: %q", got)
	}
	c.auditOK()
}

// TestAuditFindsWhatNobodySettled: a settlement whose row, statement or decision was
// changed.
func TestAuditFindsWhatNobodySettled(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(c *counter){
		"its row is gone": func(c *counter) {
			for k := range c.mem.dump("st/") {
				c.must(c.mem.Delete([]byte(k)))
			}
		},
		"another outcome": func(c *counter) {
			for id, f := range c.mem.facts {
				if s, err := pay.As[pay.Settled](f); err == nil {
					s.Outcome = pay.SettledPaid
					other := c.sign(keyOf("working"), s)
					delete(c.mem.facts, id)
					c.mem.facts[other.ID()] = other
				}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, f := stand(t, "card once")
			_, err := c.settle(f, pay.SettledNotPaid, "the provider has closed")
			c.must(err)
			c.auditOK()
			c.broken = "a row or a fact was changed"
			spoil(c)
			if r := c.audit(); r.OK {
				t.Error("the audit finds nothing")
			}
		})
	}
}
