package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// tipEvents are what payer and merchant do about a tip, as in the table of faults: the
// payer has 10000, and after "=>" stand the payment and what the payer and the merchant
// have. tips= is the most that the merchant names, tip= what the payer signs.
const tipEvents = `
captured at once                            : charge tips=500; approve tip=300                                         => captured 0/4300/0   5700  4300
all that it may be                          : charge tips=500; approve tip=500                                         => captured 0/4500/0   5500  4500
none is given                               : charge tips=500; approve                                                 => captured 0/4000/0   6000  4000
one cent above the most                     : charge tips=500; approve tip=501 !wrong_terms                            => offered 0/0/0       10000 0
above the most, and then within             : charge tips=500; approve tip=501 !wrong_terms; approve tip=500           => captured 0/4500/0   5500  4500
where none was named                        : charge; approve tip=1 !wrong_terms; approve                              => captured 0/4000/0   6000  4000
the balance covers the amount and not the tip: charge 9800 tips=500; approve tip=201                                   => failed 0/0/0        10000 0
the balance covers both                     : charge 9800 tips=500; approve tip=200                                    => captured 0/10000/0  0     10000
approved twice                              : charge tips=500; approve tip=300; approve tip=300 !already_decided       => captured 0/4300/0   5700  4300
approved again without                      : charge tips=500; approve tip=300; approve !already_decided               => captured 0/4300/0   5700  4300
declined and then tipped                    : charge tips=500; decline; approve tip=300 !already_decided               => declined 0/0/0      10000 0
tipped too late                             : charge tips=500; wait 3600000; approve tip=300 !late_answer              => expired 0/0/0       10000 0
above what needs the device                 : limit 4200; charge tips=500; approve tip=201 !needs_device; approve tip=200 => captured 0/4200/0 5800 4200
refunded with the amount                    : charge tips=500; approve tip=300; refund                                 => refunded 0/4300/4300 10000 0
the tip alone is refunded                   : charge tips=500; approve tip=300; refund 300                             => part_refunded 0/4300/300 6000 4000
refunded above amount and tip               : charge tips=500; approve tip=300; refund 4301 !above_captured            => captured 0/4300/0   5700  4300
held as a bound                             : hold tips=500; approve tip=300                                           => held 4300/0/0       10000 0
held money counts with the bound            : hold tips=500; approve tip=300; spend 5701                               => held 4300/0/0       10000 0
what the bound leaves can be spent          : hold tips=500; approve tip=300; spend 5700                               => held 4300/0/0       4300  5700
a hold that the balance covers without it   : hold 9800 tips=500; approve tip=201                                      => failed 0/0/0        10000 0
captured to the bound                       : hold tips=500; approve tip=300; capture 4300                             => captured 0/4300/0   5700  4300
captured beyond the bound                   : hold tips=500; approve tip=300; capture 4301 !above_held; capture 4300   => captured 0/4300/0   5700  4300
captured to what the merchant named         : hold tips=500; approve tip=300; capture 4500 !above_held                 => held 4300/0/0       10000 0
a part of the tip                           : hold tips=500; approve tip=300; capture 4100 final                       => captured 0/4100/0   5900  4100
a capture that states no amount takes none  : hold tips=500; approve tip=300; capture                                  => captured 0/4000/0   6000  4000
what nobody took is free again              : hold tips=500; approve tip=300; capture; spend 6000                      => captured 0/4000/0   0     10000
a part, and then what is left of the amount : hold tips=500; approve tip=300; capture 1500; capture                    => captured 0/4000/0   6000  4000
the amount, and then the tip                : hold tips=500; approve tip=300; capture 4000; capture 250 final          => captured 0/4250/0   5750  4250
only the tip is left, and nobody says how much: hold tips=500; approve tip=300; capture 4000; capture !only_tip_held   => captured 300/4000/0 6000  4000
the tip twice                               : hold tips=500; approve tip=300; capture 4300 key=a; capture 4300 key=a box2; capture 300 !late_capture => captured 0/4300/0 5700 4300
the tip is given up                         : hold tips=500; approve tip=300; capture 4000; void                       => captured 0/4000/0   6000  4000
the tip goes back by the clock              : hold tips=500; approve tip=300; capture 4000; wait 4500000               => captured 0/4000/0   6000  4000
the tip goes back by the clock, captured never: hold tips=500; approve tip=300; wait 4500000; capture 4300 !late_capture => expired 0/0/0     10000 0
voided with the tip                         : hold tips=500; approve tip=300; void; capture 300 !late_capture          => voided 0/0/0        10000 0
an increment and the tip                    : hold tips=500; approve tip=300; more 1000; yes; capture 5300             => captured 0/5300/0   4700  5300
an increment, and no tip                    : hold tips=500; approve tip=300; more 1000; yes; capture                  => captured 0/5000/0   5000  5000
an increment beyond the tip                 : hold tips=500; approve tip=300; more 1000; yes; capture 5301 !above_held => held 5300/0/0       10000 0
an increment counts with the tip            : limit 4800; hold tips=500; approve tip=300; more 501 !needs_device       => held 4300/0/0       10000 0
a wallet that does not know holds           : hold tips=500; approve old tip=300                                       => failed 0/0/0        10000 0
`

