package registry_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// demanding pushes a request for which the merchant wants two channels.
func (c *counter) demanding(d *device, amount pay.Amount) pay.Fact {
	c.Helper()
	r := c.requestFrom(c.shop, d.code(c.now), amount)
	r.TwoChannel = true
	f := c.sign(c.shop.key, r)
	c.push(0, f)
	return f
}

// challenge returns the challenge for a payment that stands in a feed; it is
// zero where there is none.
func (w *world) challenge(scope pay.Scope, request pay.Fact) (found pay.Challenge) {
	w.Helper()
	for _, f := range w.feeds[scope] {
		if ch, err := pay.As[pay.Challenge](f); err == nil && ch.Payment == pay.PaymentID(request.ID()) {
			found = ch
		}
	}
	return found
}

// codeFor returns the code that a device gives a wallet for the challenge of a
// payment.
func (w *world) codeFor(d *device, of node, request pay.Fact) pay.AuthCode {
	w.Helper()
	offer, _ := w.last(of.status.Scope, request)
	code, err := pay.Authenticate(d.key, pay.AuthenticatePayment(w.root.ID(), of.key.ID(), w.challenge(of.status.Scope, request), offer, 0))
	w.must(err)
	return code
}

// approve answers with the device's code.
func (w *world) approve(of node, d *device, request pay.Fact) pay.Reason {
	w.Helper()
	a := w.reply(of, request, pay.Approve, pay.ByHand)
	a.Code = w.codeFor(d, of, request)
	return w.push(0, w.sign(of.key, a))
}

func (w *world) demandOn(from node, request pay.Fact) pay.StepUp {
	w.Helper()
	d, _ := w.last(from.status.Scope, request)
	return d.StepUp
}

// TestTwoChannelsPay: the code of the device that was heard, made for this
// offer and brought by its wallet, pays; the merchant sees method and demand,
// and neither challenge nor device.
func TestTwoChannelsPay(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.demanding(c.beacon, 1_250)
	ch := c.challenge(c.payer.status.Scope, f)
	if ch.Device != c.beacon.key.ID() || ch.Nonce == (pay.Nonce{}) {
		t.Fatalf("the wallet is told %+v", ch)
	}
	feed := c.feeds[c.payer.status.Scope]
	if kinds := []pay.Kind{feed[len(feed)-2].Kind(), feed[len(feed)-1].Kind()}; !slices.Equal(kinds, []pay.Kind{pay.KindChallenge, pay.KindDecision}) {
		t.Errorf("the wallet hears %v", kinds)
	}
	if got := c.challenge(c.shop.status.Scope, f); got != (pay.Challenge{}) {
		t.Errorf("the merchant hears of the challenge: %+v", got)
	}
	if refused := c.approve(c.payer, c.beacon, f); refused != "" {
		t.Fatalf("refused: %s", refused)
	}
	d, _ := c.last(c.shop.status.Scope, f)
	if d.State != pay.StateCaptured || d.Method() != pay.MethodTwoChannel || d.StepUp != pay.StepUpMerchant {
		t.Errorf("the merchant sees %s, %s, %s", d.State, d.Method(), d.StepUp)
	}
	c.auditOK()
}

