package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestTwoPlacesHearOneTag: two merchants charge one tag within the same steps. All
// payments can be answered by the payer with the device, each by its own
// challenge, in any order and together, whichever came first.
func TestTwoPlacesHearOneTag(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar := c.box("Bar", "counter")
	for round := range 4 {
		var open []pay.Fact
		for range 12 {
			open = append(open, c.charge(c.shop, c.beacon, 10), c.charge(bar, c.beacon, 10))
		}
		for i := range open { // the newest first in every other round
			f := open[i]
			if round%2 == 1 {
				f = open[len(open)-1-i]
			}
			if got := c.answer(c.payer, f, pay.Approve, "all"); got != pay.ReasonNeedsDevice {
				t.Fatalf("by a rule alone: refused as %q", got)
			}
			if got := c.approve(c.payer, c.beacon, f); got != "" {
				t.Fatalf("with the device: refused as %q", got)
			}
		}
		for i, f := range open {
			if got := c.says([]node{c.shop, bar}[i%2], f); got != "captured" {
				t.Fatalf("payment %d is %s", i, got)
			}
		}
		c.now = c.now.Add(64_000)
	}
	c.auditOK()
}

// TestNobodyUsesUpThePromptsOfAnother: a box that hears the same codes makes the
// other's payments wait for a person. However many of them nobody answers, the
// other box's own prompts are untouched, and so are those because of a third box.
func TestNobodyUsesUpThePromptsOfAnother(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	rogue, third := c.box("Rogue", "van"), c.box("Third", "door")
	for range pay.PromptsElsewherePerHour + 5 {
		c.now = c.now.Add(10)
		c.charge(rogue, c.beacon, 1) // over its own limit it makes no difference any more
		c.charge(c.shop, c.beacon, 1)
	}
	if got := c.says(rogue, c.charge(rogue, c.beacon, 1)); got != "unmatched too_many_prompts" {
		t.Errorf("the rogue box: %s", got)
	}
	c.now = c.now.Add(150_000)
	f := c.charge(c.shop, c.beacon, 10)
	if got := c.says(c.shop, f); got != "offered" {
		t.Errorf("alone in the next step: %s", got)
	}
	if got := c.answer(c.payer, f, pay.Approve, "all"); got != "" || c.says(c.shop, f) != "captured" {
		t.Errorf("a rule answers: %q, %s", got, c.says(c.shop, f))
	}
	c.charge(third, c.beacon, 1)
	f = c.charge(c.shop, c.beacon, 10)
	if got := c.approve(c.payer, c.beacon, f); got != "" || c.says(c.shop, f) != "captured" {
		t.Errorf("beside a third box, with the device: %q, %s", got, c.says(c.shop, f))
	}
	c.auditOK()
}

// TestRogueBoxFlood: a box that charges the customers of another in every step is
// limited itself, and each payment of the honest box is paid once its payer
// answers.
func TestRogueBoxFlood(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	rogue := c.box("Rogue", "van")
	asked := 0
	for step := range 50 {
		for range 10 {
			if f := c.charge(rogue, c.beacon, 5); c.says(rogue, f) == "offered" {
				asked++
			}
		}
		f := c.charge(c.shop, c.beacon, 5)
		if got := c.approve(c.payer, c.beacon, f); c.demandOn(c.shop, f) != "" && got != "" {
			t.Fatalf("step %d: refused as %q", step, got)
		}
		if c.demandOn(c.shop, f) == "" {
			c.answer(c.payer, f, pay.Approve, pay.ByHand)
		}
		if got := c.says(c.shop, f); got != "captured" {
			t.Fatalf("step %d: the honest payment is %s", step, got)
		}
		c.now = c.now.Add(64_000)
	}
	if asked > pay.PromptsPerHour {
		t.Errorf("the rogue box asked %d times within an hour", asked)
	}
	c.auditOK()
}
