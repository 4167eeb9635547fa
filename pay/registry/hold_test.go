package registry_test

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// tab is a payment of 4000 that is held, or captured at once, under events that a line
// of text names. The payer has 10000.
type tab struct {
	*counter
	second  node // another box of the merchant
	request pay.Fact
	hold    pay.Millis
	tipMax  pay.Amount // of the next request
	keys    int
}

const tabHold pay.Millis = 3_600_000

func newTab(t tb) *tab {
	t.Helper()
	c := newCounter(t)
	return &tab{counter: c, second: c.box("Cafe", "till-2"), hold: tabHold}
}

// open asks for an amount, to be held or to be captured at once.
func (c *tab) open(amount pay.Amount, hold pay.Millis) pay.Reason {
	c.Helper()
	request := c.requestFrom(c.shop, c.beacon.code(c.now), amount)
	request.TipMax = c.tipMax
	c.request = c.sign(c.shop.key, pay.Opening{Request: request, Hold: hold}.Body())
	return c.push(0, c.request)
}

// stands is the payment as the merchant's feed has it.
func (c *tab) stands() pay.Payment {
	c.Helper()
	p := pay.Open(c.request.ID())
	for _, f := range c.feeds[c.shop.status.Scope] {
		if d, err := pay.As[pay.Decision](f); err == nil && d.Payment == p.ID {
			next, err := p.Next(f.ID(), d)
			c.must(err)
			p = next
		}
	}
	return p
}

// step lets one event happen: a verb, an amount or "all", and key=K, final, age=MS, box2,
// tips=MOST and tip=AMOUNT.
func (c *tab) step(words string) pay.Reason {
	c.Helper()
	w := strings.Fields(words)
	amount := pay.Amount(0)
	if len(w) > 1 {
		if n, err := strconv.ParseInt(w[1], 10, 64); err == nil {
			amount = pay.Amount(n)
		}
	}
	option := func(name string) (string, bool) {
		for _, o := range w[1:] {
			if v, ok := strings.CutPrefix(o, name+"="); ok {
				return v, true
			}
			if o == name {
				return "", true
			}
		}
		return "", false
	}
	c.keys++
	key, named := option("key")
	if !named {
		key = fmt.Sprint("act-", c.keys)
	}
	box, age := c.shop, pay.Millis(0)
	if _, other := option("box2"); other {
		box = c.second
	}
	if ms, ok := option("age"); ok {
		n, err := strconv.ParseInt(ms, 10, 64)
		c.must(err)
		age = pay.Millis(n)
	}
	_, final := option("final")
	number := func(name string) (n pay.Amount) {
		if words, ok := option(name); ok {
			v, err := strconv.ParseInt(words, 10, 64)
			c.must(err)
			n = pay.Amount(v)
		}
		return n
	}
	c.tipMax = number("tips")
	a := pay.Action{Payment: pay.PaymentID(c.request.ID()), Key: pay.IdempotencyKey(key), Amount: amount, Final: final, Created: pay.Time(c.keys)}
	switch w[0] {
	case "hold":
		return c.open(cmp.Or(amount, 4_000), c.hold)
	case "charge":
		return c.open(cmp.Or(amount, 4_000), 0)
	case "approve", "decline":
		answer := c.reply(c.payer, c.request, pay.Verdict(w[0]), pay.ByHand)
		answer.HoldUntil = c.stands().Decision.HoldUntil
		if _, old := option("old"); old {
			answer.HoldUntil = 0
		}
		if by, ok := option("until"); ok {
			n, err := strconv.ParseInt(by, 10, 64)
			c.must(err)
			answer.HoldUntil += pay.Time(n)
		}
		answer.Tip = number("tip")
		return c.push(0, c.sign(c.payer.key, answer))
	case "cancel":
		return c.cancel(box, c.request)
	case "capture":
		return c.push(age, c.sign(box.key, pay.Capture{Action: a}))
	case "void":
		return c.push(age, c.sign(box.key, pay.Void{Action: a}))
	case "refund":
		return c.push(age, c.sign(box.key, pay.Refund{Action: a}))
	case "more":
		return c.push(age, c.sign(box.key, pay.Increment{Action: a, TTL: 60_000}))
	case "yes", "no":
		return c.answerMore(w[0] == "yes", amount, w)
	case "spend":
		f := c.charge(c.shop, c.beacon, amount)
		c.answer(c.payer, f, pay.Approve, pay.ByHand)
	case "payout":
		_, r, err := c.reg.PayOut(c.mem, c.now, pay.PaidOut{Account: c.shop.status.Scope, Amount: amount, Currency: "EUR", Key: a.Key})
		c.must(err)
		c.publish(r)
	case "wait":
		c.now = c.now.Add(pay.Millis(amount))
		c.fireDue()
	case "later": // the clock goes on, and no deadline has run yet
		c.now = c.now.Add(pay.Millis(amount))
	case "limit":
		c.push(0, c.sign(c.payer.key, pay.StepUpAbove{Above: amount, Currency: "EUR", Created: c.now}))
	default:
		c.Fatalf("no event %q", words)
	}
	return ""
}