// TestTwoChannelsRefuse holds every way in which a code may be wrong, or
// missing, against an offer that demands one: nothing is paid, nothing else is
// changed, and the right code pays afterwards.
func TestTwoChannelsRefuse(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(c *counter, f pay.Fact) (node, pay.Answer)
		want   pay.Reason
	}{
		"no code (channel one alone)": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			return c.payer, c.reply(c.payer, f, pay.Approve, pay.ByHand)
		}, pay.ReasonNeedsDevice},
		"one bit altered": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			a.Code = c.codeFor(c.beacon, c.payer, f)
			a.Code[17] ^= 4
			return c.payer, a
		}, pay.ReasonWrongCode},
		"another wallet brings it": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			a.Code = c.codeFor(c.beacon, c.payer, f)
			return c.other, a
		}, pay.ReasonWrongScope},
		"another device made it": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			second := newDevice("ann's second", 6)
			c.pair(second, c.payer)
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			a.Code = c.codeFor(second, c.payer, f)
			return c.payer, a
		}, pay.ReasonWrongCode},
		"made for another request": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			old := c.demanding(c.beacon, 1_250)
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			a.Code = c.codeFor(c.beacon, c.payer, old)
			return c.payer, a
		}, pay.ReasonWrongCode},
		"used once already": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			old := c.demanding(c.beacon, 1_250)
			if refused := c.approve(c.payer, c.beacon, old); refused != "" {
				c.Fatalf("refused: %s", refused)
			}
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			a.Code = c.codeFor(c.beacon, c.payer, old)
			return c.payer, a
		}, pay.ReasonWrongCode},
		"made for another amount": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			offer, _ := c.last(c.payer.status.Scope, f)
			offer.Amount--
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			var err error
			a.Code, err = pay.Authenticate(c.beacon.key, pay.AuthenticatePayment(c.root.ID(), c.payer.key.ID(), c.challenge(c.payer.status.Scope, f), offer, 0))
			c.must(err)
			return c.payer, a
		}, pay.ReasonWrongCode},
		"made for another challenge": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			offer, _ := c.last(c.payer.status.Scope, f)
			ch := c.challenge(c.payer.status.Scope, f)
			ch.Nonce[0]++
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			var err error
			a.Code, err = pay.Authenticate(c.beacon.key, pay.AuthenticatePayment(c.root.ID(), c.payer.key.ID(), ch, offer, 0))
			c.must(err)
			return c.payer, a
		}, pay.ReasonWrongCode},
		"made for another registry": {func(c *counter, f pay.Fact) (node, pay.Answer) {
			offer, _ := c.last(c.payer.status.Scope, f)
			a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
			var err error
			a.Code, err = pay.Authenticate(c.beacon.key, pay.AuthenticatePayment(pay.NodeID{9}, c.payer.key.ID(), c.challenge(c.payer.status.Scope, f), offer, 0))
			c.must(err)
			return c.payer, a
		}, pay.ReasonWrongCode},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			f := c.demanding(c.beacon, 1_250)
			who, a := tc.answer(c, f)
			before := c.mem.dump("p/", "b/")
			if got := c.push(0, c.sign(who.key, a)); got != tc.want {
				t.Errorf("refused as %q, want %q", got, tc.want)
			}
			if after := c.mem.dump("p/", "b/"); !maps.Equal(before, after) {
				t.Error("payments or the book changed")
			}
			if got := c.says(c.shop, f); got != "offered" {
				t.Errorf("the payment is %s", got)
			}
			if refused := c.approve(c.payer, c.beacon, f); refused != "" || c.says(c.shop, f) != "captured" {
				t.Errorf("afterwards the right code is refused (%q): %s", refused, c.says(c.shop, f))
			}
			c.auditOK()
		})
	}
}

// TestCodeOlderThanItsLife: an offer that demands two channels ends with its
// challenge, however long the merchant would have waited, and the code with it.
func TestCodeOlderThanItsLife(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	r := c.requestFrom(c.shop, c.beacon.code(c.now), 1_250)
	r.TwoChannel, r.TTL = true, pay.RequestTTLMax
	f := c.sign(c.shop.key, r)
	c.push(0, f)
	a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
	a.Code = c.codeFor(c.beacon, c.payer, f)
	c.now = c.now.Add(pay.TwoChannelLife)
	if got := c.push(0, c.sign(c.payer.key, a)); got != pay.ReasonLateAnswer {
		t.Errorf("refused as %q", got)
	}
	if got := c.says(c.shop, f); got != "expired no_answer" {
		t.Errorf("the payment is %s", got)
	}
	c.auditOK()
}

// TestYearOldCode: a code that was kept for a year pays neither the payment that
// it was made for nor an equal one of today.
func TestYearOldCode(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	old := c.demanding(c.beacon, 1_250)
	a := c.reply(c.payer, old, pay.Approve, pay.ByHand)
	a.Code = c.codeFor(c.beacon, c.payer, old)
	c.now = c.now.Add(365 * 24 * 3_600_000)
	if got := c.push(0, c.sign(c.payer.key, a)); got != pay.ReasonLateAnswer || c.says(c.shop, old) != "expired no_answer" {
		t.Errorf("for its own payment: %q, %s", got, c.says(c.shop, old))
	}
	today := c.demanding(c.beacon, 1_250)
	b := c.reply(c.payer, today, pay.Approve, pay.ByHand)
	b.Code = a.Code
	if got := c.push(0, c.sign(c.payer.key, b)); got != pay.ReasonWrongCode || c.says(c.shop, today) != "offered" {
		t.Errorf("for an equal payment of today: %q, %s", got, c.says(c.shop, today))
	}
	c.auditOK()
}

