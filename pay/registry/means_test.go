package registry_test

import (
	"fmt"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

func (w *world) setMeans(of node, m pay.Means) pay.Reason {
	w.Helper()
	w.serial++
	m.Created = pay.Time(w.serial)
	return w.push(0, w.sign(of.key, m))
}

func (w *world) endMeans(of node, name pay.Name) pay.Reason {
	w.Helper()
	w.serial++
	return w.push(0, w.sign(of.key, pay.MeansEnd{Name: name, Created: pay.Time(w.serial)}))
}

// meansIn returns the registry's last status of a means in a feed.
func (w *world) meansIn(scope pay.Scope, name pay.Name) (s pay.MeansStatus) {
	w.Helper()
	for _, f := range w.feeds[scope] {
		if next, err := pay.As[pay.MeansStatus](f); err == nil && next.Name == name {
			s = next
		}
	}
	return s
}

// tie pairs a device with a means.
func (w *world) tie(d *device, to node, means pay.Name) {
	w.Helper()
	w.serial++
	m := pay.Mapping{Device: d.key.ID(), Bind: w.sign(d.key, w.bind(d, to, w.now)).Raw(), Means: means, Created: pay.Time(w.serial)}
	if refused := w.push(0, w.sign(to.key, m)); refused != "" {
		w.Fatalf("mapping was refused: %s", refused)
	}
}

func TestMeansAreStatedToTheirWalletAlone(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	if got := c.setMeans(c.payer, pay.Means{Name: "lunch"}); got != "" {
		t.Fatalf("refused: %s", got)
	}
	s := c.meansIn(c.payer.status.Scope, "lunch")
	if s.Ended || !s.Test || s.Acquirer != pay.AcquirerNone {
		t.Errorf("%+v", s)
	}
	if c.meansIn(c.other.status.Scope, "lunch").Name != "" || c.meansIn(c.shop.status.Scope, "lunch").Name != "" {
		t.Error("somebody else heard of it")
	}
	if got := c.endMeans(c.payer, "lunch"); got != "" {
		t.Fatalf("refused: %s", got)
	}
	if s := c.meansIn(c.payer.status.Scope, "lunch"); !s.Ended {
		t.Errorf("%+v", s)
	}
	if got := c.endMeans(c.payer, "lunch"); got != pay.ReasonUnknownMeans {
		t.Errorf("ending it twice: %q", got)
	}
	if got := c.endMeans(c.other, "lunch"); got != pay.ReasonUnknownMeans {
		t.Errorf("ending another's: %q", got)
	}
	c.auditOK()
}

func TestMeansThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	if got := c.setMeans(c.payer, pay.Means{Name: "visa", Acquirer: pay.AcquirerStripe, Token: "pm_1"}); got != pay.ReasonNoAcquirer {
		t.Errorf("an acquirer that is not called: %q", got)
	}
	if got := c.setMeans(c.shop, pay.Means{Name: "till"}); got != pay.ReasonWrongRole {
		t.Errorf("a box: %q", got)
	}
	for i := range pay.MeansPerWalletMax {
		if got := c.setMeans(c.payer, pay.Means{Name: pay.Name(fmt.Sprint("n", i))}); got != "" {
			t.Fatalf("means %d: %q", i, got)
		}
	}
	if got := c.setMeans(c.payer, pay.Means{Name: "one more"}); got != pay.ReasonTooManyMeans {
		t.Errorf("one too many: %q", got)
	}
	if got := c.setMeans(c.payer, pay.Means{Name: "n3"}); got != "" {
		t.Errorf("in the place of one: %q", got)
	}
	if got := c.endMeans(c.payer, "n0"); got != "" {
		t.Errorf("ending one: %q", got)
	}
	if got := c.setMeans(c.payer, pay.Means{Name: "one more"}); got != "" {
		t.Errorf("after one has ended: %q", got)
	}
	c.auditOK()
}

// TestDeviceWhoseMeansEndedPaysFromNothingElse: what its owner took away is not replaced
// by what the owner did not choose.
func TestDeviceWhoseMeansEndedPaysFromNothingElse(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.setMeans(c.payer, pay.Means{Name: "lunch"})
	c.tie(c.beacon, c.payer, "lunch")
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "offered" {
		t.Errorf("by a means in use: %s", got)
	}
	c.endMeans(c.payer, "lunch")
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "unmatched unknown_means" {
		t.Errorf("by a means that ended: %s", got)
	}
	c.tie(c.beacon, c.payer, "")
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "offered" {
		t.Errorf("without a means: %s", got)
	}
	c.tie(c.beacon, c.payer, "a name of old")
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 1)); got != "offered" {
		t.Errorf("by a name from before there were means: %s", got)
	}
	c.auditOK()
}

func TestAuditFindsMeansThatNobodyAskedFor(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.setMeans(c.payer, pay.Means{Name: "lunch"})
	for key := range c.mem.dump("ms/") {
		raw, _, _ := c.mem.Get([]byte(key))
		forged := append([]byte(nil), raw...)
		forged[len(forged)-1] ^= 1 // the status that it names
		c.must(c.mem.Put([]byte(key), forged))
		if res := c.audit(); res.OK {
			t.Error("an altered row was not found")
		}
		c.must(c.mem.Delete([]byte(key)))
		if res := c.audit(); res.OK {
			t.Error("a missing row was not found")
		}
		c.must(c.mem.Put([]byte(key), raw))
	}
	c.auditOK()
}

// TestAuditFindsAMeansThatIsBackInUse: the row of a means is that of its last status, not
// of any that there was, also where all of them were made at one moment.
func TestAuditFindsAMeansThatIsBackInUse(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.setMeans(c.payer, pay.Means{Name: "lunch", Acquirer: pay.AcquirerSim, Token: "sim-ok"})
	before := c.mem.dump("ms/")
	c.endMeans(c.payer, "lunch")
	c.auditOK()
	for key, row := range before {
		c.must(c.mem.Put([]byte(key), []byte(row)))
	}
	if res := c.audit(); res.OK {
		t.Error("a means that ended is in use, and that was not found")
	}
}
