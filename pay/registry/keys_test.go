package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// chargeAs pushes a request of box under the key of another request, which asks
// for the same but for what change does, and returns it.
func (c *counter) chargeAs(box node, of pay.Fact, change func(*pay.Request)) pay.Fact {
	c.Helper()
	r, err := pay.As[pay.Request](of)
	c.must(err)
	c.serial++
	r.Merchant, r.Site, r.Created, r.Code = box.status.Scope, box.status.Site, pay.Time(c.serial), c.beacon.code(c.now)
	if change != nil {
		change(&r)
	}
	f := c.sign(box.key, r)
	c.push(0, f)
	return f
}

// held returns the registry's statements that a request met its key in use.
func (w *world) held(scope pay.Scope, request pay.Fact) (list []pay.KeyHeld) {
	for _, f := range w.feeds[scope] {
		if h, err := pay.As[pay.KeyHeld](f); err == nil && h.Request == pay.PaymentID(request.ID()) {
			list = append(list, h)
		}
	}
	return list
}

// keysOfOld makes the rows of all keys what they were before keys belonged to
// merchants: each box has its own.
func (c *counter) keysOfOld() {
	c.Helper()
	for row, id := range c.mem.dump("y/") {
		f := c.mem.facts[pay.FactID([]byte(id))]
		r, err := pay.As[pay.Request](f)
		c.must(err)
		signer := f.Signer()
		c.mem.rows.Delete(row)
		c.mem.rows.Set("q/"+string(signer[:])+string(r.Key), []byte(id))
	}
	for row := range c.mem.dump("z/") {
		c.mem.rows.Delete(row)
	}
	for id, f := range c.mem.facts {
		if f.Kind() == pay.KindKeys {
			delete(c.mem.facts, id)
		}
	}
}

// TestKeyBelongsToTheMerchant: two boxes of one merchant make one payment of one
// key, and the merchant is told which; another merchant's key is another one.
func TestKeyBelongsToTheMerchant(t *testing.T) {
	t.Parallel()
	for name, old := range map[string]bool{"keys of the merchant": false, "keys of each box before": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			second, bar := c.box("Cafe", "till-2"), c.box("Bar", "till-1")
			first := c.charge(c.shop, c.beacon, 1_250)
			if old {
				c.keysOfOld()
			}
			same := c.chargeAs(second, first, func(r *pay.Request) { r.Handle = "icy-fox" })
			other := c.chargeAs(second, first, func(r *pay.Request) { r.Amount++ })
			again := c.chargeAs(c.shop, first, nil)
			elsewhere := c.chargeAs(bar, first, nil)
			for request, want := range map[*pay.Fact]bool{&same: true, &other: false, &again: true} {
				got := c.held(c.shop.status.Scope, *request)
				if len(got) != 1 || got[0].Payment != pay.PaymentID(first.ID()) || got[0].Same != want || c.says(c.shop, *request) != "" {
					t.Errorf("told %+v, want the same %v", got, want)
				}
				rows, facts := len(c.mem.dump()), c.facts()
				if c.push(0, *request); len(c.mem.dump()) != rows || c.facts() != facts {
					t.Error("the request again left something behind")
				}
			}
			if n := c.refusals(c.shop.status.Scope, pay.ReasonKeyUsed); n != 3 {
				t.Errorf("%d refusals for boxes of old", n)
			}
			if got := c.says(bar, elsewhere); got != "offered" {
				t.Errorf("the other merchant's is %q", got)
			}
			if n := len(c.held(bar.status.Scope, elsewhere)); n != 0 {
				t.Errorf("the other merchant is told of %d held keys", n)
			}
			for _, f := range c.feeds[c.payer.status.Scope] {
				if f.Kind() == pay.KindKeyHeld || f.Kind() == pay.KindKeys {
					t.Errorf("the wallet was told %s", f.Kind())
				}
			}
			c.auditOK()
		})
	}
}