// TestChannelTwoAlone: a code without an open request pays nothing, whatever it
// was made for.
func TestChannelTwoAlone(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.demanding(c.beacon, 1_250)
	a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
	a.Code = c.codeFor(c.beacon, c.payer, f)
	a.Payment[0]++
	if got := c.push(0, c.sign(c.payer.key, a)); got != pay.ReasonUnknownPayment {
		t.Errorf("without a request: refused as %q", got)
	}
	a.Payment[0]--
	c.cancel(c.shop, f)
	if got := c.push(0, c.sign(c.payer.key, a)); got != pay.ReasonLateAnswer {
		t.Errorf("after a cancel: refused as %q", got)
	}
	c.auditOK()
}

// TestCodeNobodyAskedFor: where one channel is enough, a code is a reason to refuse.
func TestCodeNobodyAskedFor(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.charge(c.shop, c.beacon, 1_250)
	a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
	a.Code = pay.AuthCode{1}
	if got := c.push(0, c.sign(c.payer.key, a)); got != pay.ReasonWrongTerms {
		t.Errorf("refused as %q", got)
	}
	c.auditOK()
}

// TestRevokedDeviceGivesNoCode: revocation counts at once, for offers that are
// open too.
func TestRevokedDeviceGivesNoCode(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	f := c.demanding(c.beacon, 1_250)
	c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID(), Created: 1}))
	if got := c.says(c.shop, f); got != "expired payer_cannot_answer" {
		t.Errorf("the payment is %s", got)
	}
	if got := c.approve(c.payer, c.beacon, f); got != pay.ReasonLateAnswer {
		t.Errorf("refused as %q", got)
	}
	c.auditOK()
}

// TestCodeElsewhere: the same step of a device at a second site looks like a
// wormhole: from then on, and at the first site too, the device must sign. A
// second coffee at the same site is ordinary, and so is the next step.
func TestCodeElsewhere(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	second, bar := c.box("Cafe", "till-2"), c.box("Bar", "counter")
	demands := func(from node) pay.StepUp { return c.demandOn(from, c.charge(from, c.beacon, 100)) }
	if a, b := demands(c.shop), demands(c.shop); a != "" || b != "" {
		t.Errorf("at the first site: %q, %q", a, b)
	}
	there := c.charge(second, c.beacon, 100)
	if got := c.demandOn(second, there); got != pay.StepUpElsewhere {
		t.Errorf("at the second site: %q", got)
	}
	if got := demands(bar); got != pay.StepUpElsewhere {
		t.Errorf("at another merchant: %q", got)
	}
	if got := demands(c.shop); got != pay.StepUpElsewhere {
		t.Errorf("back at the first site: %q", got)
	}
	if got := c.answer(c.payer, there, pay.Approve, pay.ByHand); got != pay.ReasonNeedsDevice {
		t.Errorf("without the device: %q", got)
	}
	if got := c.approve(c.payer, c.beacon, there); got != "" || c.says(second, there) != "captured" {
		t.Errorf("with the device: %q, %s", got, c.says(second, there))
	}
	c.now = c.now.Add(120_000)
	if got := demands(bar); got != "" {
		t.Errorf("later at another site: %q", got)
	}
	c.auditOK()
}

