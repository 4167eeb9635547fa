package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// burst charges the counter's device n times at one moment and returns the requests
// that were offered. The others are refused for too many prompts.
func (c *counter) burst(n int, amount pay.Amount, change func(*pay.Request)) (offered []pay.Fact) {
	c.Helper()
	for range n {
		r := c.requestFrom(c.shop, c.beacon.code(c.now), amount)
		if change != nil {
			change(&r)
		}
		f := c.sign(c.shop.key, r)
		c.push(0, f)
		switch got := c.says(c.shop, f); got {
		case "offered":
			offered = append(offered, f)
		case "unmatched too_many_prompts":
		default:
			c.Fatalf("a charge of %d is %s", amount, got)
		}
	}
	return offered
}

// TestOffersThatARuleAnswersAreNoPrompts: a till that was away hands in many charges at
// once, which the payer's rule answers a moment later. None of them is lost; what a
// person has to see is limited as ever.
func TestOffersThatARuleAnswersAreNoPrompts(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	if n := len(c.burst(30, 10, nil)); n != pay.PromptsPerHour {
		t.Fatalf("%d offers to a wallet of whose rules nothing is known, want %d", n, pay.PromptsPerHour)
	}
	c.now = c.now.Add(3_600_000)
	c.answer(c.payer, c.burst(1, 10, nil)[0], pay.Approve, "under:0.10")

	waiting := c.burst(100, 10, nil)
	if len(waiting) != 100 {
		t.Fatalf("%d of 100 charges that the rule covers were offered", len(waiting))
	}
	if n := len(c.burst(30, 11, nil)); n != pay.PromptsPerHour {
		t.Errorf("%d offers above what the rule approved, want %d", n, pay.PromptsPerHour)
	}
	for _, f := range waiting {
		if got := c.answer(c.payer, f, pay.Approve, "under:0.10"); got != "" || c.says(c.shop, f) != "captured" {
			t.Fatalf("the rule's answer: %q, %s", got, c.says(c.shop, f))
		}
	}
	c.auditOK()
}

func TestOffersThatNoRuleMayAnswerArePrompts(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pay.Request){
		"found by strength alone": func(r *pay.Request) { r.Certain = false },
		"a box of old":            func(r *pay.Request) { r.Evidence, r.Certain = "", false },
		"with the device":         func(r *pay.Request) { r.TwoChannel = true },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.answer(c.payer, c.burst(1, 10, nil)[0], pay.Approve, "all")
			if n := len(c.burst(30, 10, change)); n != pay.PromptsPerHour {
				t.Errorf("%d were offered, want %d", n, pay.PromptsPerHour)
			}
		})
	}
}

// TestRuleThatDoesNotAnswerIsNoLongerExpected: the owner has changed the rule, or the
// program behind it is stuck: a person sees what waits, and is not flooded.
func TestRuleThatDoesNotAnswerIsNoLongerExpected(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	learn := func() { c.answer(c.payer, c.burst(1, 10, nil)[0], pay.Approve, "all") }

	learn()
	waiting := c.burst(30, 10, nil)
	c.answer(c.payer, waiting[0], pay.Decline, pay.ByHand)
	if n := len(c.burst(30, 10, nil)); n != pay.PromptsPerHour {
		t.Errorf("%d were offered after the owner had declined one by hand, want %d", n, pay.PromptsPerHour)
	}
	if n := len(c.burst(30, 9, nil)); n != 0 {
		t.Errorf("%d smaller ones were offered beside a full number of prompts", n)
	}

	c.now = c.now.Add(3_600_000)
	learn()
	c.burst(pay.PromptsPerHour, 10, nil)
	c.now = c.now.Add(pay.PromptRuleWait)
	if n := len(c.burst(1, 10, nil)); n != 0 {
		t.Error("more is offered although what waits was not answered")
	}
	c.auditOK()
}

func TestOffersInFlightAreBounded(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.answer(c.payer, c.burst(1, 10, nil)[0], pay.Approve, "all")
	if n := len(c.burst(pay.PromptsByRule+50, 10, nil)); n != pay.PromptsByRule {
		t.Errorf("%d are in flight, want at most %d", n, pay.PromptsByRule)
	}
}

func TestRulesOfAReplacedWalletAreForgotten(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.answer(c.payer, c.burst(1, 10, nil)[0], pay.Approve, "all")
	if len(c.mem.dump("ar/")) != 1 {
		t.Fatal("the rule was not noted")
	}
	c.inPlaceOf(c.payer, "new phone")
	if left := c.mem.dump("ar/"); len(left) != 0 {
		t.Errorf("left: %q", left)
	}
}