// answerMore answers the last increment that was offered to the payer, with another
// total if that is given.
func (c *tab) answerMore(yes bool, total pay.Amount, words []string) pay.Reason {
	c.Helper()
	var offer pay.IncrementOffer
	var id pay.FactID
	for _, f := range c.feeds[c.payer.status.Scope] {
		if o, err := pay.As[pay.IncrementOffer](f); err == nil {
			offer, id = o, f.ID()
		}
	}
	c.serial++
	a := pay.IncrementAnswer{More: offer.More, Offer: id, Verdict: pay.Decline, By: pay.ByHand, Created: pay.Time(c.serial)}
	if yes {
		a.Verdict = pay.Approve
	}
	if total != 0 {
		a.Total = total
	}
	key := c.payer.key
	if slices.Contains(words, "other") {
		key = c.other.key
	}
	return c.push(0, c.sign(key, a))
}

// posted returns what an account has and what of it is held, or promised to it.
func (c *tab) posted(owner pay.Scope) (has, held, promised pay.Amount) {
	c.Helper()
	b, err := book.Load(c.mem, book.Account{Owner: owner, Currency: "EUR"})
	c.must(err)
	return b.Posted(), b.HeldDebits, b.HeldCredits
}

// conserved fails unless what was put into the payer's account is still there, or at
// the merchant, or was paid out.
func (c *tab) conserved(paidOut pay.Amount) {
	c.Helper()
	ann, held, _ := c.posted(c.payer.status.Scope)
	cafe, _, promised := c.posted(c.shop.status.Scope)
	if ann+cafe+paidOut != 10_000 || held != promised {
		c.Fatalf("the payer has %d, %d of it held, the merchant %d with %d promised", ann, held, cafe, promised)
	}
}

// waysToStates say how a payment of 4000 comes to a state, of the columns below.
var waysToStates = map[string]string{
	"offered": "hold", "held": "hold; approve", "part": "hold; approve; capture 1500", "full": "hold; approve; capture", "paid": "charge; approve",
	"back": "charge; approve; refund 1000", "refunded": "charge; approve; refund", "voided": "hold; approve; void",
	"over": "hold; approve; wait 4500000", "declined": "hold; decline",
}