// TestOfferBeforeTheWormhole: an offer by one channel is still open when its
// code is heard at another site too. Whichever of the two was first, an approval
// that comes after that does not pay it without the device, which is asked; the
// offer stands, and with the device it is paid.
func TestOfferBeforeTheWormhole(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	bar := c.box("Bar", "counter")
	first := c.charge(bar, c.beacon, 900)
	paid := c.charge(bar, c.beacon, 100)
	if got := c.answer(c.payer, paid, pay.Approve, pay.ByHand); got != "" || c.says(bar, paid) != "captured" {
		t.Errorf("before anything is known: %q, %s", got, c.says(bar, paid))
	}
	there := c.charge(c.shop, c.beacon, 300)
	if got := c.demandOn(c.shop, there); got != pay.StepUpElsewhere {
		t.Fatalf("the second site is offered with %q", got)
	}
	if got := c.answer(c.payer, first, pay.Approve, "all"); got != pay.ReasonNeedsDevice || c.says(bar, first) != "offered" {
		t.Errorf("the first site without the device: %q, %s", got, c.says(bar, first))
	}
	if got := c.approve(c.payer, newDevice("eve", 6), first); got != pay.ReasonWrongCode || c.says(bar, first) != "offered" {
		t.Errorf("the first site with another device: %q, %s", got, c.says(bar, first))
	}
	if got := c.approve(c.payer, c.beacon, first); got != "" || c.says(bar, first) != "captured" || c.demandOn(bar, first) != "" {
		t.Errorf("the first site with the device: %q, %s", got, c.says(bar, first))
	}
	if got := c.approve(c.payer, c.beacon, there); got != "" || c.says(c.shop, there) != "captured" {
		t.Errorf("with the device: %q, %s", got, c.says(c.shop, there))
	}
	c.auditOK()
}

// TestDemands names each reason for which the registry or the payer wants more,
// what makes it, and what ends it.
func TestDemands(t *testing.T) {
	t.Parallel()
	const day = 24 * 3_600_000
	pays := func(c *counter) pay.StepUp {
		f := c.charge(c.shop, c.beacon, 2_000)
		demand := c.demandOn(c.shop, f)
		if demand == "" {
			c.answer(c.payer, f, pay.Approve, pay.ByHand)
		} else {
			c.approve(c.payer, c.beacon, f)
		}
		if got := c.says(c.shop, f); got != "captured" {
			c.Fatalf("%q: %s", demand, got)
		}
		return demand
	}
	for name, tc := range map[string]struct {
		before      func(c *counter)
		want, after pay.StepUp
	}{
		"nothing unusual": {func(*counter) {}, "", ""},
		"paired again": {func(c *counter) {
			c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID(), Created: 1}))
			c.now = c.now.Add(5_000)
			c.pair(c.beacon, c.payer)
		}, pay.StepUpRepaired, ""},
		"paired again, then set right": {func(c *counter) {
			c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID(), Created: 1}))
			c.now = c.now.Add(5_000)
			c.pair(c.beacon, c.payer)
			c.now = c.now.Add(5_000)
			c.pair(c.beacon, c.payer)
		}, pay.StepUpRepaired, ""},
		"set right alone":      {func(c *counter) { c.now = c.now.Add(day); c.pair(c.beacon, c.payer) }, "", ""},
		"away for 29 days":     {func(c *counter) { c.now = c.now.Add(29 * day) }, "", ""},
		"away for 30 days":     {func(c *counter) { c.now = c.now.Add(30 * day) }, pay.StepUpSilence, ""},
		"above the limit":      {func(c *counter) { c.limit(1_999, pay.FactID{}, nil) }, pay.StepUpPayer, pay.StepUpPayer},
		"at the limit":         {func(c *counter) { c.limit(2_000, pay.FactID{}, nil) }, "", ""},
		"every payment":        {func(c *counter) { c.limit(0, pay.FactID{}, nil) }, pay.StepUpPayer, pay.StepUpPayer},
		"a clock too fast":     {func(c *counter) { c.runAhead(9) }, pay.StepUpDrift, pay.StepUpDrift},
		"a clock within drift": {func(c *counter) { c.runAhead(4) }, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			tc.before(c)
			if got := pays(c); got != tc.want {
				t.Errorf("first: %q, want %q", got, tc.want)
			}
			if got := pays(c); got != tc.after {
				t.Errorf("then: %q, want %q", got, tc.after)
			}
			c.auditOK()
		})
	}
}

// TestFreshAnchorIsNoDrift: a bind has the counter in whole seconds. A device
// whose clock is exact, anchored late in a second, pays at the very beginning of
// its next step without being suspected.
func TestFreshAnchorIsNoDrift(t *testing.T) {
	t.Parallel()
	for late := pay.Millis(0); late < 1_000; late += 111 {
		c := newCounter(t)
		d := newDevice("exact", 6)
		c.topUp(c.other, 10_000)
		c.now = start.Add(late)
		c.pair(d, c.other)
		c.now = start.Add(pay.Millis(64-d.at(start)%64) * 1000)
		f := c.charge(c.shop, d, 900)
		if got := c.demandOn(c.shop, f); got != "" || c.says(c.shop, f) != "offered" {
			t.Errorf("anchored %d ms late in a second, it is %s and demands %q", late, c.says(c.shop, f), got)
		}
		c.auditOK()
	}
}

