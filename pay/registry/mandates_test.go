package registry_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

const (
	minute = pay.Millis(60_000)
	aDay   = 24 * 60 * minute
)

// mandate has a wallet ask for a mandate, for 30 days and in EUR unless m says otherwise.
func (w *world) mandate(of node, m pay.Mandate) (id pay.FactID, refused pay.Reason) {
	w.Helper()
	w.serial++
	m.Created = w.now.Add(pay.Millis(w.serial % 1000)) // so that no two are one fact
	if m.Currency == "" {
		m.Currency = "EUR"
	}
	if m.Until == 0 {
		m.Until = m.Created.Add(30 * aDay)
	}
	f := w.sign(of.key, m)
	return f.ID(), w.push(0, f)
}

func (w *world) mustMandate(of node, m pay.Mandate) pay.FactID {
	w.Helper()
	id, refused := w.mandate(of, m)
	if refused != "" {
		w.Fatalf("the mandate is refused: %s", refused)
	}
	return id
}

func (w *world) endMandate(of node, id pay.FactID) pay.Reason {
	w.Helper()
	w.serial++
	return w.push(0, w.sign(of.key, pay.MandateEnd{Mandate: id, Created: pay.Time(w.serial)}))
}

// said returns the registry's statements on a mandate in a feed.
func (w *world) said(scope pay.Scope, id pay.FactID) (list []pay.MandateStatus) {
	for _, f := range w.feeds[scope] {
		if s, err := pay.As[pay.MandateStatus](f); err == nil && s.Mandate == id {
			list = append(list, s)
		}
	}
	return list
}

// openBy pushes a request that change has altered, of either kind.
func (w *world) openBy(from node, d *device, amount pay.Amount, hold pay.Millis, change func(*pay.Request)) pay.Fact {
	w.Helper()
	r := w.requestFrom(from, d.code(w.now), amount)
	if change != nil {
		change(&r)
	}
	f := w.sign(from.key, pay.Opening{Request: r, Hold: hold}.Body())
	w.push(0, f)
	return f
}

func (w *world) act(from node, request pay.Fact, kind pay.Kind, amount pay.Amount, final bool) pay.Reason {
	w.Helper()
	w.serial++
	a := pay.Action{Payment: pay.PaymentID(request.ID()), Key: pay.IdempotencyKey(fmt.Sprint("act-", w.serial)), Amount: amount, Final: final, Created: w.now}
	var b pay.Body = pay.Capture{Action: a}
	switch kind {
	case pay.KindVoid:
		b = pay.Void{Action: a}
	case pay.KindRefund:
		b = pay.Refund{Action: a}
	}
	return w.push(0, w.sign(from.key, b))
}

// TestMandatePays: what a mandate covers is paid at once, without an offer; both parties
// see by which mandate, and the merchant learns nothing of the wallet by that.
func TestMandatePays(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	id := c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Budget: 600}})
	f := c.charge(c.shop, c.beacon, 500)
	for _, scope := range []pay.Scope{c.shop.status.Scope, c.payer.status.Scope} {
		d, _ := c.last(scope, f)
		if d.State != pay.StateCaptured || d.By != id.By() || d.Claim != id || d.Mandate != id || d.Seq != 2 || d.Method() != pay.MethodMandate || d.SumsAfter().Captured != 500 {
			t.Errorf("%s sees %+v", scope, d)
		}
		said := c.said(scope, id)
		if len(said) != 1 || said[0].Ended || said[0].Merchant != c.shop.status.Scope || said[0].Budget != 600 {
			t.Errorf("%s is told %+v", scope, said)
		}
	}
	for _, fact := range c.feeds[c.shop.status.Scope] {
		owner := c.payer.key.ID()
		if bytes.Contains(fact.Raw(), owner[:]) || bytes.Contains(fact.Raw(), []byte(c.payer.status.Scope)) {
			t.Errorf("a %s tells the merchant who the payer is", fact.Kind())
		}
	}
	if refused := c.act(c.shop, f, pay.KindRefund, 500, false); refused != "" || c.says(c.shop, f) != "refunded" {
		t.Errorf("refunded: %q, %s", refused, c.says(c.shop, f))
	}
	c.now = c.now.Add(2 * minute)
	if f := c.charge(c.shop, c.beacon, 101); c.says(c.shop, f) != "offered" {
		t.Errorf("a refund is no new budget: %s", c.says(c.shop, f))
	}
	if f := c.charge(c.shop, c.beacon, 100); c.says(c.shop, f) != "captured" {
		t.Errorf("what is left: %s", c.says(c.shop, f))
	}
	c.auditOK()
}

