package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestDecisionsRepeatTheEvidence: all decisions on a payment say how the box found the
// payer, in the words of the box, known or not, and so does the one on a payment that
// found nobody.
func TestDecisionsRepeatTheEvidence(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		evidence pay.Evidence
		certain  bool
	}{{pay.EvidenceWords, false}, {pay.EvidenceTap, false}, {pay.EvidenceClear, false}, {pay.EvidenceClear, true}, {"", false}, {"gaze", true}} {
		c := newCounter(t)
		for name, code := range map[string]pay.Code{"paid": c.beacon.code(c.now), "nobody's": {1}} {
			r := c.requestFrom(c.shop, code, 100)
			r.Evidence, r.Certain = tc.evidence, tc.certain
			f := c.sign(c.shop.key, r)
			c.push(0, f)
			if name == "paid" {
				if d, _ := c.last(c.payer.status.Scope, f); d.State != pay.StateOffered || d.Evidence != tc.evidence || d.Certain != tc.certain {
					t.Errorf("the offer to who was found by %+v says %q, certain %v", tc, d.Evidence, d.Certain)
				}
				c.answer(c.payer, f, pay.Approve, pay.ByHand)
			}
			if d, _ := c.last(c.shop.status.Scope, f); !d.State.Final() || d.Evidence != tc.evidence || d.Certain != tc.certain {
				t.Errorf("%s: the end of who was found by %+v says %+v", name, tc, d.Terms)
			}
		}
		c.auditOK()
	}
}

// TestAuditKnowsDecisionsOfOld: a registry of old left out how the payer was found.
// That is no finding; the payer's wallet asks a person then.
func TestAuditKnowsDecisionsOfOld(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 300)
	d, id := c.last(c.shop.status.Scope, f)
	d.Evidence, d.Certain = "", false
	delete(c.mem.facts, id)
	again := c.signAsRegistry(d).ID()
	pid := f.ID()
	key := "p/" + string(pid[:])
	raw, _ := c.mem.rows.Get(key)
	var row map[any]any
	c.must(pay.Decode([]byte(raw), &row))
	decision := row[uint64(2)].(map[any]any)
	row[uint64(1)] = again[:]
	delete(decision, uint64(67))
	delete(decision, uint64(68))
	c.must(c.mem.Put([]byte(key), pay.Encode(row)))
	if res := c.audit(); !res.OK {
		t.Errorf("the audit says\n%s", strings.Join(res.Findings, "\n"))
	}
}
