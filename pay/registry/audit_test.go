package registry_test

import (
	"context"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// rowOf returns the key of the one row that starts with prefix.
func (c *counter) rowOf(prefix string) string {
	c.Helper()
	rows := c.mem.dump(prefix)
	if len(rows) != 1 {
		c.Fatalf("%d rows start with %q", len(rows), prefix)
	}
	for key := range rows {
		return key
	}
	return ""
}

// replace stores a row anew with the first old in it replaced.
func (c *counter) replace(key, old, with string) {
	c.Helper()
	v, ok := c.mem.rows.Get(key)
	if !ok || !strings.Contains(string(v), old) {
		c.Fatalf("row %q does not hold %q", key, old)
	}
	c.must(c.mem.Put([]byte(key), []byte(strings.Replace(string(v), old, with, 1))))
}

// heldSums is the hold of an immediate payment, as it ends the payment's row.
func heldSums(amount pay.Amount) string {
	return "\x0a" + string(pay.Encode(book.Hold{Authorised: amount, Captured: amount}))
}

// dropHold takes the hold out of the row of a payment.
func (c *counter) dropHold(key string, amount pay.Amount) {
	c.Helper()
	v, _ := c.mem.rows.Get(key)
	rest, ok := strings.CutSuffix(string(v), heldSums(amount))
	if !ok {
		c.Fatalf("row %q does not end with a hold: %x", key, v)
	}
	c.must(c.mem.Put([]byte(key), append([]byte{rest[0] - 1}, rest[1:]...)))
}

// holdOfOld gives the hold of a payment a row of its own, as programs of old did.
func (c *counter) holdOfOld(key string, amount pay.Amount) {
	c.Helper()
	c.dropHold(key, amount)
	h := book.Hold{From: c.payer.status.Scope, To: c.shop.status.Scope, Currency: "EUR", Authorised: amount, Captured: amount}
	c.must(c.mem.Put([]byte("b/h/"+key[len("p/"):]), pay.Encode(h)))
}

// TestAuditFinds bends rows and facts, each in one place, and lists what the audit
// must report.
func TestAuditFinds(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bend func(c *counter, request, answer pay.Fact)
		want string
	}{
		"nothing":               {func(*counter, pay.Fact, pay.Fact) {}, ""},
		"payment row gone":      {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("p/")) }, "has no row"},
		"payment row bent":      {func(c *counter, _, _ pay.Fact) { c.replace(c.rowOf("p/"), "captured", "declined") }, "its row says declined"},
		"payment row of nobody": {func(c *counter, _, _ pay.Fact) { c.mem.rows.Set("p/"+strings.Repeat("x", 32), []byte{0xa0}) }, "never decided"},
		"another payer": {func(c *counter, _, _ pay.Fact) {
			c.replace(c.rowOf("p/"), string(c.payer.status.Scope), string(c.other.status.Scope))
		}, "another payer"},
		"request gone":   {func(c *counter, f, _ pay.Fact) { delete(c.mem.facts, f.ID()) }, "request is missing"},
		"answer gone":    {func(c *counter, _, a pay.Fact) { delete(c.mem.facts, a.ID()) }, "without an answer"},
		"key gone":       {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("y/")) }, "key is not kept"},
		"key of another": {func(c *counter, _, _ pay.Fact) { c.mem.rows.Set(c.rowOf("y/"), []byte(strings.Repeat("x", 32))) }, "its key stands for payment"},
		"hold gone":      {func(c *counter, _, _ pay.Fact) { c.dropHold(c.rowOf("p/"), 1_250) }, "the book has another sum"},
		"hold in a row of its own": {func(c *counter, _, _ pay.Fact) {
			c.holdOfOld(c.rowOf("p/"), 1_250)
		}, ""},
		"hold of nobody": {func(c *counter, _, _ pay.Fact) {
			c.mem.rows.Set("b/h/"+strings.Repeat("x", 32), pay.Encode(book.Hold{Authorised: 1}))
		}, "holds are kept"},
		"money from air":  {func(c *counter, _, _ pay.Fact) { c.credit(c.payer.status.Scope, 77) }, "account of"},
		"top-up row gone": {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("t/")) }, "what its key stands for"},
		"member row bent": {func(c *counter, _, _ pay.Fact) { c.replace("m/"+idOf(c.payer), "ann", "eve") }, "last said of it"},
		"member row gone": {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete("m/" + idOf(c.other)) }, "has no row"},
		"wallet of another": {func(c *counter, _, _ pay.Fact) {
			id := c.other.key.ID()
			c.mem.rows.Set("w/"+string(c.payer.status.Scope), id[:])
		}, "is kept for another"},
		"row of no space":       {func(c *counter, _, _ pay.Fact) { c.mem.rows.Set("zz", nil) }, "in no space"},
		"row without its id":    {func(c *counter, _, _ pay.Fact) { c.mem.rows.Set("k/x", nil) }, "row \"k/x\""},
		"code source cut short": {func(c *counter, _, _ pay.Fact) { c.mem.rows.Set(c.rowOf("c/"), nil) }, "codes would not be found"},
		"device row gone":       {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("d/")) }, "has no row"},
		"device stolen": {func(c *counter, _, _ pay.Fact) {
			c.replace(c.rowOf("d/"), string(c.payer.status.Scope), string(c.other.status.Scope))
		}, "its wallet asked for"},
		"device revoked":    {func(c *counter, _, _ pay.Fact) { c.replace(c.rowOf("d/"), "active", "revoke") }, "last said of it"},
		"beacon of another": {func(c *counter, _, _ pay.Fact) { c.mem.rows.Set(c.rowOf("k/"), []byte(strings.Repeat("x", 32))) }, "beacon key is kept"},
		"device not owned":  {func(c *counter, _, _ pay.Fact) { c.mem.rows.Delete(c.rowOf("o/")) }, "not among its wallet's"},
		"code source bent": {func(c *counter, _, _ pay.Fact) {
			key := c.rowOf("c/")
			v, _ := c.mem.rows.Get(key)
			v[40]++
		}, "codes would not be found"},
		"second capture": {func(c *counter, f, a pay.Fact) {
			d, id := c.last(c.shop.status.Scope, f)
			d.Prev, d.Seq = id, d.Seq+1
			c.signAsRegistry(d)
		}, "two outcomes"},
		"capture of less than the book has": {func(c *counter, f, _ pay.Fact) {
			d, id := c.last(c.shop.status.Scope, f)
			delete(c.mem.facts, id)
			d.Sums.Captured--
			c.signAsRegistry(d)
		}, "moves other money"},
		"book has less than the capture": {func(c *counter, _, _ pay.Fact) {
			c.replace(c.rowOf("p/"), heldSums(1_250), heldSums(1_249))
		}, "the book has another sum"},
		"state of a newer registry": {func(c *counter, f, _ pay.Fact) {
			d, id := c.last(c.shop.status.Scope, f)
			d.Prev, d.Seq, d.State = id, d.Seq+1, "disputed"
			c.signAsRegistry(d)
		}, "captured -> disputed"},
		"decision by a stranger": {func(c *counter, f, _ pay.Fact) {
			d, id := c.last(c.shop.status.Scope, f)
			d.Prev, d.Seq = id, d.Seq+1
			fact := c.sign(keyOf("stranger"), d)
			c.mem.facts[fact.ID()] = fact
		}, "spoke for the registry"},
		"found otherwise than its request says": {func(c *counter, _, _ pay.Fact) {
			f := c.charge(c.shop, c.beacon, 300)
			d, id := c.last(c.shop.status.Scope, f)
			d.Evidence = pay.EvidenceWords
			delete(c.mem.facts, id)
			pid, again := f.ID(), c.signAsRegistry(d).ID()
			key := "p/" + string(pid[:])
			c.replace(key, string(id[:]), string(again[:]))
			c.replace(key, string(pay.EvidenceClear), string(pay.EvidenceWords))
		}, "found otherwise than its request"},
		"heard otherwise than its request says": {func(c *counter, _, _ pay.Fact) {
			r := c.requestFrom(c.shop, c.beacon.code(c.now), 300)
			r.Evidence, r.Certain, r.Excess = pay.EvidenceTap, false, pay.ExcessOf(4)
			f := c.sign(c.shop.key, r)
			c.push(0, f)
			d, id := c.last(c.shop.status.Scope, f)
			d.Excess = pay.ExcessOf(0)
			delete(c.mem.facts, id)
			pid, again := f.ID(), c.signAsRegistry(d).ID()
			key := "p/" + string(pid[:])
			c.replace(key, string(id[:]), string(again[:]))
			c.replace(key, "\x18\x45\x04", "\x18\x45\x00")
		}, "another strength than its request"},
		"capture without an approval": {func(c *counter, _, _ pay.Fact) { c.forge(func(a *pay.Answer) { a.Verdict = pay.Decline }, c.payer.key) }, "other terms"},
		"capture of another sum":      {func(c *counter, _, _ pay.Fact) { c.forge(func(a *pay.Answer) { a.Amount-- }, c.payer.key) }, "other terms"},
		"capture by another wallet":   {func(c *counter, _, _ pay.Fact) { c.forge(func(*pay.Answer) {}, c.other.key) }, "did not sign"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			good, logged := *c.audit().Good, len(c.log)
			f := c.charge(c.shop, c.beacon, 1_250)
			a := c.sign(c.payer.key, c.reply(c.payer, f, pay.Approve, pay.ByHand))
			c.push(0, a)
			c.auditOK()
			if _, ok := c.auditGrown(good, logged); !ok {
				t.Error("an audit that carries on finds something")
			}
			tc.bend(c, f, a)
			if tc.want == "account of" {
				c.broken = "so that the audit finds it"
			}
			if _, ok := c.auditGrown(good, logged); ok != (tc.want == "" || unread[name]) {
				t.Errorf("an audit that carries on says ok=%v", ok)
			}
			res := c.audit()
			told := strings.Join(res.Findings, "\n")
			if res.OK != (tc.want == "") || !strings.Contains(told, tc.want) {
				t.Errorf("audit says ok=%v:\n%s\nwant %q", res.OK, told, tc.want)
			}
			if name == "money from air" && res.Imbalance != 77 {
				t.Errorf("imbalance %d", res.Imbalance)
			}
			if dup := name == "second capture" || name == "key of another"; (res.Duplicates == 1) != dup {
				t.Errorf("%d duplicates", res.Duplicates)
			}
		})
	}
}