// TestMandateDoesNotCover: whatever is not as the mandate says, or asks for a person or
// the device, is offered as if there were none.
func TestMandateDoesNotCover(t *testing.T) {
	t.Parallel()
	cafe := pay.MandateTerms{Payee: "Cafe", Each: 500, Budget: 100_000}
	with := func(change func(*pay.MandateTerms)) pay.Mandate {
		m := pay.Mandate{MandateTerms: cafe}
		change(&m.MandateTerms)
		return m
	}
	plain := pay.Mandate{MandateTerms: cafe}
	for name, tc := range map[string]struct {
		mandate pay.Mandate
		do      func(c *counter, id pay.FactID) pay.Fact
		want    string
	}{
		"as agreed":     {plain, func(c *counter, _ pay.FactID) pay.Fact { return c.charge(c.shop, c.beacon, 500) }, "captured"},
		"one cent more": {plain, func(c *counter, _ pay.FactID) pay.Fact { return c.charge(c.shop, c.beacon, 501) }, "offered"},
		"less than the least": {with(func(m *pay.MandateTerms) { m.EachMin = 100 }), func(c *counter, _ pay.FactID) pay.Fact {
			return c.charge(c.shop, c.beacon, 99)
		}, "offered"},
		"at another merchant": {plain, func(c *counter, _ pay.FactID) pay.Fact { return c.charge(c.box("Bar", "one"), c.beacon, 10) }, "offered"},
		"for a class":         {with(func(m *pay.MandateTerms) { m.Payee, m.Class = "", pay.ClassFuel }), func(c *counter, _ pay.FactID) pay.Fact { return c.charge(c.shop, c.beacon, 10) }, "offered"},
		"by another device": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			watch := newDevice("watch", 6)
			c.pair(watch, c.payer)
			c.endMandate(c.payer, c.mustMandate(c.payer, plain))
			return c.charge(c.shop, watch, 10)
		}, "captured"}, // the mandate names none
		"after its end": {plain, func(c *counter, id pay.FactID) pay.Fact {
			if refused := c.endMandate(c.payer, id); refused != "" {
				c.Fatalf("the end is refused: %s", refused)
			}
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"after its time": {pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Budget: 600, Until: start + 3_600_000}}, func(c *counter, _ pay.FactID) pay.Fact {
			c.now = start + 3_600_000
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"just before it": {pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Budget: 600, Until: start + 3_600_000}}, func(c *counter, _ pay.FactID) pay.Fact {
			c.now = start + 3_599_999
			return c.charge(c.shop, c.beacon, 10)
		}, "captured"},
		"more payments than agreed": {with(func(m *pay.MandateTerms) { m.Count = 1 }), func(c *counter, _ pay.FactID) pay.Fact {
			c.charge(c.shop, c.beacon, 10)
			c.now = c.now.Add(2 * minute)
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"twice within one step": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			c.charge(c.shop, c.beacon, 10)
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"in the next step": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			c.charge(c.shop, c.beacon, 10)
			c.now = c.now.Add(2 * minute)
			return c.charge(c.shop, c.beacon, 10)
		}, "captured"},
		"heard at another site": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			c.charge(c.box("Bar", "one"), c.beacon, 10)
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"heard at a neighbour": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			bar := c.box("Bar", "one")
			c.declare(c.shop, bar, false)
			c.charge(bar, c.beacon, 10)
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"only near": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			return c.openBy(c.shop, c.beacon, 10, 0, func(r *pay.Request) { r.Certain = false })
		}, "offered"},
		"without evidence": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			return c.openBy(c.shop, c.beacon, 10, 0, func(r *pay.Request) { r.Evidence, r.Certain = "", false })
		}, "offered"},
		"with two channels": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			return c.openBy(c.shop, c.beacon, 10, 0, func(r *pay.Request) { r.TwoChannel = true })
		}, "offered"},
		"above the payer's limit": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			c.limit(9, pay.FactID{}, nil)
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"of a device that pays otherwise": {pay.Mandate{MandateTerms: cafe, Means: "fun"}, func(c *counter, _ pay.FactID) pay.Fact {
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
		"without the money": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			c.payOut(c.payer, 9_995)
			return c.charge(c.shop, c.beacon, 10)
		}, "failed insufficient_funds"},
		"of a wallet that is revoked": {plain, func(c *counter, _ pay.FactID) pay.Fact {
			_, r, err := c.reg.RevokeNode(c.mem, c.now, c.payer.key.ID())
			c.must(err)
			c.publish(r)
			return c.charge(c.shop, c.beacon, 10)
		}, "unmatched node_revoked"},
		"of a wallet that was replaced": {plain, func(c *counter, id pay.FactID) pay.Fact {
			c.payer = c.inPlaceOf(c.payer, "new phone")
			if said := c.said(c.payer.status.Scope, id); len(said) != 2 || !said[1].Ended || said[1].Reason != pay.ReasonNodeReplaced {
				c.Fatalf("the new wallet is told %+v", said)
			}
			return c.charge(c.shop, c.beacon, 10)
		}, "offered"},
	} {
		c := newCounter(t)
		c.setMeans(c.payer, pay.Means{Name: "fun"})
		f := tc.do(c, c.mustMandate(c.payer, tc.mandate))
		req, err := pay.OpeningOf(f)
		c.must(err)
		if got := c.says(node{status: pay.NodeStatus{Scope: req.Merchant}}, f); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
		if res := c.audit(); !res.OK {
			t.Errorf("%s: %q", name, res.Findings)
		}
	}
}