// runAhead lets half a day pass, in which drift allows 6.48 s, and the device's
// clock be fast by some seconds at the beginning of a step, where it shows.
func (c *counter) runAhead(seconds pay.Counter) {
	c.now = c.now.Add(12 * 3_600_000)
	c.beacon.counter += seconds
	c.now = c.now.Add(pay.Millis(64-c.beacon.at(c.now)%64) * 1000)
}

// limit pushes a wallet's wish, with a device's code if there is a device.
func (c *counter) limit(above pay.Amount, before pay.FactID, d *device) (pay.FactID, pay.Reason) {
	c.Helper()
	c.serial++
	l := pay.StepUpAbove{Before: before, Above: above, Currency: "EUR", Created: pay.Time(c.serial)}
	if d != nil {
		l.Device = d.key.ID()
		var err error
		l.Code, err = pay.Authenticate(d.key, pay.AuthenticateStepUpAbove(c.root.ID(), c.payer.key.ID(), l))
		c.must(err)
	}
	f := c.sign(c.payer.key, l)
	return f.ID(), c.push(0, f)
}

// TestLimit: the wallet alone may ask for more protection, never for less.
func TestLimit(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	stranger := newDevice("a stranger's", 6)
	c.pair(stranger, c.other)
	set := func(what string, above pay.Amount, before pay.FactID, d *device, want pay.Reason) pay.FactID {
		t.Helper()
		id, got := c.limit(above, before, d)
		if got != want {
			t.Errorf("%s: refused as %q, want %q", what, got, want)
		}
		c.auditOK()
		return id
	}
	first := set("the first", 5_000, pay.FactID{}, nil, "")
	lower := set("lower", 2_000, first, nil, "")
	set("on an old one", 1_000, first, nil, pay.ReasonOldStepUp)
	set("raised by the phone alone", 9_000, lower, nil, pay.ReasonNeedsDevice)
	set("lifted by the phone alone", pay.AmountMax, lower, nil, pay.ReasonNeedsDevice)
	set("raised with a stranger's device", 9_000, lower, stranger, pay.ReasonUnknownDevice)
	raised := set("raised with the device", 9_000, lower, c.beacon, "")
	again := set("lower again", 1_000, raised, nil, "")
	lifted := set("lifted with the device", pay.AmountMax, again, c.beacon, "")
	if got := c.demandOn(c.shop, c.charge(c.shop, c.beacon, 50_000)); got != "" {
		t.Errorf("after it was lifted: %q", got)
	}
	set("the first after none", 100, lifted, nil, "")
}

// TestAuditFindsTwoChannels bends what only two-channel payments have.
func TestAuditFindsTwoChannels(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		bend func(c *counter)
		want string
	}{
		"capture without the device": {func(c *counter) {
			c.forgeTwo(func(a *pay.Answer) { a.Code = pay.AuthCode{} })
		}, "without a code of the device"},
		"capture by another code": {func(c *counter) { c.forgeTwo(func(a *pay.Answer) { a.Code[0]++ }) }, "without a code of the device"},
		"limit row gone":          {func(c *counter) { c.mem.rows.Delete(c.rowOf("u/")) }, "has no row"},
		"limit row bent":          {func(c *counter) { c.replace(c.rowOf("u/"), "EUR", "USD") }, "last said of it"},
		"limit raised without the device": {func(c *counter) {
			c.raise(pay.StepUpAbove{Before: c.limitNow(), Above: 9_000})
		}, "raised without a code"},
		"limit raised by a stranger's device": {func(c *counter) {
			d := newDevice("a stranger's", 6)
			l := pay.StepUpAbove{Before: c.limitNow(), Above: 9_000, Currency: "EUR", Device: c.beacon.key.ID()}
			var err error
			l.Code, err = pay.Authenticate(d.key, pay.AuthenticateStepUpAbove(c.root.ID(), c.payer.key.ID(), l))
			c.must(err)
			c.raise(l)
		}, "raised without a code"},
		"limit raised in place of one that never was": {func(c *counter) {
			c.raise(pay.StepUpAbove{Before: pay.FactID{1}, Above: 9_000})
		}, "raised without a code"},
		"another challenge": {func(c *counter) {
			c.signAsRegistry(pay.Challenge{Payment: pay.PaymentID{1}, Device: c.beacon.key.ID(), At: c.now})
		}, "challenge is not the registry's"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			c.limit(5_000, pay.FactID{}, nil)
			c.auditOK()
			tc.bend(c)
			res := c.audit()
			if told := strings.Join(res.Findings, "\n"); res.OK || !strings.Contains(told, tc.want) {
				t.Errorf("audit says ok=%v:\n%s\nwant %q", res.OK, told, tc.want)
			}
		})
	}
}

