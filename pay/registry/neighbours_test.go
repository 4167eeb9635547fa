package registry_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func placeOf(n node) pay.Place {
	return pay.Place{Merchant: n.status.Scope, MerchantName: n.status.MerchantName, Site: n.status.Site}
}

// declare makes the sites of two boxes neighbours, or ends that.
func (c *counter) declare(a, b node, end bool) pay.Neighbours {
	c.Helper()
	said, r, err := c.reg.DeclareNeighbours(c.mem, c.now, placeOf(a), placeOf(b), end)
	c.must(err)
	c.publish(r)
	return said
}

// earshots returns what a merchant was told of places that hear its customers.
func (w *world) earshots(scope pay.Scope) (list []pay.Earshot) {
	for _, f := range w.feeds[scope] {
		if e, err := pay.As[pay.Earshot](f); err == nil {
			list = append(list, e)
		}
	}
	return list
}

// TestDeclaredNeighbours: what a declared neighbour hears is no sign of a
// wormhole. A rule alone pays at one of the two places within a step; at the other
// a person answers, without the device. At a third place all is as before.
func TestDeclaredNeighbours(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar, kiosk := c.box("Bar", "counter"), c.box("Kiosk", "door")
	c.declare(c.shop, bar, false)
	for range 3 {
		for _, order := range [][2]node{{c.shop, bar}, {bar, c.shop}} {
			first, second := c.charge(order[0], c.beacon, 10), c.charge(order[1], c.beacon, 10)
			if a, b := c.demandOn(order[0], first), c.demandOn(order[1], second); a != "" || b != "" {
				t.Fatalf("stepped up: %q, %q", a, b)
			}
			if got := c.answer(c.payer, first, pay.Approve, "all"); got != "" || c.says(order[0], first) != "captured" {
				t.Errorf("the first by a rule: %q, %s", got, c.says(order[0], first))
			}
			if got := c.answer(c.payer, second, pay.Approve, "all"); got != pay.ReasonNeedsPerson || c.says(order[1], second) != "offered" {
				t.Errorf("the second by a rule: %q, %s", got, c.says(order[1], second))
			}
			if got := c.answer(c.payer, second, pay.Approve, pay.ByHand); got != "" || c.says(order[1], second) != "captured" {
				t.Errorf("the second by hand: %q, %s", got, c.says(order[1], second))
			}
			more := c.charge(order[0], c.beacon, 10)
			if got := c.answer(c.payer, more, pay.Approve, "all"); got != "" {
				t.Errorf("a second coffee at the first: %q", got)
			}
			c.now = c.now.Add(150_000)
		}
	}
	if n := len(c.earshots(c.shop.status.Scope)); n != 0 {
		t.Errorf("neighbours are told %d times that they hear one another", n)
	}
	// With the device a rule may answer at the second place too.
	first := c.charge(c.shop, c.beacon, 10)
	c.answer(c.payer, first, pay.Approve, "all")
	r := c.requestFrom(bar, c.beacon.code(c.now), 10)
	r.TwoChannel = true
	f := c.sign(bar.key, r)
	c.push(0, f)
	a := c.reply(c.payer, f, pay.Approve, "all")
	a.Code = c.codeFor(c.beacon, c.payer, f)
	if got := c.push(0, c.sign(c.payer.key, a)); got != "" || c.says(bar, f) != "captured" {
		t.Errorf("with the device: %q, %s", got, c.says(bar, f))
	}
	// A third place is none of them.
	if got := c.demandOn(kiosk, c.charge(kiosk, c.beacon, 10)); got != pay.StepUpElsewhere {
		t.Errorf("at a third place: %q", got)
	}
	if got := c.demandOn(bar, c.charge(bar, c.beacon, 10)); got != pay.StepUpElsewhere {
		t.Errorf("back at a neighbour: %q", got)
	}
	c.now = c.now.Add(150_000)
	c.declare(c.shop, bar, true)
	c.charge(c.shop, c.beacon, 10)
	if got := c.demandOn(bar, c.charge(bar, c.beacon, 10)); got != pay.StepUpElsewhere {
		t.Errorf("neighbours no more: %q", got)
	}
	c.auditOK()
}

// TestNeighboursOfOneAreNotNeighbours: two places that are neighbours of a third
// are not for that neighbours of one another.
func TestNeighboursOfOneAreNotNeighbours(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar, kiosk := c.box("Bar", "counter"), c.box("Kiosk", "door")
	c.declare(c.shop, bar, false)
	c.declare(c.shop, kiosk, false)
	c.charge(c.shop, c.beacon, 10)
	if got := c.demandOn(bar, c.charge(bar, c.beacon, 10)); got != "" {
		t.Errorf("at the first neighbour: %q", got)
	}
	if got := c.demandOn(kiosk, c.charge(kiosk, c.beacon, 10)); got != pay.StepUpElsewhere {
		t.Errorf("at the second neighbour: %q", got)
	}
	c.auditOK()
}