// A mandate for one device pays by no other, and is refused for one of somebody else's.
func TestMandateOfOneDevice(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	watch := newDevice("watch", 6)
	c.pair(watch, c.payer)
	c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Count: 9}, Device: watch.key.ID()})
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 10)); got != "offered" {
		t.Errorf("another device: %s", got)
	}
	if got := c.says(c.shop, c.charge(c.shop, watch, 10)); got != "captured" {
		t.Errorf("that device: %s", got)
	}
	c.auditOK()
}

func TestMandateRefused(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	strange := newDevice("strange", 6)
	c.pair(strange, c.other)
	good := pay.MandateTerms{Payee: "Cafe", Each: 500, Count: 9}
	for name, tc := range map[string]struct {
		change func(*pay.Mandate)
		want   pay.Reason
	}{
		"unknown merchant":   {func(m *pay.Mandate) { m.Payee = "Cafè" }, pay.ReasonUnknownMerchant},
		"another currency":   {func(m *pay.Mandate) { m.Currency = "USD" }, pay.ReasonWrongCurrency},
		"another's device":   {func(m *pay.Mandate) { m.Device = strange.key.ID() }, pay.ReasonUnknownDevice},
		"no device":          {func(m *pay.Mandate) { m.Device[0] = 1 }, pay.ReasonUnknownDevice},
		"no means":           {func(m *pay.Mandate) { m.Means = "visa" }, pay.ReasonUnknownMeans},
		"over as it arrives": {func(m *pay.Mandate) { m.Until = c.now + 1_000 }, pay.ReasonMandateOver},
	} {
		m := pay.Mandate{MandateTerms: good}
		tc.change(&m)
		if name == "over as it arrives" {
			m.Created = c.now
			f := c.sign(c.payer.key, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Count: 9, Currency: "EUR", Until: c.now}, Created: c.now - 1})
			if got := c.push(0, f); got != tc.want {
				t.Errorf("%s: %q", name, got)
			}
			continue
		}
		if _, got := c.mandate(c.payer, m); got != tc.want {
			t.Errorf("%s: refused with %q, want %q", name, got, tc.want)
		}
	}
	if got := c.push(0, c.sign(c.shop.key, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 5, Count: 9, Currency: "EUR", Until: c.now + 1}, Created: c.now})); got != pay.ReasonWrongRole {
		t.Errorf("by a box: %q", got)
	}
	id := c.mustMandate(c.payer, pay.Mandate{MandateTerms: good})
	if got := c.endMandate(c.other, id); got != pay.ReasonUnknownMandate {
		t.Errorf("ended by another wallet: %q", got)
	}
	if got := c.endMandate(c.payer, pay.FactID{1}); got != pay.ReasonUnknownMandate {
		t.Errorf("ended what is none: %q", got)
	}
	for range pay.MandatesMax - 1 {
		c.mustMandate(c.payer, pay.Mandate{MandateTerms: good})
	}
	if _, got := c.mandate(c.payer, pay.Mandate{MandateTerms: good}); got != pay.ReasonTooManyMandates {
		t.Errorf("one too many: %q", got)
	}
	if got := c.endMandate(c.payer, id); got != "" {
		t.Errorf("the end: %q", got)
	}
	c.mustMandate(c.payer, pay.Mandate{MandateTerms: good})
	c.auditOK()
}