// TestTagsOfKeys: the first decision names key and order by tags, equal for the
// same and different for others, and different at another merchant.
func TestTagsOfKeys(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar := c.box("Bar", "till-1")
	first := c.charge(c.shop, c.beacon, 1_250)
	atBar := c.chargeAs(bar, first, nil)
	r, err := pay.OpeningOf(first)
	c.must(err)
	var secret pay.KeySecret
	for _, f := range c.feeds[c.shop.status.Scope] {
		if m, err := pay.As[pay.MerchantKeys](f); err == nil {
			secret = m.Secret
		}
	}
	d, _ := c.last(c.shop.status.Scope, first)
	if d.Key != secret.Key(r.Key) || d.Order != secret.Order(r) || secret == (pay.KeySecret{}) {
		t.Error("the tags are not those of the request")
	}
	if other, _ := c.last(bar.status.Scope, atBar); other.Key == d.Key || other.Order == d.Order {
		t.Error("two merchants have the same tags")
	}
	c.approve(c.payer, c.beacon, first)
	if d, _ := c.last(c.shop.status.Scope, first); d.Key != (pay.KeyTag{}) || d.Order != (pay.OrderTag{}) {
		t.Error("a later decision has tags")
	}
	for _, change := range []func(*pay.Opening){
		func(r *pay.Opening) { r.Amount++ }, func(r *pay.Opening) { r.Ref += "x" }, func(r *pay.Opening) { r.TwoChannel = true }, func(r *pay.Opening) { r.Currency = "USD" }, func(r *pay.Opening) { r.Hold = pay.HoldMax },
	} {
		q := r
		if change(&q); secret.Order(q) == d.Order || q.SameOrder(r) {
			t.Errorf("%+v has the tag of another order", q)
		}
	}
	q := r
	q.TTL, q.Handle, q.Code, q.Created, q.Site = 1, "icy-fox", pay.Code{1}, 5, "x"
	if secret.Order(q) != secret.Order(r) || !q.SameOrder(r) {
		t.Error("the tag says more than what was asked for")
	}
	c.auditOK()
}

// TestAnyBoxOfTheMerchantCancels: another box may, another merchant's may not, and
// by the name of a request that met the key in use too.
func TestAnyBoxOfTheMerchantCancels(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	second, bar := c.box("Cafe", "till-2"), c.box("Bar", "till-1")
	first := c.charge(c.shop, c.beacon, 1)
	if got := c.cancel(bar, first); got != pay.ReasonWrongScope || c.says(c.shop, first) != "offered" {
		t.Errorf("another merchant's cancel: refused %q, %s", got, c.says(c.shop, first))
	}
	if got := c.cancel(second, first); got != "" || c.says(c.shop, first) != "cancelled by_merchant" {
		t.Errorf("the second box's cancel: refused %q, %s", got, c.says(c.shop, first))
	}
	next := c.charge(c.shop, c.beacon, 2)
	same, other := c.chargeAs(second, next, nil), c.chargeAs(second, next, func(r *pay.Request) { r.Ref = "x" })
	if got := c.cancel(second, other); got != "" || c.says(c.shop, next) != "offered" {
		t.Errorf("cancel of a request that has ended: refused %q, %s", got, c.says(c.shop, next))
	}
	if got := c.cancel(bar, same); got != pay.ReasonWrongScope || c.says(c.shop, next) != "offered" {
		t.Errorf("another merchant's cancel of the later request: refused %q, %s", got, c.says(c.shop, next))
	}
	if got := c.cancel(second, same); got != "" || c.says(c.shop, next) != "cancelled by_merchant" {
		t.Errorf("cancel of the later request: refused %q, %s", got, c.says(c.shop, next))
	}
	paid := c.charge(c.shop, c.beacon, 3)
	c.answer(c.payer, paid, pay.Approve, pay.ByHand)
	if got := c.cancel(second, paid); got != pay.ReasonLateCancel {
		t.Errorf("a late cancel is refused as %q", got)
	}
	c.auditOK()
}