// unread are the damages that an audit which carries on does not look for: rows that no
// feature could have written, and what a registry does beside its log.
var unread = map[string]bool{"row of no space": true, "row without its id": true}

func idOf(n node) string {
	id := n.key.ID()
	return string(id[:])
}

// credit gives an account money that nobody paid.
func (c *counter) credit(owner pay.Scope, amount pay.Amount) {
	c.Helper()
	b, err := book.Load(c.mem, book.Account{Owner: owner, Currency: "EUR"})
	c.must(err)
	b.Credits += amount
	c.must(c.mem.Put([]byte("b/a/EUR/"+string(owner)), pay.Encode(b)))
}

// signAsRegistry stores a fact of the registry's working key.
func (c *counter) signAsRegistry(b pay.Body) pay.Fact {
	c.Helper()
	f := c.sign(keyOf("working"), b)
	c.mem.facts[f.ID()] = f
	return f
}

// forge makes a lying registry capture a payment by an answer that does not
// cover it: all rows and decisions are as for an honest one.
func (c *counter) forge(lie func(*pay.Answer), signer pay.Key) {
	c.Helper()
	f := c.charge(c.shop, c.beacon, 2_000)
	c.lieAbout(f, c.sign(c.payer.key, c.reply(c.payer, f, pay.Approve, pay.ByHand)), lie, signer)
}