// What a hold gives back is free again, for the budget and, on its day, for that day.
func TestHoldByMandateGivesBack(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	id := c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Day: 500, Budget: 900}})
	fuel := c.openBy(c.shop, c.beacon, 500, 3_600_000, nil)
	if d, _ := c.last(c.payer.status.Scope, fuel); d.State != pay.StateHeld || d.By != id.By() {
		t.Fatalf("held: %+v", d)
	}
	next := func(amount pay.Amount, want string) {
		t.Helper()
		c.now = c.now.Add(2 * minute)
		f := c.charge(c.shop, c.beacon, amount)
		if got := c.says(c.shop, f); got != want {
			t.Errorf("%d: %s, want %s", amount, got, want)
		}
		if want == "offered" {
			c.cancel(c.shop, f)
		}
	}
	next(1, "offered")
	if refused := c.act(c.shop, fuel, pay.KindCapture, 120, true); refused != "" {
		t.Fatal(refused)
	}
	if d, _ := c.last(c.shop.status.Scope, fuel); d.By != id.By() || d.SumsAfter() != (pay.Sums{Captured: 120, Released: 380}) {
		t.Errorf("captured: %+v", d)
	}
	next(381, "offered")
	next(380, "captured")
	c.now = c.now.Add(aDay)
	next(401, "offered")
	next(400, "captured")
	next(1, "offered")
	c.auditOK()
}

// A day of a mandate is one of the zone that its owner signed.
func TestDayOfMandate(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Day: 500, Zone: 9 * 60}})
	midnight := pay.Time((int64(start)/int64(aDay)+1)*int64(aDay)) - pay.Time(9*60*minute)
	for midnight <= start.Add(minute) {
		midnight = midnight.Add(aDay)
	}
	c.now = midnight - 1 - pay.Time(2*minute)
	for _, tc := range []struct {
		at   pay.Time
		want string
	}{{midnight - 1 - pay.Time(2*minute), "captured"}, {midnight - 1, "offered"}, {midnight + pay.Time(minute), "captured"}} {
		c.now = tc.at
		if got := c.says(c.shop, c.charge(c.shop, c.beacon, 300)); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.at, got, tc.want)
		}
	}
	c.auditOK()
}

