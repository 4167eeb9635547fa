package registry_test

import (
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// standing returns the states of a device in the registry's statuses in a feed.
func (w *world) standing(scope pay.Scope, d *device) (states []pay.DeviceState) {
	w.Helper()
	for _, f := range w.feeds[scope] {
		if s, err := pay.As[pay.DeviceStatus](f); err == nil && s.Device == d.key.ID() {
			states = append(states, s.State)
		}
	}
	return states
}

func TestMapping(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(c *counter, b *pay.Bind, m *pay.Mapping)
		want   pay.Reason
	}{
		"as it should be":    {func(*counter, *pay.Bind, *pay.Mapping) {}, ""},
		"another registry":   {func(c *counter, b *pay.Bind, _ *pay.Mapping) { b.Registry[0]++ }, pay.ReasonWrongRegistry},
		"another resolver":   {func(c *counter, b *pay.Bind, _ *pay.Mapping) { b.Resolver[0]++ }, pay.ReasonWrongRegistry},
		"another wallet":     {func(c *counter, b *pay.Bind, _ *pay.Mapping) { b.Wallet = c.other.key.ID() }, pay.ReasonWrongScope},
		"beacon key taken":   {func(c *counter, b *pay.Bind, _ *pay.Mapping) { b.Beacon = c.beacon.beaconKey() }, pay.ReasonDeviceTaken},
		"beacon key of zero": {func(c *counter, b *pay.Bind, _ *pay.Mapping) { b.Beacon = pay.BeaconKey{} }, pay.ReasonWrongTerms},
		"another device":     {func(c *counter, _ *pay.Bind, m *pay.Mapping) { m.Device = c.shop.key.ID() }, pay.ReasonWrongTerms},
		"a bind bent": {func(c *counter, b *pay.Bind, m *pay.Mapping) {
			m.Bind = c.sign(keyOf("device new"), *b).Raw()
			m.Bind[len(m.Bind)-1] ^= 1
		}, pay.ReasonWrongTerms},
		"a bind of the wallet itself": {func(c *counter, b *pay.Bind, m *pay.Mapping) {
			m.Bind = c.sign(c.payer.key, *b).Raw()
		}, pay.ReasonWrongTerms},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			d := newDevice("new", 6)
			b := c.bind(d, c.payer, c.now)
			m := pay.Mapping{Device: d.key.ID(), Created: c.now, Means: "card"}
			tc.change(c, &b, &m)
			if m.Bind == nil {
				m.Bind = c.sign(d.key, b).Raw()
			}
			if refused := c.push(0, c.sign(c.payer.key, m)); refused != tc.want {
				t.Fatalf("refused %q, want %q", refused, tc.want)
			}
			want := "[active]"
			if tc.want != "" {
				want = "[]"
			}
			if got := fmt.Sprint(c.standing(c.payer.status.Scope, d)); got != want {
				t.Errorf("the wallet is told %s, want %s", got, want)
			}
			c.auditOK()
		})
	}
}

// TestOneCurrentMapping: a device belongs to one wallet until that one revokes.
func TestOneCurrentMapping(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	tryOther := func() pay.Reason {
		return c.push(0, c.mapping(c.beacon, c.other, c.bind(c.beacon, c.other, c.now)))
	}
	oldBind := c.bind(c.beacon, c.payer, c.now)
	if refused := tryOther(); refused != pay.ReasonDeviceTaken {
		t.Errorf("taking over another's device: %q", refused)
	}
	if refused := c.push(0, c.sign(c.other.key, pay.Revoke{Device: c.beacon.key.ID()})); refused != pay.ReasonUnknownDevice {
		t.Errorf("revoking another's device: %q", refused)
	}
	f := c.charge(c.shop, c.beacon, 100)
	c.answer(c.payer, f, pay.Approve, pay.ByHand)
	if refused := c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID()})); refused != "" {
		t.Errorf("revoking: %q", refused)
	}
	if refused := c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID()})); refused != "" {
		t.Errorf("the same revoke again: %q", refused)
	}
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 100)); got != "unmatched unknown_code" {
		t.Errorf("a revoked device resolves: %s", got)
	}
	if refused := c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID(), Created: 9})); refused != pay.ReasonUnknownDevice {
		t.Errorf("revoking twice: %q", refused)
	}
	c.auditOK()
	c.now = c.now.Add(5_000)
	if refused := tryOther(); refused != "" {
		t.Errorf("taking a device that is free: %q", refused)
	}
	if d, _ := c.last(c.other.status.Scope, c.charge(c.shop, c.beacon, 100)); d.State != pay.StateOffered {
		t.Errorf("the new wallet is not asked: %+v", d)
	}
	c.push(0, c.sign(c.other.key, pay.Revoke{Device: c.beacon.key.ID(), Created: 10}))
	if refused := c.push(0, c.mapping(c.beacon, c.payer, oldBind)); refused != pay.ReasonOutOfStep {
		t.Errorf("an old bind again: %q", refused)
	}
	c.auditOK()
}