// holdLives is what each event (rows) does in each state (columns). A cell is the
// state after it with what is held, captured and refunded, "=" for the same ones, and
// after "!" the refusal.
const holdLives = `
event           | offered    | held                      | part                      | full                      | paid                      | back                        | refunded           | voided             | over               | declined
capture         | = !not_held| captured 0/4000/0         | captured 0/4000/0         | = !late_capture           | = !late_capture           | = !late_capture             | = !late_capture    | = !late_capture    | = !late_capture    | = !late_capture
capture 1000    | = !not_held| captured 3000/1000/0      | captured 1500/2500/0      | = !late_capture           | = !late_capture           | = !late_capture             | = !late_capture    | = !late_capture    | = !late_capture    | = !late_capture
capture 1000 final| = !not_held| captured 0/1000/0       | captured 0/2500/0         | = !late_capture           | = !late_capture           | = !late_capture             | = !late_capture    | = !late_capture    | = !late_capture    | = !late_capture
capture 4001    | = !not_held| = !above_held             | = !above_held             | = !late_capture           | = !late_capture           | = !late_capture             | = !late_capture    | = !late_capture    | = !late_capture    | = !late_capture
void            | = !not_held| voided 0/0/0              | captured 0/1500/0         | = !late_void              | = !late_void              | = !late_void                | = !late_void       | =                  | = !late_void       | = !late_void
refund          | = !not_captured| = !not_captured       | part_refunded 2500/1500/1500| refunded 0/4000/4000    | refunded 0/4000/4000      | refunded 0/4000/4000        | = !above_captured  | = !not_captured    | = !not_captured    | = !not_captured
refund 1000     | = !not_captured| = !not_captured       | part_refunded 2500/1500/1000| part_refunded 0/4000/1000| part_refunded 0/4000/1000 | part_refunded 0/4000/2000   | = !above_captured  | = !not_captured    | = !not_captured    | = !not_captured
refund 4001     | = !not_captured| = !not_captured       | = !above_captured         | = !above_captured         | = !above_captured         | = !above_captured           | = !above_captured  | = !not_captured    | = !not_captured    | = !not_captured
more 500        | = !not_held| =                         | = !late_increment         | = !late_increment         | = !late_increment         | = !late_increment           | = !late_increment  | = !late_increment  | = !late_increment  | = !late_increment
cancel          | cancelled 0/0/0| = !late_cancel        | = !late_cancel            | = !late_cancel            | = !late_cancel            | = !late_cancel              | = !late_cancel     | = !late_cancel     | = !late_cancel     | = !late_cancel
approve         | held 4000/0/0| = !already_decided      | = !already_decided        | = !already_decided        | = !already_decided        | = !already_decided          | = !already_decided | = !already_decided | = !late_answer     | = !already_decided
approve old     | failed 0/0/0| = !already_decided       | = !already_decided        | = !already_decided        | = !already_decided        | = !already_decided          | = !already_decided | = !already_decided | = !late_answer     | = !already_decided
approve until=1 | = !wrong_terms| = !already_decided     | = !already_decided        | = !already_decided        | = !already_decided        | = !already_decided          | = !already_decided | = !already_decided | = !late_answer     | = !already_decided
wait 3600000    | expired 0/0/0| =                       | =                         | =                         | =                         | =                           | =                  | =                  | =                  | =
wait 4500000    | expired 0/0/0| expired 0/0/0           | captured 0/1500/0         | =                         | =                         | =                           | =                  | =                  | =                  | =
`