// TestAuditRecomputesMandates bends what payments by mandates left behind.
func TestAuditRecomputesMandates(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bend func(c *counter, id pay.FactID, request pay.Fact)
		want string
	}{
		"nothing":       {func(*counter, pay.FactID, pay.Fact) {}, ""},
		"row gone":      {func(c *counter, id pay.FactID, _ pay.Fact) { c.mem.rows.Delete("ma/" + string(id[:])) }, "mandates are kept"},
		"row cut short": {func(c *counter, id pay.FactID, _ pay.Fact) { c.mem.rows.Set("ma/"+string(id[:]), []byte{0x81}) }, "its row cannot be read"},
		"less was used": {func(c *counter, id pay.FactID, _ pay.Fact) {
			c.replace("ma/"+string(id[:]), "\x01\x19\x01\xf4", "\x01\x19\x01\xf3")
		}, "the payments say 500"},
		"payment dropped": {func(c *counter, _ pay.FactID, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("mp/")) }, "its mandate counts it otherwise"},
		"day moved": {func(c *counter, _ pay.FactID, _ pay.Fact) {
			v, _ := c.mem.rows.Get(c.rowOf("mp/"))
			v[7]++
		}, "its mandate counts it otherwise"},
		"mandate gone": {func(c *counter, id pay.FactID, _ pay.Fact) { delete(c.mem.facts, id) }, "by a mandate that nobody signed"},
		"of another wallet": {func(c *counter, id pay.FactID, f pay.Fact) {
			m, _ := pay.As[pay.Mandate](c.mem.facts[id])
			c.byForged(f, c.sign(c.other.key, m))
		}, "by a mandate that the payer's wallet did not sign"},
		"a mandate for less": {func(c *counter, id pay.FactID, f pay.Fact) {
			m, _ := pay.As[pay.Mandate](c.mem.facts[id])
			m.Each, m.EachMin = 499, 0
			c.byForged(f, c.sign(c.payer.key, m))
		}, "by a mandate that does not cover it"},
		"for another device": {func(c *counter, id pay.FactID, f pay.Fact) {
			m, _ := pay.As[pay.Mandate](c.mem.facts[id])
			m.Device = pay.DeviceID{1}
			c.byForged(f, c.sign(c.payer.key, m))
		}, "by a mandate that does not cover it"},
		"one that never stood": {func(c *counter, id pay.FactID, f pay.Fact) {
			m, _ := pay.As[pay.Mandate](c.mem.facts[id])
			m.Created++
			c.byForged(f, c.sign(c.payer.key, m))
		}, "did not cover it|by a mandate that"},
		"kept though it ended": {func(c *counter, id pay.FactID, _ pay.Fact) {
			c.endMandate(c.payer, id)
			c.mem.rows.Set("mw/"+string(c.payer.status.Scope), pay.Encode([]pay.FactID{id}))
		}, "kept among those that stand"},
	} {
		c := newCounter(t)
		id := c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Budget: 900}})
		f := c.charge(c.shop, c.beacon, 500)
		tc.bend(c, id, f)
		res := c.audit()
		all := strings.Join(res.Findings, "\n")
		hit := slices.ContainsFunc(strings.Split(tc.want, "|"), func(w string) bool { return strings.Contains(all, w) })
		if res.OK != (tc.want == "") || !hit {
			t.Errorf("%s: found %q", name, all)
		}
	}
}

// byForged makes the decisions on a payment name another mandate, as only somebody with
// the registry's key could.
func (c *counter) byForged(request, mandate pay.Fact) {
	c.Helper()
	c.mem.facts[mandate.ID()] = mandate
	prev := request.ID()
	var last pay.Decision
	for _, f := range slices.Clone(c.feeds[c.shop.status.Scope]) {
		d, err := pay.As[pay.Decision](f)
		if err != nil || d.Payment != pay.PaymentID(request.ID()) {
			continue
		}
		delete(c.mem.facts, f.ID())
		old := d.Mandate
		d.Mandate, d.Prev = mandate.ID(), prev
		if d.Claim == old {
			d.Claim, d.By = mandate.ID(), mandate.ID().By()
		}
		prev, last = c.signAsRegistry(d).ID(), d
	}
	id := request.ID()
	key := "p/" + string(id[:])
	before, _ := c.last(c.shop.status.Scope, request)
	_, oldLast := c.last(c.shop.status.Scope, request)
	c.replace(key, string(oldLast[:]), string(prev[:]))
	c.replace(key, string(pay.Encode(before)), string(pay.Encode(last)))
}

// mandateModel is two payers under mandates, as their owners count.
type mandateModel struct {
	*world
	boxes    []node
	payers   []node
	devices  []*device
	mandates []*agreed
	payments []pay.Fact
	steps    map[string]*heardInStep
}

// heardInStep is where the code of a step was heard, and whether a mandate paid.
type heardInStep struct {
	at   map[pay.Scope]bool
	paid bool
}

type agreed struct {
	id     pay.FactID
	payer  int
	ended  bool
	m      pay.MandateTerms
	device *device
}

// used recomputes what was used of a mandate, from the payer's feed alone.
func (m *mandateModel) used(a *agreed) (spent pay.Amount, count uint32, days map[int64]pay.Amount) {
	days = map[int64]pay.Amount{}
	began, last := map[pay.PaymentID]pay.Time{}, map[pay.PaymentID]pay.Decision{}
	for _, f := range m.feeds[m.payers[a.payer].status.Scope] {
		d, err := pay.As[pay.Decision](f)
		if err != nil || d.Mandate != a.id {
			continue
		}
		if d.SumsAfter().Authorised() > 0 && began[d.Payment] == 0 {
			began[d.Payment] = d.At
			count++
		}
		last[d.Payment] = d
	}
	for id, d := range last {
		sums := d.SumsAfter()
		spent += sums.Held + sums.Captured
		if at := began[id]; at != 0 {
			days[(int64(at)+int64(a.m.Zone)*60_000)/int64(aDay)] += sums.Held + sums.Captured
		}
	}
	return spent, count, days
}

