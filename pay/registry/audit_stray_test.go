package registry_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// manyPayments returns a counter where that many charges were captured.
func manyPayments(t *testing.T, n int) (c *counter, requests []pay.Fact) {
	t.Helper()
	c = newCounter(t)
	for range n {
		c.now = c.now.Add(1)
		f := c.charge(c.shop, c.beacon, 10)
		c.answer(c.payer, f, pay.Approve, pay.ByHand)
		requests = append(requests, f)
	}
	c.auditOK()
	return c, requests
}

// TestAuditOfStrays damages some of many payments, each in another way, and has
// the audit look for what no row leads to in rounds of different sizes: it finds the
// same.
func TestAuditOfStrays(t *testing.T) {
	t.Parallel()
	c, requests := manyPayments(t, 30)
	row := func(i int) string {
		id := requests[i].ID()
		return "p/" + string(id[:])
	}
	last := func(i int) (pay.Decision, pay.FactID) { return c.last(c.shop.status.Scope, requests[i]) }
	for i := range 9 { // the row is gone
		c.mem.rows.Delete(row(i))
	}
	for i := 9; i < 12; i++ { // the row cannot be read
		c.mem.rows.Set(row(i), []byte("?"))
	}
	for i := 12; i < 15; i++ { // the row says what was before
		d, id := last(i)
		c.replace(row(i), string(id[:]), string(d.Prev[:]))
	}
	for i := 15; i < 18; i++ { // a second end beside the first
		d, _ := last(i)
		d.State, d.Claim, d.By, d.Sums = pay.StateExpired, pay.FactID{}, "", pay.Sums{}
		c.signAsRegistry(d)
	}
	for i := 18; i < 21; i++ { // the last decision is gone
		_, id := last(i)
		delete(c.mem.facts, id)
	}
	var first registry.AuditResult
	for i, n := range []int{0, 1, 2, 7, 100} {
		res, err := c.reg.AuditInRounds(t.Context(), c.mem, n)
		c.must(err)
		if i == 0 {
			first = res
			told := strings.Join(res.Findings, "\n")
			for text, want := range map[string]int{
				"was decided on and has no row": 9, "its row cannot be read": 3, "its row says captured, its decisions say captured": 3,
				"it has two outcomes": 3, "its row says captured, its decisions say offered": 6, // those of an older row among them
			} {
				if got := strings.Count(told, text); got != want {
					t.Errorf("%d times %q, want %d:\n%s", got, text, want, told)
				}
			}
			if res.OK || res.Payments != 30 || res.Duplicates != 3 {
				t.Errorf("audit: %d payments, %d duplicates", res.Payments, res.Duplicates)
			}
			continue
		}
		slices.Sort(first.Findings)
		slices.Sort(res.Findings)
		if res.Payments != first.Payments || res.Duplicates != first.Duplicates || !slices.Equal(res.Findings, first.Findings) {
			t.Errorf("in rounds of %d: %d payments, %d duplicates\n%s\nwant\n%s", n, res.Payments, res.Duplicates,
				strings.Join(res.Findings, "\n"), strings.Join(first.Findings, "\n"))
		}
	}
}

// TestAuditFindsAnyMissingDecision takes each decision of some payments away in turn,
// and then puts each one beside it that the registry never linked.
func TestAuditFindsAnyMissingDecision(t *testing.T) {
	t.Parallel()
	c, requests := manyPayments(t, 3)
	all := func(pay.NodeID) bool { return true }
	verified := func() bool {
		res, err := c.reg.AuditWith(t.Context(), c.mem, registry.AuditOptions{Verified: all})
		c.must(err)
		return res.OK
	}
	for id, f := range c.mem.facts {
		if f.Kind() != pay.KindDecision {
			continue
		}
		delete(c.mem.facts, id)
		if c.audit().OK || verified() {
			t.Errorf("decision %s is gone and nothing was found", id)
		}
		c.mem.facts[id] = f
	}
	c.auditOK()
	for _, f := range requests {
		d, _ := c.last(c.shop.status.Scope, f)
		for _, seq := range []uint32{1, 2, 3, 7} {
			d.Seq, d.At = seq, d.At.Add(1)
			id := c.signAsRegistry(d).ID()
			if c.audit().OK || verified() {
				t.Errorf("decision %d is there twice and nothing was found", seq)
			}
			delete(c.mem.facts, id)
		}
	}
	if c.auditOK(); !verified() {
		t.Error("something is found where nothing is wrong")
	}
}

// TestAuditTells how far it is, and each finding that it lists.
func TestAuditTells(t *testing.T) {
	t.Parallel()
	c, requests := manyPayments(t, 20)
	id := requests[3].ID()
	c.mem.rows.Delete("p/" + string(id[:]))
	share, payments := -1.0, 0
	var found []string
	res, err := c.reg.AuditWith(t.Context(), c.mem, registry.AuditOptions{
		Progress: func(s float64, n int) {
			if s <= share || n < payments || s > 1 {
				t.Errorf("share %v and %d payments follow %v and %d", s, n, share, payments)
			}
			share, payments = s, n
		},
		Found: func(finding string) { found = append(found, finding) },
	})
	c.must(err)
	if share != 1 || payments != 20 || len(found) == 0 || !slices.Equal(found, res.Findings) {
		t.Errorf("told share %v, %d payments, %q; listed %q", share, payments, found, res.Findings)
	}
}

// TestAuditStops in the middle when its context ends.
func TestAuditStops(t *testing.T) {
	t.Parallel()
	c, _ := manyPayments(t, 20)
	ctx, cancel := context.WithCancel(t.Context())
	_, err := c.reg.AuditWith(ctx, c.mem, registry.AuditOptions{Progress: func(share float64, _ int) {
		if share > 0.5 {
			cancel()
		}
	}})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("stopped with %v", err)
	}
	cancel()
}

// TestAuditTrustsNoOtherSigner: what the caller has verified is not verified again,
// and nothing else is left out.
func TestAuditTrustsNoOtherSigner(t *testing.T) {
	t.Parallel()
	c, _ := manyPayments(t, 3)
	asked := map[pay.NodeID]bool{}
	c.forge(func(*pay.Answer) {}, c.other.key)
	for name, verified := range map[string]func(pay.NodeID) bool{
		"nobody": func(pay.NodeID) bool { return false },
		"all": func(id pay.NodeID) bool {
			asked[id] = true
			return true
		},
	} {
		res, err := c.reg.AuditWith(t.Context(), c.mem, registry.AuditOptions{Verified: verified})
		c.must(err)
		if told := strings.Join(res.Findings, "\n"); res.OK || !strings.Contains(told, "did not sign") {
			t.Errorf("%s verified: %s", name, told)
		}
	}
	if len(asked) < 3 {
		t.Errorf("asked about %d signers", len(asked))
	}
}