// TestEveryActionInEveryState walks the table above, and sees what a refused claim
// leaves behind: nothing but its refusal.
func TestEveryActionInEveryState(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(holdLives), "\n")
	cells := func(line string) (list []string) {
		for cell := range strings.SplitSeq(line, "|") {
			list = append(list, strings.TrimSpace(cell))
		}
		return list
	}
	states := cells(lines[0])[1:]
	for _, line := range lines[1:] {
		row := cells(line)
		for i, from := range states {
			t.Run(row[0]+" in "+from, func(t *testing.T) {
				t.Parallel()
				c := newTab(t)
				for s := range strings.SplitSeq(waysToStates[from], ";") {
					if no := c.step(s); no != "" {
						t.Fatalf("%s: %s", s, no)
					}
				}
				before, rows := c.short(), c.money()
				refused := c.step(row[0])
				want, wantRefused, _ := strings.Cut(row[i+1], "!")
				if want = strings.TrimSpace(want); want == "=" {
					want = before
				}
				if got := c.short(); got != want || string(refused) != wantRefused {
					t.Errorf("is %s !%s, want %s !%s", got, refused, want, wantRefused)
				}
				if wantRefused != "" && c.money() != rows {
					t.Error("what was refused left other rows behind")
				}
				if late := strings.HasPrefix(wantRefused, "late_") || strings.HasPrefix(wantRefused, "above_"); late && from != "declined" &&
					(c.refusals(c.shop.status.Scope, refused) != 1 || !strings.HasPrefix(row[0], "approve") && c.refusals(c.payer.status.Scope, refused) != 1) {
					t.Errorf("the refusal reached the merchant %d times and the payer %d times", c.refusals(c.shop.status.Scope, refused), c.refusals(c.payer.status.Scope, refused))
				}
				c.conserved(0)
				c.auditOK()
			})
		}
	}
}

// short is where the payment stands, with what is held, captured and refunded.
func (c *tab) short() string {
	c.Helper()
	p := c.stands()
	s := p.Sums()
	return fmt.Sprintf("%s %d/%d/%d", p.State, s.Held, s.Captured, s.Refunded)
}