// lieAbout captures the payment of request f by an honest answer and then puts
// a forged one in its place.
func (c *counter) lieAbout(f, honest pay.Fact, lie func(*pay.Answer), signer pay.Key) {
	c.Helper()
	c.push(0, honest)
	a, err := pay.As[pay.Answer](honest)
	c.must(err)
	lie(&a)
	forged := c.sign(signer, a)
	delete(c.mem.facts, honest.ID())
	c.mem.facts[forged.ID()] = forged
	d, id := c.last(c.shop.status.Scope, f)
	delete(c.mem.facts, id)
	d.Claim = forged.ID()
	again := c.signAsRegistry(d)
	pid := f.ID()
	key := "p/" + string(pid[:])
	old, now, claim, forgedID := id, again.ID(), honest.ID(), forged.ID()
	c.replace(key, string(old[:]), string(now[:]))
	c.replace(key, string(claim[:]), string(forgedID[:]))
}

// TestAuditCountsFindings keeps the list short.
func TestAuditCountsFindings(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	for range 130 {
		c.now = c.now.Add(1)
		c.charge(c.shop, c.beacon, 1)
	}
	for key := range c.mem.dump("y/") {
		c.mem.rows.Delete(key)
	}
	res := c.audit()
	if res.OK || res.Payments != 130 || len(res.Findings) != 101 || !strings.HasPrefix(res.Findings[100], "and 3") {
		t.Errorf("%d payments, %d findings, the last %q", res.Payments, len(res.Findings), res.Findings[len(res.Findings)-1])
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := c.reg.Audit(ctx, c.mem); err == nil {
		t.Error("an audit that was stopped has a result")
	}
}

// TestForgedStatementsAreNoFinding lets a wallet sign what only the registry may,
// up to the claim that its summary of refusals names. What was refused is kept,
// and must not make the books look wrong.
func TestForgedStatementsAreNoFinding(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	d, id := c.last(c.shop.status.Scope, f)
	d.Prev, d.Seq, d.State, d.Claim, d.By = id, 2, pay.StateCaptured, pay.FactID{1}, pay.ByHand
	payer := c.payer.key
	words := []pay.Body{
		d,
		pay.TopUp{Wallet: c.payer.status.Scope, Amount: 1, Currency: "EUR", Key: "gift", At: c.now},
		pay.Refusal{Claim: f.ID(), Reason: pay.ReasonLateAnswer, At: c.now},
		pay.Authority{Root: payer.Public(), Working: payer.Public(), From: c.now, Until: c.now + 1},
		pay.NodeStatus{Node: payer.Public(), Role: pay.RoleBox, Scope: c.shop.status.Scope, Name: "eve", At: c.now + 1},
		pay.DeviceStatus{Device: payer.ID(), State: pay.DeviceActive, Type: pay.TypeTag, At: c.now},
	}
	for n := len(words); n <= pay.RefusalsPerHour; n++ {
		words = append(words, pay.TopUp{Wallet: c.payer.status.Scope, Amount: pay.Amount(n), Currency: "EUR", Key: "gift", At: c.now})
	}
	for _, body := range words {
		if got := c.push(0, c.sign(payer, body)); got != pay.ReasonWrongRole {
			t.Fatalf("%s was refused as %q", body.Kind(), got)
		}
		c.auditOK()
	}
	if n := c.refusals(c.payer.status.Scope, pay.ReasonTooMany); n != 1 {
		t.Errorf("%d summaries", n)
	}
}