// raise makes the registry state that a limit is in force which it had to refuse.
func (c *counter) raise(l pay.StepUpAbove) {
	c.Helper()
	l.Currency, l.Created = "EUR", 99
	claim := c.sign(c.payer.key, l)
	c.mem.facts[claim.ID()] = claim
	c.now++
	c.signAsRegistry(pay.StepUpStatus{Claim: claim.ID(), Above: l.Above, Currency: l.Currency, At: c.now})
}

// forgeTwo is forge for an offer that demands two channels.
func (c *counter) forgeTwo(lie func(*pay.Answer)) {
	c.Helper()
	c.limit(1, c.limitNow(), nil)
	f := c.charge(c.shop, c.beacon, 2_000)
	a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
	a.Code = c.codeFor(c.beacon, c.payer, f)
	c.lieAbout(f, c.sign(c.payer.key, a), lie, c.payer.key)
}

// limitNow returns the claim that set the payer's limit.
func (c *counter) limitNow() (id pay.FactID) {
	for _, f := range c.feeds[c.payer.status.Scope] {
		if s, err := pay.As[pay.StepUpStatus](f); err == nil {
			id = s.Claim
		}
	}
	return id
}

// TestStolenPhoneMakesNoDevice: a phone alone can pair a tag of the thief's. Its
// codes count for nothing until the owner had a day to notice, neither for a
// payment that demands two channels nor to lift the owner's limit. The wallet's
// first device is trusted at once, and one that it had before again.
func TestStolenPhoneMakesNoDevice(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	limit, _ := c.limit(500, pay.FactID{}, nil)
	thief := newDevice("the thief's", 6)
	c.pair(thief, c.payer)
	if _, got := c.limit(pay.AmountMax, limit, thief); got != pay.ReasonNewDevice {
		t.Errorf("lifting the limit is refused as %q", got)
	}
	f := c.charge(c.shop, thief, 900)
	if got := c.says(c.shop, f); got != "unmatched payer_cannot_answer" {
		t.Errorf("paying: %s", got)
	}
	// Setting its clock right makes it no older.
	c.now = c.now.Add(pay.DeviceProbation - 50_000)
	c.pair(thief, c.payer)
	f = c.charge(c.shop, thief, 900)
	if got := c.approve(c.payer, thief, f); got != pay.ReasonNewDevice {
		t.Errorf("paying a little earlier than a day is refused as %q", got)
	}
	// Nor does paying with the first device suffer meanwhile.
	f = c.charge(c.shop, c.beacon, 900)
	if got := c.approve(c.payer, c.beacon, f); got != "" {
		t.Errorf("the owner's own device is refused: %q", got)
	}
	c.now = c.now.Add(130_000)
	f = c.charge(c.shop, thief, 900)
	if got := c.approve(c.payer, thief, f); got != "" || c.says(c.shop, f) != "captured" {
		t.Errorf("after a day: %q, %s", got, c.says(c.shop, f))
	}
	// Revoked and paired again, the first device is who it was.
	c.push(0, c.sign(c.payer.key, pay.Revoke{Device: c.beacon.key.ID(), Created: 1}))
	c.now = c.now.Add(5_000)
	c.pair(c.beacon, c.payer)
	f = c.charge(c.shop, c.beacon, 900)
	if got := c.approve(c.payer, c.beacon, f); got != "" {
		t.Errorf("paired again, the first device is refused: %q", got)
	}
	c.auditOK()
}