// faults are named for what other payment systems shipped. A line has the events, each
// with the refusal that it draws behind "!", and after "=>" where the payment stands and
// what the payer and the merchant have.
const faults = `
a rejected hold is not captured later       : hold 10001; approve; capture !late_capture; refund !not_captured         => failed 0/0/0        10000 0
a declined hold is not captured later       : hold; decline; capture !late_capture                                     => declined 0/0/0      10000 0
a hold counts against the balance           : hold 7000; approve; spend 3001                                           => held 7000/0/0       10000 0
what is not held can be spent               : hold 7000; approve; spend 3000                                           => held 7000/0/0       7000  3000
two holds are not made of one balance       : hold 6000; approve; hold 6000; approve                                   => failed 0/0/0        10000 0
held money goes back once                   : hold; approve; void; void; void box2; void key=x; spend 10000            => voided 0/0/0        0     10000
voided and then captured                    : hold; approve; void; capture !late_capture; spend 10000                  => voided 0/0/0        0     10000
captured and then voided                    : hold; approve; capture; void !late_void                                  => captured 0/4000/0   6000  4000
nothing is revived                          : hold; approve; void; more 100 !late_increment; approve !already_decided; capture !late_capture => voided 0/0/0 10000 0
nothing is revived after the end            : hold; approve; wait 4500000; more 100 !late_increment; capture !late_capture; void !late_void => expired 0/0/0 10000 0
a capture again under its key               : hold; approve; capture 1000 key=a; capture 1000 key=a; capture 1000 key=a box2 => captured 3000/1000/0 9000 1000
a key of another amount                     : hold; approve; capture 1000 key=a; capture 1001 key=a !key_used          => captured 3000/1000/0 9000 1000
a key of a capture for a refund             : hold; approve; capture 1000 key=a; refund 1000 key=a !key_used           => captured 3000/1000/0 9000 1000
a key of an increment for a capture         : hold; approve; more 500 key=a; capture 500 key=a !key_used               => held 4000/0/0       10000 0
a refused claim leaves its key unused       : hold; approve; capture 4001 key=a !above_held; capture 1000 key=a        => captured 3000/1000/0 9000 1000
parts add up to no more than the hold       : hold; approve; capture 1500; capture 1500; capture 1500 !above_held; capture 1000; capture 1 !late_capture => captured 0/4000/0 6000 4000
a final part gives the rest back            : hold; approve; capture 1500 final; capture 1 !late_capture; spend 8500   => captured 0/1500/0   0     10000
the rest is given up                        : hold; approve; capture 1500; void; capture 1 !late_capture               => captured 0/1500/0   8500  1500
the rest goes back by the clock             : hold; approve; capture 1500; wait 4500000; capture 1 !late_capture       => captured 0/1500/0   8500  1500
an increment is added once                  : hold; approve; more 500 key=m; yes; more 500 key=m; more 500 key=m box2; yes !already_decided => held 4500/0/0 10000 0
an increment without an answer              : hold; approve; more 500 key=m; wait 60000; yes !late_answer; more 500 key=m => held 4000/0/0    10000 0
an increment declined                       : hold; approve; more 500 key=m; no; more 500 key=m; yes !already_decided  => held 4000/0/0       10000 0
an increment that the balance does not cover: hold 9800; approve; more 500; yes                                        => held 9800/0/0       10000 0
an increment of another total               : hold; approve; more 500; yes 4501 !wrong_terms; yes                      => held 4500/0/0       10000 0
an increment by another wallet              : hold; approve; more 500; yes other !wrong_scope                          => held 4000/0/0       10000 0
an increment while one stands               : hold; approve; more 500; more 600 !increment_open                        => held 4000/0/0       10000 0
a capture while an increment stands         : hold; approve; more 500; capture 4000; yes !late_answer                  => captured 0/4000/0   6000  4000
a void while an increment stands            : hold; approve; more 500; void; yes !late_answer                          => voided 0/0/0        10000 0
an increment above what needs the device    : limit 4400; hold; approve; more 401 !needs_device; more 400; yes         => held 4400/0/0       10000 0
increments and then all of it               : hold; approve; more 500; yes; more 500; yes; capture                     => captured 0/5000/0   5000  5000
above any payment                           : hold; approve; more 10000000000 !above_limit                             => held 4000/0/0       10000 0
a refund of a refund                        : charge; approve; refund 4000; refund 1 !above_captured                   => refunded 0/4000/4000 10000 0
refunds add up to no more than the capture  : charge; approve; refund 2500; refund 1501 !above_captured; refund 1500   => refunded 0/4000/4000 10000 0
a refund again under its key                : charge; approve; refund 1000 key=r; refund 1000 key=r; refund 1000 key=r box2 => part_refunded 0/4000/1000 7000 3000
a refund of what is held                    : hold; approve; refund 1 !not_captured                                    => held 4000/0/0       10000 0
a refund while the rest is held             : hold; approve; capture 1000; refund; capture                             => part_refunded 0/4000/1000 7000 3000
all is refunded, then the rest goes back    : hold; approve; capture 1000; refund; void                                => refunded 0/1000/1000 10000 0
all is refunded, then the clock             : hold; approve; capture 1000; refund; wait 4500000                        => refunded 0/1000/1000 10000 0
in flight when the hold ends                : hold; approve; wait 3600500; capture age=501                             => captured 0/4000/0   6000  4000
stored when the hold had ended              : hold; approve; wait 3600500; capture age=500 !late_capture               => held 4000/0/0       10000 0
in flight for longer than the grace         : hold; approve; wait 4500000; capture age=4400000 !late_capture           => expired 0/0/0       10000 0
a box that lies about its age, in the grace : hold; approve; wait 4499999; capture age=99999999                        => captured 0/4000/0   6000  4000
a box that lies about its age, later        : hold; approve; later 4500000; capture age=99999999 !late_capture         => expired 0/0/0       10000 0
money stays held during the grace           : hold; approve; wait 4499999; spend 6001                                  => held 4000/0/0       10000 0
the second box captures, the first refunds  : hold; approve; capture 3000 box2; refund 1000; void box2                 => part_refunded 0/3000/1000 8000 2000
`

// TestFaultsOfOthers walks the table above.
func TestFaultsOfOthers(t *testing.T) {
	t.Parallel()
	walkEvents(t, faults)
}