func TestTips(t *testing.T) {
	t.Parallel()
	walkEvents(t, tipEvents)
}

// A refused answer with a tip leaves no row behind, and a tip costs one decision and no
// other row.
func TestARefusedTipChangesNothing(t *testing.T) {
	t.Parallel()
	for _, way := range []string{"charge tips=500", "hold tips=500", "charge"} {
		c := newTab(t)
		c.step(way)
		before := c.money()
		for _, tip := range []string{"501", "4000", "9999996000"} {
			if no := c.step("approve tip=" + tip); no != pay.ReasonWrongTerms {
				t.Errorf("%s: a tip of %s is refused %q", way, tip, no)
			}
		}
		if c.money() != before {
			t.Errorf("%s: what was refused left other rows behind", way)
		}
		if c.step("approve"); c.stands().Seq != 2 {
			t.Errorf("%s: without a tip there are %d decisions", way, c.stands().Seq)
		}
		c.auditOK()
	}
}

// Whatever follows on a tip, its decision says the same tip, and both parties see it.
func TestTheTipStandsInEveryDecision(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	for _, s := range []string{"hold tips=500", "approve tip=300", "more 100", "yes", "capture 4200", "refund 150", "capture 50", "void", "refund"} {
		if no := c.step(s); no != "" {
			t.Fatalf("%s: %s", s, no)
		}
	}
	for _, scope := range []pay.Scope{c.shop.status.Scope, c.payer.status.Scope} {
		for _, f := range c.feeds[scope] {
			d, err := pay.As[pay.Decision](f)
			if err != nil {
				continue
			}
			if want := map[bool]pay.Amount{true: 300}[d.Seq > 1]; d.Tip != want || d.TipMax != 500 {
				t.Errorf("%s: decision %d (%s) says a tip of %d, at most %d", scope, d.Seq, d.State, d.Tip, d.TipMax)
			}
		}
	}
	if d := c.stands().Decision; c.short() != "refunded 0/4250/4250" || d.TipTaken() != 150 || d.Authorised() != 4_100 {
		t.Errorf("is %s with a tip of %d", c.short(), d.TipTaken())
	}
	c.auditOK()
}

// lieTip makes a lying registry of the two decisions on a payment that an approval with a
// tip made last: it puts others in their place, linked as they have to be.
func (c *tab) lieTip(change func(tipped, last *pay.Decision)) {
	c.Helper()
	last, _ := c.last(c.shop.status.Scope, c.request)
	tipped, err := pay.As[pay.Decision](c.mem.facts[last.Prev])
	c.must(err)
	if tipped.State != pay.StateTipped {
		c.Fatalf("the last decision but one states %s", tipped.State)
	}
	delete(c.mem.facts, last.Prev)
	c.lie(func(d *pay.Decision) {
		change(&tipped, d)
		d.Prev = c.signAsRegistry(tipped).ID()
	})
}

// signedTip puts another approval in the place of the one that gave the tip.
func (c *tab) signedTip(key pay.Key, change func(*pay.Answer)) {
	c.Helper()
	d, _ := c.last(c.shop.status.Scope, c.request)
	a, err := pay.As[pay.Answer](c.mem.facts[d.Claim])
	c.must(err)
	change(&a)
	f := c.sign(key, a)
	c.mem.facts[f.ID()] = f
	c.lieTip(func(tipped, last *pay.Decision) { tipped.Claim, last.Claim = f.ID(), f.ID() })
}

