package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// said returns the dates of the statements of one kind in a feed, in its order.
func said[B pay.Body](w *world, scope pay.Scope, at func(B) pay.Time, of func(B) bool) (dates []pay.Time) {
	for _, f := range w.feeds[scope] {
		if b, err := pay.As[B](f); err == nil && of(b) {
			dates = append(dates, at(b))
		}
	}
	return dates
}

// wantOrder sees that each statement is dated behind the one before it: of two with
// one date a wallet takes the one that revokes, and of an earlier one it takes none.
func wantOrder(t *testing.T, what string, dates []pay.Time, n int) {
	t.Helper()
	if len(dates) != n {
		t.Fatalf("%s: %d statements, want %d", what, len(dates), n)
	}
	for i := 1; i < n; i++ {
		if dates[i] <= dates[i-1] {
			t.Errorf("%s: statement %d is dated %s, the one before it %s", what, i+1, dates[i], dates[i-1])
		}
	}
}

// TestLaterStatementsHaveLaterDates: a wallet orders what is said of a device and of
// its limit by date. A clock that was put right, and several statements within one
// moment, must not hide the last one from it: it could neither revoke a device that
// it takes for revoked, nor change a limit that it does not know.
func TestLaterStatementsHaveLaterDates(t *testing.T) {
	t.Parallel()
	for name, back := range map[string]pay.Millis{
		"within one moment":                  0,
		"after a clock two hours ahead":      2 * hours,
		"after a clock that was years ahead": 9 * 365 * 24 * hours,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			scope := c.payer.status.Scope
			tag := newDevice("a tag", 6)
			right := c.now.Add(1000)
			c.now = right.Add(back)
			began := c.now
			tag.since = c.now
			c.pair(tag, c.payer)
			limit, _ := c.limit(5_000, pay.FactID{}, nil)
			if back > 0 {
				c.accept(right, began)
			}
			c.push(0, c.sign(c.payer.key, pay.Revoke{Device: tag.key.ID(), Created: 1}))
			tag.since, tag.counter = c.now, tag.counter+1
			c.pair(tag, c.payer)
			_, r, err := c.reg.Vouch(c.mem, c.now, scope, tag.key.ID().String())
			c.must(err)
			c.publish(r)
			limit, _ = c.limit(2_000, limit, nil)
			if _, refused := c.limit(1_000, limit, nil); refused != "" {
				t.Errorf("a third limit: %s", refused)
			}
			wantOrder(t, "device", said(c.world, scope, func(s pay.DeviceStatus) pay.Time { return s.At }, func(s pay.DeviceStatus) bool { return s.Device == tag.key.ID() }), 4)
			wantOrder(t, "limit", said(c.world, scope, func(s pay.StepUpStatus) pay.Time { return s.At }, func(pay.StepUpStatus) bool { return true }), 3)
			c.auditOK()
		})
	}
}
