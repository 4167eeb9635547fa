package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestProbationDoesNotRunWhileRevoked: a thief who had the phone for a minute
// pairs a tag of his own and revokes it at once, so that nobody sees it. When he has
// the phone again, days later, the tag's codes count no sooner than those of any
// other. One that went through its probation before is trusted as before.
func TestProbationDoesNotRunWhileRevoked(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		active, away pay.Millis // how long the tag was paired, then revoked
		want         pay.Reason
	}{
		"revoked at once":                      {60_000, 10 * pay.DeviceProbation, pay.ReasonNewDevice},
		"revoked just before the end":          {pay.DeviceProbation - 1, pay.DeviceProbation, pay.ReasonNewDevice},
		"revoked when it was trusted":          {pay.DeviceProbation, 60_000, ""},
		"revoked long after it was trusted":    {3 * pay.DeviceProbation, 3 * pay.DeviceProbation, ""},
		"revoked at once, and back in a blink": {60_000, 1_000, pay.ReasonNewDevice},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newCounter(t)
			limit, _ := w.limit(500, pay.FactID{}, nil)
			further := newDevice("a further one", 6)
			w.pair(further, w.payer)
			w.now = w.now.Add(c.active)
			w.push(0, w.sign(w.payer.key, pay.Revoke{Device: further.key.ID(), Created: 1}))
			w.now = w.now.Add(c.away)
			w.pair(further, w.payer)
			f := w.charge(w.shop, further, 900)
			if c.want != "" {
				if got := w.says(w.shop, f); got != "unmatched payer_cannot_answer" {
					t.Errorf("a payment above the limit: %s", got)
				}
			} else if got := w.approve(w.payer, further, f); got != "" {
				t.Errorf("a payment above the limit is refused as %q", got)
			}
			if _, got := w.limit(pay.AmountMax, limit, further); got != c.want {
				t.Errorf("lifting the limit is refused as %q, want %q", got, c.want)
			}
			w.auditOK()
			if c.want == "" {
				return
			}
			w.now = w.now.Add(pay.DeviceProbation)
			f = w.charge(w.shop, further, 900)
			if got := w.approve(w.payer, further, f); got != "" {
				t.Errorf("a day after it was paired again: %q", got)
			}
			w.auditOK()
		})
	}
}

// TestProbationInAStoreOfAnOlderVersion: an older version mapped devices and
// noted nowhere that the wallet has had one. A stolen phone that revokes the only
// one, as it may, and pairs a tag of its own gains nothing by that.
func TestProbationInAStoreOfAnOlderVersion(t *testing.T) {
	t.Parallel()
	w := newCounter(t)
	w.limit(500, pay.FactID{}, nil)
	if _, noted := w.mem.rows.Delete("v/" + string(w.payer.status.Scope)); !noted {
		t.Fatal("there is nothing that an older version would not have")
	}
	w.push(0, w.sign(w.payer.key, pay.Revoke{Device: w.beacon.key.ID(), Created: 1}))
	own := newDevice("a thief's", 6)
	w.pair(own, w.payer)
	f := w.charge(w.shop, own, 900)
	if got := w.says(w.shop, f); got != "unmatched payer_cannot_answer" {
		t.Errorf("a payment above the limit: %s", got)
	}
	w.auditOK()
}

// TestProbationAfterTheClockWasAccepted: the end of a probation that a wrong clock
// dated is moved with the clock. A device that was paired by a clock ahead is not
// shut out until that date comes, and the operator's word counts for one that was
// paired by a clock behind.
func TestProbationAfterTheClockWasAccepted(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]pay.Millis{"ahead": 300 * 24 * hours, "behind": -300 * 24 * hours} {
		for _, vouched := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := newCounter(t)
				c.now = c.now.Add(400 * 24 * hours)
				right := c.now
				began := c.now.Add(wrong)
				c.now = began
				further := newDevice("a further one", 6)
				further.since = began
				c.pair(further, c.payer)
				c.accept(right, began)
				further.since = right
				if vouched {
					v, r, err := c.reg.Vouch(c.mem, c.now, c.payer.status.Scope, further.key.ID().String())
					c.must(err)
					c.publish(r)
					if len(r.Publications) == 0 {
						t.Errorf("vouching for a device on probation changes nothing: %+v", v)
					}
				} else {
					if f := c.chargeTwo(further); c.says(c.shop, f) != "unmatched payer_cannot_answer" {
						t.Errorf("on probation: %s", c.says(c.shop, f))
					}
					c.now = c.now.Add(pay.DeviceProbation)
				}
				f := c.chargeTwo(further)
				if got := c.says(c.shop, f); got != "offered" {
					t.Fatalf("after its probation: %s", got)
				}
				if got := c.approve(c.payer, further, f); got != "" {
					t.Errorf("after its probation its code is refused as %q", got)
				}
				c.auditOK()
			})
		}
	}
}

// chargeTwo charges a device and asks for two channels.
func (c *counter) chargeTwo(d *device) pay.Fact {
	c.Helper()
	r := c.requestFrom(c.shop, d.code(c.now), 10)
	r.TwoChannel = true
	f := c.sign(c.shop.key, r)
	c.push(0, f)
	return f
}

// TestProbationAcrossTheClock: a probation neither ends while the device is revoked
// nor is it moved twice because the clock was set right within it.
func TestProbationAcrossTheClock(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		wrong   pay.Millis
		revoked bool
	}{
		"a clock behind, revoked":                       {-300 * 24 * hours, true},
		"a clock behind, mapped again by the same bind": {-300 * 24 * hours, false},
		"a clock ahead, revoked":                        {300 * 24 * hours, true},
		"a clock ahead, mapped again by the same bind":  {300 * 24 * hours, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.now = c.now.Add(400 * 24 * hours)
			right, began := c.now, c.now.Add(tc.wrong)
			c.now = began
			further := newDevice("a further one", 6)
			further.since = began
			b := c.bind(further, c.payer, c.now)
			c.push(0, c.mapping(further, c.payer, b))
			c.accept(right, began)
			further.since = right
			c.now = c.now.Add(hours)
			if tc.revoked {
				c.push(0, c.sign(c.payer.key, pay.Revoke{Device: further.key.ID(), Created: 1}))
				c.now = c.now.Add(2 * pay.DeviceProbation)
				c.pair(further, c.payer)
				if f := c.chargeTwo(further); c.says(c.shop, f) != "unmatched payer_cannot_answer" {
					t.Errorf("its probation ran on while it was revoked: %s", c.says(c.shop, f))
				}
			} else if got := c.push(0, c.mapping(further, c.payer, b)); got != "" {
				t.Fatalf("mapped again: %q", got)
			}
			c.auditOK()
			c.now = c.now.Add(pay.DeviceProbation)
			f := c.chargeTwo(further)
			if got := c.says(c.shop, f); got != "offered" {
				t.Fatalf("after its probation: %s", got)
			}
			if got := c.approve(c.payer, further, f); got != "" {
				t.Errorf("after its probation its code is refused as %q", got)
			}
			c.auditOK()
		})
	}
}