// TestAuditFindsInTips bends what a tip rests on, each in one place, or where a registry
// that lies would bend more to fit, in all of them.
func TestAuditFindsInTips(t *testing.T) {
	t.Parallel()
	const paid, held = "charge tips=500; approve tip=300", "hold tips=500; approve tip=300"
	const part, none = held + "; capture 4100", "charge tips=500; approve"
	auditFinds(t, map[string]bent{
		"nothing":            {part + "; refund 50; void; refund", func(*tab) {}, ""},
		"nothing, at once":   {paid, func(*tab) {}, ""},
		"nothing, no amount": {held + "; capture", func(*tab) {}, ""},
		"more than was signed": {paid, func(c *tab) {
			c.lieTip(func(tipped, last *pay.Decision) { tipped.Tip, last.Tip, last.Captured = 400, 400, 4_400 })
		}, "other terms"},
		"less than was signed": {paid, func(c *tab) {
			c.lieTip(func(tipped, last *pay.Decision) { tipped.Tip, last.Tip, last.Captured = 200, 200, 4_200 })
		}, "other terms"},
		"a higher bound than was signed": {held, func(c *tab) {
			c.lieTip(func(tipped, last *pay.Decision) { tipped.Tip, last.Tip, last.Held = 500, 500, 4_500 })
		}, "other terms"},
		"another tip than the one before": {paid, func(c *tab) {
			c.lie(func(d *pay.Decision) { d.Tip, d.Captured = 299, 4_299 })
		}, "carries another tip"},
		"the tip forgotten": {paid, func(c *tab) {
			c.lie(func(d *pay.Decision) { d.Tip, d.Captured = 0, 4_000 })
		}, "carries another tip"},
		"a tip without an approval of one": {none, func(c *tab) {
			c.lie(func(d *pay.Decision) { d.Tip, d.Captured = 300, 4_300 })
		}, "carries another tip"},
		"a tip that is given and not paid": {none, func(c *tab) {
			c.forgeAnswer(func(a *pay.Answer) { a.Tip = 100 })
		}, "other terms"},
		"signed by another wallet":   {paid, func(c *tab) { c.signedTip(c.other.key, func(*pay.Answer) {}) }, "did not sign"},
		"signed for less":            {paid, func(c *tab) { c.signedTip(c.payer.key, func(a *pay.Answer) { a.Tip = 299 }) }, "other terms"},
		"signed for none":            {paid, func(c *tab) { c.signedTip(c.payer.key, func(a *pay.Answer) { a.Tip = 0 }) }, "other terms"},
		"signed above the most":      {paid, func(c *tab) { c.signedTip(c.payer.key, func(a *pay.Answer) { a.Tip = 501 }) }, "other terms"},
		"signed for another offer":   {paid, func(c *tab) { c.signedTip(c.payer.key, func(a *pay.Answer) { a.Offer = pay.FactID{9} }) }, "other terms"},
		"two answers, one for each":  {paid, func(c *tab) { c.claimBy(c.payer.key, pay.Capture{Action: c.action(1)}) }, "carries another tip"},
		"captured beyond the bound":  {part, func(c *tab) { c.lie(func(d *pay.Decision) { d.Held, d.Captured = 0, 4_301 }) }, "moves other money"},
		"more of the tip is taken":   {part, func(c *tab) { c.lie(func(d *pay.Decision) { d.Held, d.Captured = 100, 4_200 }) }, "capture of another amount"},
		"the tip with no amount":     {held + "; capture", func(c *tab) { c.lie(func(d *pay.Decision) { d.Captured, d.Released = 4_300, 0 }) }, "capture of another amount"},
		"the tip is missing in book": {paid, func(c *tab) { c.account(c.shop.status.Scope, tipOff) }, "account of"},
		"another most than was named": {paid, func(c *tab) {
			c.lieTip(func(tipped, last *pay.Decision) { tipped.TipMax, last.TipMax = 600, 600 })
		}, "changes the terms"},
	})
}

// tipOff takes 300 of what came in off an account.
func tipOff(b *book.Balance) { b.Credits -= 300 }

// An offer over another most than the box named is found, whatever the payer signed.
func TestAuditHoldsTheMostAgainstTheRequest(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	c.step("charge tips=500")
	c.auditOK()
	c.lie(func(d *pay.Decision) { d.TipMax = 501 })
	if res := c.audit(); res.OK || !strings.Contains(strings.Join(res.Findings, "\n"), "allow another tip than its request") {
		t.Errorf("audit says ok=%v: %v", res.OK, res.Findings)
	}
}

// ofOld makes a payment over a request with a tip of at most 500 as a registry of old does,
// which leaves the tip out of the terms and, unless tagged is set, of the tag.
func ofOld(t *testing.T, tagged bool) (c *tab, first pay.Opening) {
	t.Helper()
	c = newTab(t)
	c.step("charge tips=500")
	first, err := pay.OpeningOf(c.request)
	c.must(err)
	var secret pay.KeySecret
	for _, f := range c.feeds[c.shop.status.Scope] {
		if m, err := pay.As[pay.MerchantKeys](f); err == nil {
			secret = m.Secret
		}
	}
	order := first
	if !tagged {
		order.TipMax = 0
	}
	c.lie(func(d *pay.Decision) { d.TipMax, d.Order = 0, secret.Order(order) })
	return c, first
}

// What a registry of old made of a request with a tip is no finding: it has left it out of
// the terms and of the tag, and takes another request under the key for the same.
func TestAuditOfARegistryOfOld(t *testing.T) {
	t.Parallel()
	if c, _ := ofOld(t, true); c.audit().OK {
		t.Error("a tag that is not that of the terms is not found")
	}
	c, first := ofOld(t, false)
	c.auditOK()

	again := first.Request
	again.TipMax, again.Created = 400, again.Created+1
	c.push(0, c.sign(c.shop.key, again))
	c.auditOK() // this registry has said that it is another
	var held pay.Fact
	for _, f := range c.feeds[c.shop.status.Scope] {
		if f.Kind() == pay.KindKeyHeld {
			held = f
		}
	}
	h, err := pay.As[pay.KeyHeld](held)
	c.must(err)
	if h.Same {
		t.Fatal("two tips are one order")
	}
	delete(c.mem.facts, held.ID())
	h.Same = true
	c.must(c.mem.Put([]byte(c.rowOf("j/")), pay.Encode(struct {
		Payment   pay.PaymentID `cbor:"1,keyasint"`
		Same      bool          `cbor:"2,keyasint"`
		Statement pay.FactID    `cbor:"3,keyasint"`
	}{h.Payment, true, c.signAsRegistry(h).ID()})))
	c.auditOK()
}