func (m *mandateModel) add(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "payer")
	a := &agreed{payer: i, m: pay.MandateTerms{
		Payee: rapid.SampledFrom([]pay.Name{"Cafe", "Bar"}).Draw(t, "payee"), Each: pay.Amount(rapid.IntRange(1, 100).Draw(t, "each")), Currency: "EUR",
		Until: m.now.Add(pay.Millis(rapid.IntRange(1, 5).Draw(t, "days")) * aDay), Zone: int16(rapid.IntRange(-600, 600).Draw(t, "zone")),
	}}
	switch rapid.IntRange(0, 2).Draw(t, "bound") {
	case 0:
		a.m.Day = a.m.Each + pay.Amount(rapid.IntRange(0, 100).Draw(t, "more a day"))
	case 1:
		a.m.Budget = a.m.Each + pay.Amount(rapid.IntRange(0, 300).Draw(t, "more"))
	default:
		a.m.Count = uint32(rapid.IntRange(1, 4).Draw(t, "count"))
	}
	full := pay.Mandate{MandateTerms: a.m}
	if rapid.Bool().Draw(t, "one device") {
		a.device = m.devices[i]
		full.Device = a.device.key.ID()
	}
	a.id = m.mustMandate(m.payers[i], full)
	m.mandates = append(m.mandates, a)
}

// room reports whether a mandate covers a payment, by the owner's count.
func (m *mandateModel) room(a *agreed, payer int, box node, amount pay.Amount) bool {
	spent, count, days := m.used(a)
	day := (int64(m.now) + int64(a.m.Zone)*60_000) / int64(aDay)
	return !a.ended && a.payer == payer && a.m.Payee == box.status.MerchantName && amount <= a.m.Each && m.now < a.m.Until &&
		(a.m.Count == 0 || count < a.m.Count) && (a.m.Budget == 0 || spent+amount <= a.m.Budget) && (a.m.Day == 0 || days[day]+amount <= a.m.Day)
}

func (m *mandateModel) charge(t *rapid.T) {
	i := rapid.IntRange(0, 1).Draw(t, "device")
	box := rapid.SampledFrom(m.boxes).Draw(t, "box")
	amount := pay.Amount(rapid.IntRange(1, 110).Draw(t, "amount"))
	hold := pay.Millis(0)
	if rapid.Bool().Draw(t, "hold") {
		hold = 60 * minute
	}
	d := m.devices[i]
	step := fmt.Sprint(i, d.k.Step(d.at(m.now)))
	heard := m.steps[step]
	if heard == nil {
		heard = &heardInStep{at: map[pay.Scope]bool{}}
		m.steps[step] = heard
	}
	heard.at[box.status.Scope] = true
	want := len(heard.at) == 1 && !heard.paid && slices.ContainsFunc(m.mandates, func(a *agreed) bool { return m.room(a, i, box, amount) })
	f := m.openBy(box, d, amount, hold, nil)
	got := m.says(box, f)
	byMandate := got == "captured" || got == "held"
	if byMandate != want {
		t.Fatalf("%d at %s is %s, the owner's count says %v", amount, box.status.MerchantName, got, want)
	}
	if byMandate {
		heard.paid = true
		m.payments = append(m.payments, f)
	}
}

func (m *mandateModel) merchantActs(t *rapid.T) {
	if len(m.payments) == 0 {
		t.Skip("nothing was paid")
	}
	f := rapid.SampledFrom(m.payments).Draw(t, "payment")
	o, err := pay.OpeningOf(f)
	m.must(err)
	box := m.boxes[slices.IndexFunc(m.boxes, func(b node) bool { return b.status.Scope == o.Merchant })]
	kind := rapid.SampledFrom([]pay.Kind{pay.KindCapture, pay.KindCapture, pay.KindVoid, pay.KindRefund}).Draw(t, "act")
	amount := pay.Amount(rapid.IntRange(0, 60).Draw(t, "of"))
	if kind == pay.KindVoid {
		amount = 0
	}
	m.act(box, f, kind, amount, kind == pay.KindCapture && rapid.Bool().Draw(t, "final"))
}