// walkEvents walks a table like the one above.
func walkEvents(t *testing.T, table string) {
	t.Helper()
	for line := range strings.Lines(strings.TrimSpace(table)) {
		name, rest, _ := strings.Cut(strings.TrimSpace(line), ":")
		events, want, _ := strings.Cut(rest, "=>")
		t.Run(strings.TrimSpace(name), func(t *testing.T) {
			t.Parallel()
			c := newTab(t)
			for s := range strings.SplitSeq(events, ";") {
				step, refused, _ := strings.Cut(strings.TrimSpace(s), "!")
				if no := c.tryStep(step); string(no) != strings.TrimSpace(refused) {
					t.Fatalf("%s is refused %q, want %q", step, no, refused)
				}
				c.conserved(0)
				c.auditOK()
			}
			ann, _, _ := c.posted(c.payer.status.Scope)
			cafe, _, _ := c.posted(c.shop.status.Scope)
			if got := fmt.Sprintf("%s %d %d", c.short(), ann, cafe); got != strings.Join(strings.Fields(want), " ") {
				t.Errorf("is %s, want %s", got, want)
			}
		})
	}
}

// tryStep is step, for "spend" of more than there is too: the payment that c is about
// stays the same.
func (c *tab) tryStep(step string) pay.Reason {
	c.Helper()
	kept := c.request
	no := c.step(step)
	if strings.HasPrefix(step, "spend") {
		c.request = kept
	}
	return no
}

// TestOneOfManyCaptures: of many captures of all that is held, at two boxes and under
// keys of their own, one succeeds.
func TestOneOfManyCaptures(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	c.step("hold")
	c.step("approve")
	var done, late int
	for i := range 20 {
		box := map[bool]string{true: " box2", false: ""}[i%2 == 1]
		switch no := c.step("capture 4000" + box); no {
		case "":
			done++
		case pay.ReasonLateCapture:
			late++
		default:
			t.Errorf("capture %d is refused: %s", i, no)
		}
	}
	if done != 1 || late != 19 {
		t.Errorf("%d captures succeeded, %d were late", done, late)
	}
	c.conserved(0)
	c.auditOK()
}

// TestARefundNeedsTheMerchantsMoney: what was paid out since is not there to give back.
func TestARefundNeedsTheMerchantsMoney(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	c.step("charge")
	c.step("approve")
	c.step("payout 3001")
	if no := c.step("refund 1000"); no != pay.ReasonInsufficientFunds || c.short() != "captured 0/4000/0" {
		t.Errorf("refused %q, is %s", no, c.short())
	}
	if no := c.step("refund 999"); no != "" || c.short() != "part_refunded 0/4000/999" {
		t.Errorf("refused %q, is %s", no, c.short())
	}
	c.conserved(3_001)
	c.auditOK()
}

// TestOthersCannotAct: another merchant and a wallet are refused, and nothing changes.
func TestOthersCannotAct(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	c.step("hold")
	c.step("approve")
	before := c.money()
	bar := c.box("Bar", "till-1")
	id := pay.PaymentID(c.request.ID())
	for name, try := range map[string]struct {
		by   node
		body pay.Body
		want pay.Reason
	}{
		"a capture by another merchant":      {bar, pay.Capture{Action: pay.Action{Payment: id, Key: "k"}}, pay.ReasonWrongScope},
		"a void by another merchant":         {bar, pay.Void{Action: pay.Action{Payment: id, Key: "k"}}, pay.ReasonWrongScope},
		"an increment by another merchant":   {bar, pay.Increment{Action: pay.Action{Payment: id, Key: "k", Amount: 5}, TTL: 60_000}, pay.ReasonWrongScope},
		"a refund by the payer":              {c.payer, pay.Refund{Action: pay.Action{Payment: id, Key: "k"}}, pay.ReasonWrongRole},
		"a capture of an unknown payment":    {c.shop, pay.Capture{Action: pay.Action{Payment: pay.PaymentID{9}, Key: "k"}}, pay.ReasonUnknownPayment},
		"an answer to an increment of none":  {c.payer, pay.IncrementAnswer{More: pay.More{Payment: id, Merchant: c.shop.status.Scope, Amount: 1, Total: 4_001, Currency: "EUR"}, Offer: pay.FactID{9}, Verdict: pay.Approve, By: "x"}, pay.ReasonWrongTerms},
		"an answer to an increment by a box": {c.shop, pay.IncrementAnswer{More: pay.More{Payment: id, Merchant: c.shop.status.Scope, Amount: 1, Total: 4_001, Currency: "EUR"}, Offer: pay.FactID{9}, Verdict: pay.Approve, By: "x"}, pay.ReasonWrongRole},
	} {
		if no := c.push(0, c.sign(try.by.key, try.body)); no != try.want {
			t.Errorf("%s: refused %q, want %q", name, no, try.want)
		}
	}
	if c.money() != before {
		t.Error("what was refused left other rows behind")
	}
	c.auditOK()
}