// TestAuditCountsKeysWithTwoPayments has a registry of old, for which each box had
// keys of its own.
func TestAuditCountsKeysWithTwoPayments(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	second := c.box("Cafe", "till-2")
	first := c.charge(c.shop, c.beacon, 1_250)
	c.keysOfOld()
	row := c.rowOf("q/")
	id, _ := c.mem.rows.Get(row)
	c.mem.rows.Delete(row) // as if the registry looked at the second box's keys alone
	twin := c.chargeAs(second, first, nil)
	c.mem.rows.Set(row, id)
	if c.says(second, twin) != "offered" {
		t.Fatal("there are not two payments")
	}
	c.mem.rows.Delete(c.rowOf("z/"))
	c.keysOfOld()
	res := c.audit()
	if res.OK || res.Duplicates != 1 || !strings.Contains(strings.Join(res.Findings, "\n"), "its key stands for payment") {
		t.Errorf("audit: %+v", res)
	}
	third := c.chargeAs(c.shop, first, nil)
	if got := c.held(c.shop.status.Scope, third); len(got) != 1 || got[0].Payment != pay.PaymentID(first.ID()) {
		t.Errorf("the first box is told %+v", got)
	}
	if res := c.audit(); res.Duplicates != 1 {
		t.Errorf("audit: %+v", res)
	}
}

// TestAuditFindsBentKeys bends what the registry said of keys.
func TestAuditFindsBentKeys(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bend func(c *counter)
		want string
	}{
		"row of a held key gone":    {func(c *counter) { c.mem.rows.Delete(c.rowOf("j/")) }, "it has no row"},
		"row of a held key bent":    {func(c *counter) { c.mem.rows.Set(c.rowOf("j/"), []byte{0xa0}) }, "value: row is damaged"},
		"row of a key never held":   {func(c *counter) { c.mem.rows.Set("j/"+strings.Repeat("x", 32), []byte{0xa0}) }, "nothing was said of its key"},
		"row of a secret gone":      {func(c *counter) { c.mem.rows.Delete(c.rowOf("z/")) }, "was told its secret and has no row"},
		"secret told to nobody":     {func(c *counter) { c.mem.rows.Set("z/m/nobody", []byte{0xa0}) }, "was not told its secret"},
		"statement on another key":  {func(c *counter) { c.keyHeld(func(h *pay.KeyHeld) { h.Payment = pay.PaymentID{1} }) }, "its key is not that of payment"},
		"statement on another sort": {func(c *counter) { c.keyHeld(func(h *pay.KeyHeld) { h.Same = false }) }, "its key is not that of payment"},
		"statement on a payment":    {func(c *counter) { c.keyHeld(func(h *pay.KeyHeld) { h.Request, h.Payment = h.Payment, h.Request }) }, "its key was in use and it opened"},
		"another secret": {func(c *counter) {
			c.signAsRegistry(pay.MerchantKeys{Merchant: c.shop.status.Scope, Secret: pay.KeySecret{1}, At: c.now})
		}, "a secret that is not the registry's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.chargeAs(c.box("Cafe", "till-2"), c.charge(c.shop, c.beacon, 1_250), nil)
			c.auditOK()
			tc.bend(c)
			if res := c.audit(); res.OK || !strings.Contains(strings.Join(res.Findings, "\n"), tc.want) {
				t.Errorf("audit: %+v", res)
			}
		})
	}
}

// keyHeld puts a bent copy in the place of the one statement on a held key.
func (c *counter) keyHeld(bend func(*pay.KeyHeld)) {
	c.Helper()
	for id, f := range c.mem.facts {
		if h, err := pay.As[pay.KeyHeld](f); err == nil {
			delete(c.mem.facts, id)
			bend(&h)
			c.signAsRegistry(h)
			return
		}
	}
	c.Fatalf("no key is held")
}

// TestAuditFindsABoxLeftOut: a key that a box used before keys belonged to merchants
// is found because a row names the box. Without that its key would pay again at
// another box of the merchant.
func TestAuditFindsABoxLeftOut(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	second := c.box("Cafe", "till-2")
	first := c.charge(c.shop, c.beacon, 1_250)
	c.keysOfOld()
	c.chargeAs(second, first, nil)
	c.auditOK()
	c.mem.rows.Set(c.rowOf("z/"), []byte{0xa0})
	if res := c.audit(); res.OK || !strings.Contains(strings.Join(res.Findings, "\n"), "other boxes with keys of their own") {
		t.Errorf("audit: %+v", res)
	}
}