func (m *mandateModel) check(t *rapid.T) {
	total := pay.Amount(0)
	m.must(book.Each(m.mem, func(a book.Account, b book.Balance) bool {
		total += b.Posted()
		return true
	}))
	if total != 0 {
		t.Fatalf("the accounts add up to %d", total)
	}
	for _, a := range m.mandates {
		spent, count, days := m.used(a)
		over := a.m.Budget > 0 && spent > a.m.Budget || a.m.Count > 0 && count > a.m.Count
		for _, s := range days {
			over = over || a.m.Day > 0 && s > a.m.Day
		}
		if over {
			t.Fatalf("%d in %d payments, by day %v, were paid by a mandate of %+v", spent, count, days, a.m)
		}
	}
}

// TestMandatesHold plays charges, holds, captures, voids, refunds and ends against
// mandates with all bounds. A payment is by a mandate exactly when the owner's own count
// has room, no bound is passed, money is conserved, and the audit recomputes it.
func TestMandatesHold(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(rt)
		m := &mandateModel{world: w, steps: map[string]*heardInStep{},
			boxes:   []node{w.box("Cafe", "one"), w.box("Bar", "one")},
			payers:  []node{w.wallet("ann"), w.wallet("bob")},
			devices: []*device{newDevice("ann", 1), newDevice("bob", 1)},
		}
		for i, p := range m.payers {
			w.pair(m.devices[i], p)
			w.topUp(p, 1_000_000)
		}
		rt.Repeat(map[string]func(*rapid.T){
			"mandate": m.add, "charge": m.charge, "charge more": m.charge, "charge still more": m.charge, "act": m.merchantActs, "": m.check,
			"end": func(t *rapid.T) {
				if len(m.mandates) == 0 {
					t.Skip("none")
				}
				a := rapid.SampledFrom(m.mandates).Draw(t, "mandate")
				if refused := m.endMandate(m.payers[a.payer], a.id); refused != "" {
					t.Fatalf("the end is refused: %s", refused)
				}
				a.ended = true
			},
			"time": func(t *rapid.T) {
				m.now = m.now.Add(pay.Millis(rapid.SampledFrom([]int{3_000, 30_000, 3_000_000, 30_000_000}).Draw(t, "ms")))
				m.fireDue()
			},
		})
		if res := m.audit(); !res.OK {
			rt.Fatalf("audit: %q", res.Findings)
		}
	})
}

// The same mandate again changes nothing, and neither does its end.
func TestMandateAgain(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	m := pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Count: 9, Currency: "EUR", Until: c.now.Add(aDay)}, Created: c.now}
	f := c.sign(c.payer.key, m)
	for range 3 {
		if refused := c.push(0, f); refused != "" {
			t.Fatal(refused)
		}
	}
	end := c.sign(c.payer.key, pay.MandateEnd{Mandate: f.ID(), Created: c.now})
	c.push(0, end)
	before := maps.Clone(c.mem.dump())
	c.push(0, end)
	c.push(0, f)
	if !maps.Equal(before, c.mem.dump()) || len(c.said(c.payer.status.Scope, f.ID())) != 2 {
		t.Error("again changed something")
	}
	c.auditOK()
}

// A charge whose amount comes later is held against the mandate with that amount.
func TestMandatePaysWhatIsPricedLater(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		amount pay.Amount
		want   string
	}{{500, "captured"}, {501, "offered"}} {
		c := newTab(t)
		c.mustMandate(c.payer, pay.Mandate{MandateTerms: pay.MandateTerms{Payee: "Cafe", Each: 500, Budget: 600}})
		c.later(c.beacon.code(c.now), 0)
		if got := c.says(c.shop, c.request); got != "" {
			t.Fatalf("without an amount it is %s", got)
		}
		c.now = c.now.Add(1_000)
		if no := c.price(c.shop, tc.amount, "p"); no != "" || c.says(c.shop, c.request) != tc.want {
			t.Errorf("%d: refused %q, %s", tc.amount, no, c.says(c.shop, c.request))
		}
		c.auditOK()
	}
}
