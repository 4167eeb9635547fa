package registry_test

import (
	"context"
	"errors"
	"maps"
	"reflect"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// auditGrown carries on from a good audit that was made when so many facts had been
// published.
func (w *world) auditGrown(good registry.Good, logged int) (registry.AuditResult, bool) {
	w.Helper()
	g := registry.NewGrowth(good)
	for _, f := range w.log[logged:] {
		w.must(g.Add(f))
	}
	res, ok, err := w.reg.AuditGrown(context.Background(), w.mem, g, registry.AuditOptions{})
	w.must(err)
	return res, ok
}

// remember writes a good audit to the rows.
func (w *world) remember(g registry.Good) {
	w.Helper()
	for _, do := range w.reg.Remember(g) {
		w.must(do(w.mem))
	}
}

// sameGood compares what two audits leave to the next.
func sameGood(x, y *registry.Good) bool {
	if x == nil || y == nil {
		return x == y
	}
	xs, xn := x.Paid.Sums()
	ys, yn := y.Paid.Sums()
	return reflect.DeepEqual(xs, ys) && xn == yn && x.Payments == y.Payments && x.Decisions == y.Decisions && x.Keys == y.Keys
}

// TestAuditCarriesOn from one that found nothing, again and again: it says and leaves
// behind what a full one does. Payments that were open go on, others begin, nodes and
// devices come and go.
func TestAuditCarriesOn(t *testing.T) {
	t.Parallel()
	c, _ := manyPayments(t, 5)
	good, logged := *c.audit().Good, len(c.log)
	open := c.charge(c.shop, c.beacon, 30)
	for name, step := range []func(){
		func() {},
		func() { c.answer(c.payer, open, pay.Approve, pay.ByHand) },
		func() { open = c.charge(c.shop, c.beacon, 40) },
		func() { c.answer(c.payer, open, pay.Decline, pay.ByHand) },
		func() { c.cancel(c.shop, c.charge(c.shop, c.beacon, 50)) },
		func() { c.cancel(c.shop, open) }, // is refused
		func() { c.topUp(c.payer, 500) },
		func() { c.pair(newDevice("bob", 6), c.other) },
		func() { c.charge(c.box("Bar", "counter"), c.beacon, 60) },
		func() { c.chargeAs(c.shop, open, nil) },
		func() { open = c.charge(c.shop, c.beacon, 70) },
		func() { c.now = c.now.Add(120_000); c.fireDue() },
	} {
		c.now = c.now.Add(1)
		step()
		full := c.audit()
		res, ok := c.auditGrown(good, logged)
		if !full.OK || !ok || res.Payments != full.Payments || !sameGood(res.Good, full.Good) {
			t.Fatalf("step %d: ok=%v %+v, a full audit says %+v", name, ok, res, full)
		}
		good, logged = *res.Good, len(c.log)
	}
}

// TestAuditReadsNoOlderPayment: a row of before that was changed is found by a full
// audit alone; one that is gone, and money that moved, by both.
func TestAuditReadsNoOlderPayment(t *testing.T) {
	t.Parallel()
	c, requests := manyPayments(t, 3)
	good, logged := *c.audit().Good, len(c.log)
	c.charge(c.shop, c.beacon, 30)
	id := requests[1].ID()
	key := "p/" + string(id[:])
	sound := c.mem.clone()
	for name, tc := range map[string]struct {
		bend  func()
		found bool
	}{
		"bent":          {func() { c.replace(key, "captured", "declined") }, false},
		"gone":          {func() { c.mem.rows.Delete(key) }, true},
		"decision gone": {func() { _, last := c.last(c.shop.status.Scope, requests[1]); delete(c.mem.facts, last) }, true},
		"money":         {func() { c.credit(c.payer.status.Scope, 7) }, true},
	} {
		tc.bend()
		if _, ok := c.auditGrown(good, logged); ok == tc.found {
			t.Errorf("%s: an audit that carries on says ok=%v", name, ok)
		}
		if c.audit().OK {
			t.Errorf("%s: a full audit finds nothing", name)
		}
		c.mem = sound.clone()
	}
}

// TestAuditMemory is read as it was written, and not where it is not whole.
func TestAuditMemory(t *testing.T) {
	t.Parallel()
	c, _ := manyPayments(t, 3)
	if _, ok, err := c.reg.LastGood(c.mem); ok || err != nil {
		t.Fatalf("before the first audit: %v, %v", ok, err)
	}
	good := *c.audit().Good
	good.At, good.Mark = c.now, []byte("mark")
	var many book.Tally
	for i := range 5_000 { // accounts of several rows
		owner := pay.Scope("w/" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + string(rune('0'+i/26%10)) + string(rune('A'+i/260)))
		many.Pay(book.Payment{From: owner, To: "m/cafe", Currency: "EUR"}, pay.Sums{Captured: pay.Amount(i + 1), Held: pay.Amount(i % 3)})
	}
	good.Paid = many
	commands := c.reg.Remember(good)
	if len(commands) < 4 {
		t.Fatalf("%d commands", len(commands))
	}
	for i, do := range commands {
		if _, ok, err := c.reg.LastGood(c.mem); ok || err != nil {
			t.Errorf("after %d commands: %v, %v", i, ok, err)
		}
		c.must(do(c.mem))
	}
	got, ok, err := c.reg.LastGood(c.mem)
	if !ok || err != nil || !sameGood(&got, &good) || got.At != good.At || string(got.Mark) != "mark" {
		t.Errorf("read %+v, %v, %v", got, ok, err)
	}
	whole := c.mem.clone()
	for key := range c.mem.dump("au/") {
		for name, bend := range map[string]func(){
			"gone":  func() { c.mem.rows.Delete(key) },
			"bent":  func() { c.mem.rows.Set(key, []byte(c.mem.dump(key)[key]+"\x00")) },
			"other": func() { c.mem.rows.Set(key, pay.Encode([]book.Sum{{Owner: "w/eve", Currency: "EUR"}})) },
		} {
			if bend(); maps.Equal(c.mem.dump("au/"), whole.dump("au/")) {
				t.Fatalf("%q is not %s", key, name)
			}
			if _, ok, err := c.reg.LastGood(c.mem); ok || err != nil {
				t.Errorf("%q is %s: %v, %v", key, name, ok, err)
			}
			c.mem = whole.clone()
		}
	}
	c.must(c.reg.Forget(c.mem))
	if _, ok, _ := c.reg.LastGood(c.mem); ok {
		t.Error("what was forgotten is remembered")
	}
	c.auditOK()
}

// TestGrowthIsBounded: who has much that is new is told to read everything.
func TestGrowthIsBounded(t *testing.T) {
	t.Parallel()
	g := registry.NewGrowth(registry.Good{})
	key := keyOf("working")
	for i := range 1<<16 + 1 {
		f, err := pay.Sign(key, pay.Refusal{Claim: pay.FactID{1}, Reason: pay.ReasonWrongRole, At: pay.Time(i)})
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Add(f); (err != nil) != (i == 1<<16) || err != nil && !errors.Is(err, registry.ErrGrownTooMuch) {
			t.Fatalf("fact %d: %v", i, err)
		}
	}
}