// TestChainsAreBounded: no payment has more decisions than its readers read again.
func TestChainsAreBounded(t *testing.T) {
	t.Parallel()
	c := newTab(t)
	c.step("charge")
	c.step("approve")
	for i := range pay.DecisionsMax - 2 {
		if no := c.step("refund 1"); no != "" {
			t.Fatalf("refund %d: %s", i, no)
		}
	}
	if no := c.step("refund 1"); no != pay.ReasonTooManyActions {
		t.Errorf("one more is refused %q", no)
	}
	d := newTab(t)
	d.step("hold")
	d.step("approve")
	for range pay.IncrementsMax {
		d.step("more 1")
		d.step("no")
	}
	if no := d.step("more 1"); no != pay.ReasonTooManyActions {
		t.Errorf("one more increment is refused %q", no)
	}
	c.auditOK()
	d.auditOK()
}

// TestBadClaimsAreNotSigned: amounts and spans out of their bounds are no claims.
func TestBadClaimsAreNotSigned(t *testing.T) {
	t.Parallel()
	ok := pay.Action{Payment: pay.PaymentID{1}, Key: "k", Amount: 5}
	with := func(change func(*pay.Action)) pay.Action {
		a := ok
		change(&a)
		return a
	}
	for name, body := range map[string]pay.Body{
		"a negative capture":    pay.Capture{Action: with(func(a *pay.Action) { a.Amount = -1 })},
		"a capture above all":   pay.Capture{Action: with(func(a *pay.Action) { a.Amount = pay.AmountMax + 1 })},
		"a capture of nothing":  pay.Capture{Action: with(func(a *pay.Action) { a.Payment = pay.PaymentID{} })},
		"a capture without key": pay.Capture{Action: with(func(a *pay.Action) { a.Key = "" })},
		"a part of a void":      pay.Void{Action: ok},
		"a final refund":        pay.Refund{Action: with(func(a *pay.Action) { a.Final = true })},
		"an increment by 0":     pay.Increment{Action: with(func(a *pay.Action) { a.Amount = 0 }), TTL: 60_000},
		"an increment for ever": pay.Increment{Action: ok, TTL: pay.RequestTTLMax + 1},
		"no total":              pay.IncrementAnswer{More: pay.More{Payment: pay.PaymentID{1}, Merchant: "m/m", Amount: 5, Total: 5, Currency: "EUR"}, Offer: pay.FactID{1}, Verdict: pay.Approve, By: "x"},
		"a hold of no length":   pay.Opening{},
		"a hold too short":      pay.Opening{Request: pay.Request{TTL: 120_000}, Hold: 60_000},
		"a hold too long":       pay.Opening{Request: pay.Request{TTL: 60_000}, Hold: pay.HoldMax + 1},
	} {
		if _, err := pay.Sign(keyOf("x"), body); err == nil {
			t.Errorf("%s is signed", name)
		}
	}
}