// TestDeclaringNeighbours: a statement to both merchants and nobody else, once for
// each change.
func TestDeclaringNeighbours(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar, kiosk := c.box("Bar", "counter"), c.box("Kiosk", "door")
	told := func() (n []int) {
		for _, s := range []pay.Scope{c.shop.status.Scope, bar.status.Scope, kiosk.status.Scope, c.payer.status.Scope, pay.ScopeRegistry} {
			n = append(n, 0)
			for _, f := range c.feeds[s] {
				if f.Kind() == pay.KindNeighbours {
					n[len(n)-1]++
				}
			}
		}
		return n
	}
	list := func() int {
		got, err := c.reg.Neighbours(c.mem)
		c.must(err)
		return len(got)
	}
	for i, step := range []struct {
		swap, end bool
		facts     int
		declared  int
	}{{false, true, 0, 0}, {false, false, 1, 1}, {true, false, 1, 1}, {true, true, 2, 0}, {false, true, 2, 0}, {false, false, 3, 1}} {
		a, b := c.shop, bar
		if step.swap {
			a, b = b, a
		}
		c.declare(a, b, step.end) // all of them at one moment
		if got := told(); !slices.Equal(got, []int{step.facts, step.facts, 0, 0, step.facts}) || list() != step.declared {
			t.Errorf("step %d: told %v, %d declared", i, got, list())
		}
		c.auditOK()
	}
	if _, _, err := c.reg.DeclareNeighbours(c.mem, c.now, placeOf(bar), placeOf(bar), false); pay.CodeOf(err) != pay.CodeUsage {
		t.Errorf("a place beside itself: %v", err)
	}
	for selector, want := range map[string]pay.ErrorCode{"counter": "", "Bar": "", "Bar/counter": "", "Cafe/till-1": "", "nowhere": pay.CodeNotFound, "": pay.CodeNotFound} {
		if _, err := c.reg.FindPlace(c.mem, selector, false); pay.CodeOf(err) != want {
			t.Errorf("%q: %v", selector, err)
		}
	}
	c.box("Cafe", "counter")
	for selector, want := range map[string]pay.ErrorCode{"counter": pay.CodeConflict, "Cafe": pay.CodeConflict, "Cafe/counter": ""} {
		if _, err := c.reg.FindPlace(c.mem, selector, false); pay.CodeOf(err) != want {
			t.Errorf("%q: %v", selector, err)
		}
	}
	key := c.rowOf("g/")
	row, _ := c.mem.rows.Get(key)
	c.mem.rows.Delete(key)
	if res := c.audit(); res.OK || !strings.Contains(strings.Join(res.Findings, " "), "have no row") {
		t.Errorf("audit without the row: %+v", res)
	}
	c.mem.rows.Set(key, row)
	c.declare(c.shop, bar, true)
	c.mem.rows.Set(key, row)
	if res := c.audit(); res.OK || !strings.Contains(strings.Join(res.Findings, " "), "their row is not") {
		t.Errorf("audit with an old row: %+v", res)
	}
}

// TestEarshotIsTold: each of two merchants is told once a day that another place
// hears its customers, and not where; the operator has both, and how many codes.
func TestEarshotIsTold(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar := c.box("Bar", "counter")
	const steps, day = 3, 24 * 3_600_000
	for range steps {
		for range 4 {
			c.charge(c.shop, c.beacon, 1)
			c.charge(bar, c.beacon, 1)
		}
		c.now = c.now.Add(150_000)
	}
	for _, at := range []node{c.shop, bar} {
		if got := c.earshots(at.status.Scope); len(got) != 1 || got[0].Site != at.status.Site || got[0].Codes != 1 {
			t.Errorf("%s is told %+v", at.status.MerchantName, got)
		}
	}
	pairs, err := c.reg.Earshot(c.mem, c.now)
	if err != nil || len(pairs) != 1 || pairs[0].Codes != steps || pairs[0].A.MerchantName == pairs[0].B.MerchantName {
		t.Errorf("the operator has %+v, %v", pairs, err)
	}
	c.now = c.now.Add(day)
	c.charge(c.shop, c.beacon, 1)
	c.charge(bar, c.beacon, 1)
	if got := c.earshots(bar.status.Scope); len(got) != 2 || got[1].Codes != steps+1 {
		t.Errorf("a day later the bar is told %+v", got)
	}
	if n := len(c.earshots(c.payer.status.Scope)); n != 0 {
		t.Errorf("the wallet is told %d times", n)
	}
	c.declare(c.shop, bar, false)
	if pairs, _ := c.reg.Earshot(c.mem, c.now); len(pairs) != 0 {
		t.Errorf("declared, the operator still has %+v", pairs)
	}
	c.declare(c.shop, bar, true)
	if pairs, _ := c.reg.Earshot(c.mem, c.now.Add(9*day)); len(pairs) != 0 {
		t.Errorf("long after, the operator still has %+v", pairs)
	}
	c.auditOK()
}

// TestEarshotAfterAClockAhead: merchants that were told by a clock that was ahead are
// told again once that was put right, and not when its date comes.
func TestEarshotAfterAClockAhead(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar := c.box("Bar", "counter")
	began := c.now.Add(300 * 24 * hours)
	right := c.now.Add(1000)
	c.now = began
	c.beacon.since = began // the tag is taken anew by that clock
	c.beacon.counter++
	c.pair(c.beacon, c.payer)
	hear := func() {
		c.charge(c.shop, c.beacon, 1)
		c.charge(bar, c.beacon, 1)
	}
	hear()
	c.accept(right, began)
	c.now = c.now.Add(2 * 24 * hours)
	c.beacon.counter += 100_000
	c.beacon.since = c.now
	c.pair(c.beacon, c.payer)
	hear()
	if n := len(c.earshots(c.shop.status.Scope)); n != 2 {
		t.Errorf("the shop was told %d times, want twice", n)
	}
}
