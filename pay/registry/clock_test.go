package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// accept lets the operator say that the clock is right when it shows now; the one
// before began at from.
func (c *counter) accept(now, from pay.Time) {
	c.Helper()
	r, err := c.reg.AcceptClock(c.mem, registry.Accepted{Was: c.now, Now: now, Since: c.now, From: from})
	if err != nil {
		c.Fatalf("accept the clock: %v", err)
	}
	c.publish(r)
	c.reg.ClockMoved()
	c.now = now
}

const hours pay.Millis = 3_600_000

// What a wrong clock dated is read by the right one once that was accepted:
// devices that were paired before it and during it are found, with and without
// tables, and so they are when the operator changes his mind.
func TestDevicesResolveAfterTheClockWasAccepted(t *testing.T) {
	t.Parallel()
	for name, wrong := range map[string]pay.Millis{
		"two hours ahead":  2 * hours,
		"nine years ahead": 9 * 365 * 24 * hours,
	} {
		for _, tables := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				t.Parallel()
				c := newCounter(t)
				look := func(d *device, at pay.Time) bool {
					if tables {
						c.refresh()
					}
					ok, _ := c.resolves(d.code(at), 0)
					return ok
				}
				old, fresh := newDevice("old", 6), newDevice("fresh", 6)
				c.pair(old, c.payer)
				right := c.now.Add(1_000_000)

				// The clock is wrong from here on; the devices' own time is the right one.
				began := right.Add(wrong)
				c.now = began
				fresh.since = began
				c.pair(fresh, c.payer)
				c.now = began.Add(5 * 60_000)
				if !look(fresh, c.now) {
					t.Error("a device paired by the wrong clock is not found by it")
				}
				right = right.Add(5 * 60_000)
				if look(old, right) {
					t.Error("a device paired by the right clock is found by the wrong one")
				}

				c.accept(right, began)
				if !look(fresh, right.Add(wrong)) {
					t.Error("a device paired by the wrong clock is not found by the right one")
				}
				if !look(old, right) {
					t.Error("a device paired before is not found any more")
				}
				c.auditOK()

				c.accept(right.Add(wrong), began.Add(-wrong))
				if !look(fresh, right.Add(wrong)) {
					t.Error("after a second change the device is lost")
				}
				c.auditOK()
			})
		}
	}
}

// A payment that a clock opened which was ahead ends once that is put right, and
// not hours later; its decisions stay in order.
func TestPaymentsOfAClockAheadEnd(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	d := newDevice("tag", 6)
	c.now = c.now.Add(2 * hours)
	began := c.now
	d.since = c.now
	c.pair(d, c.payer)
	c.topUp(c.payer, 10_000)
	c.now = c.now.Add(10_000)
	open := c.charge(c.shop, d, 100)
	if got := c.says(c.shop, open); got != "offered" {
		t.Fatalf("the charge is %s", got)
	}
	answer := c.sign(c.payer.key, c.reply(c.payer, open, pay.Approve, pay.ByHand))
	c.accept(c.now.Add(-2*hours), began)
	if got := c.push(0, answer); got != pay.ReasonLateAnswer {
		t.Errorf("an answer to an offer of the wrong clock: %q", got)
	}
	if got := c.says(c.shop, open); got != "expired no_answer" {
		t.Errorf("the payment is %s", got)
	}
	c.auditOK()
}

// An operator cannot accept a time at which the registry may sign nothing.
func TestAcceptNeedsTheAuthority(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	_, err := c.reg.AcceptClock(c.mem, registry.Accepted{Was: c.now, Now: 0, Since: c.now})
	if pay.CodeOf(err) != pay.CodeConfig {
		t.Errorf("accepting 1970: %v", err)
	}
}