// TestMappingAgain: the same wallet anchors its device anew, and an old mapping
// that comes again does not.
func TestMappingAgain(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	first := c.mapping(c.beacon, c.payer, c.bind(c.beacon, c.payer, c.now))
	c.now = c.now.Add(1_000)
	if refused := c.push(0, first); refused != "" {
		t.Fatalf("refused %q", refused)
	}
	c.beacon.counter += 3_000 // its clock jumped
	c.now = c.now.Add(86_400_000)
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "unmatched out_of_step" {
		t.Errorf("a device 50 minutes fast: %s", got)
	}
	c.pair(c.beacon, c.payer)
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "offered" {
		t.Errorf("anchored anew: %s", got)
	}
	feed := len(c.feeds[c.payer.status.Scope])
	if refused := c.push(0, first); refused != "" || len(c.feeds[c.payer.status.Scope]) != feed {
		t.Errorf("an old mapping again: refused %q", refused)
	}
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "offered" {
		t.Errorf("after an old mapping came again: %s", got)
	}
	c.auditOK()
}

// TestSameBindLater: a mapping that repeats the bind that the registry has is
// about names; the anchor is what it was.
func TestSameBindLater(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	b := c.bind(c.beacon, c.payer, c.now)
	for _, revoked := range []bool{false, true} {
		c.now = c.now.Add(600_000)
		if revoked {
			c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID()}))
		}
		if refused := c.push(0, c.mapping(c.beacon, c.payer, b)); refused != "" {
			t.Fatalf("refused %q", refused)
		}
		if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "offered" {
			t.Errorf("revoked before: %v: %s", revoked, got)
		}
	}
	c.auditOK()
}

// TestMappingWaited: the anchor is when the wallet stored the mapping.
func TestMappingWaited(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	d := newDevice("slow", 1)
	m := c.mapping(d, c.payer, c.bind(d, c.payer, c.now))
	c.now = c.now.Add(7_200_000)
	c.push(7_200_000, m)
	if got := c.says(c.shop, c.charge(c.shop, d, 1)); got != "offered" {
		t.Errorf("mapped two hours late: %s", got)
	}
}

func TestDevicesPerWallet(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	for i := range pay.DevicesPerWalletMax {
		d := newDevice(fmt.Sprint(i), 6)
		refused := c.push(0, c.mapping(d, c.payer, c.bind(d, c.payer, c.now)))
		if want := i == pay.DevicesPerWalletMax-1; (refused == pay.ReasonTooManyDevices) != want {
			t.Fatalf("device %d beside the first: refused %q", i+1, refused)
		}
	}
	c.pair(c.beacon, c.payer) // one that counts already
	c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID()}))
	c.pair(newDevice("last", 6), c.payer)
	c.auditOK()
}

// TestWalletRevoked: nobody is asked for a wallet that is no longer a member.
func TestWalletRevoked(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	open := c.charge(c.shop, c.beacon, 100)
	_, r, err := c.reg.RevokeNode(c.mem, c.now, c.payer.key.ID())
	c.must(err)
	c.publish(r)
	if got := c.says(c.shop, open); got != "expired node_revoked" {
		t.Errorf("what was open: %s", got)
	}
	if refused := c.answer(c.payer, open, pay.Approve, pay.ByHand); refused != pay.ReasonNodeRevoked {
		t.Errorf("approval of a revoked wallet: %q", refused)
	}
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 100)); got != "unmatched node_revoked" {
		t.Errorf("charge: %s", got)
	}
	c.now = c.now.Add(60_000)
	c.fireDue()
	if got := c.says(c.shop, open); got != "expired node_revoked" {
		t.Errorf("what was open, after its time: %s", got)
	}
	_, r, err = c.reg.RevokeNode(c.mem, c.now, c.shop.key.ID())
	c.must(err)
	c.publish(r)
	if refused := c.push(0, c.sign(c.shop.key, c.requestFrom(c.shop, c.beacon.code(c.now), 1))); refused != pay.ReasonNodeRevoked {
		t.Errorf("request of a revoked box: %q", refused)
	}
	c.auditOK()
}

// TestBoxRevoked: what a box asked for before it was revoked is charged no more.
func TestBoxRevoked(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	open := c.charge(c.shop, c.beacon, 100)
	declined := c.charge(c.shop, c.beacon, 100)
	_, r, err := c.reg.RevokeNode(c.mem, c.now, c.shop.key.ID())
	c.must(err)
	c.publish(r)
	if refused := c.answer(c.payer, open, pay.Approve, pay.ByHand); refused != "" {
		t.Errorf("approval: %q", refused)
	}
	if refused := c.answer(c.payer, declined, pay.Decline, pay.ByHand); refused != "" {
		t.Errorf("decline: %q", refused)
	}
	if got := c.says(c.payer, open); got != "failed node_revoked" {
		t.Errorf("approved after its box was revoked: %s", got)
	}
	if got := c.says(c.payer, declined); got != "declined by_payer" {
		t.Errorf("declined after its box was revoked: %s", got)
	}
	c.auditOK()
}
