package registry_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// counter is one box, one wallet with money and one device near.
type counter struct {
	*world
	shop   node
	payer  node
	other  node // another wallet
	beacon *device
}

func newCounter(t tb) *counter {
	t.Helper()
	w := newWorld(t)
	c := &counter{world: w, shop: w.box("Cafe", "till-1"), payer: w.wallet("ann"), other: w.wallet("bob"), beacon: newDevice("ann", 6)}
	w.pair(c.beacon, c.payer)
	w.topUp(c.payer, 10_000)
	return c
}

// lives is the whole life of an immediate payment: what each event (rows) does
// in each state (columns). A cell is the state after it, "=" for the same one,
// and after "!" the refusal.
const lives = `
event            none               offered            captured           declined           failed             expired          cancelled        unmatched
request          offered            =                  =                  =                  =                  =                =                =
key again        offered            =                  =                  =                  =                  =                =                =
approve          = !unknown_payment captured           = !already_decided = !already_decided = !already_decided = !late_answer   = !late_answer   = !wrong_scope
decline          = !unknown_payment declined           = !already_decided = !already_decided = !already_decided = !late_answer   = !late_answer   = !wrong_scope
approve more     = !unknown_payment = !wrong_terms     = !already_decided = !already_decided = !already_decided = !late_answer   = !late_answer   = !wrong_scope
approve by other = !unknown_payment = !wrong_scope     = !wrong_scope     = !wrong_scope     = !wrong_scope     = !wrong_scope   = !wrong_scope   = !wrong_scope
approve unfunded = !unknown_payment failed             = !already_decided = !already_decided = !already_decided = !late_answer   = !late_answer   = !wrong_scope
approve late     = !unknown_payment expired !late_answer = !already_decided = !already_decided = !already_decided = !late_answer = !late_answer   = !wrong_scope
cancel           = !unknown_payment cancelled          = !late_cancel     = !late_cancel     = !late_cancel     = !late_cancel   =                = !late_cancel
cancel by wallet = !wrong_role      = !wrong_role      = !wrong_role      = !wrong_role      = !wrong_role      = !wrong_role    = !wrong_role    = !wrong_role
cancel late      = !unknown_payment expired !late_cancel = !late_cancel   = !late_cancel     = !late_cancel     = !late_cancel   =                = !late_cancel
due              =                  expired            =                  =                  =                  =                =                =
due early        =                  =                  =                  =                  =                  =                =                =
`

// TestEveryEventInEveryState walks the table above.
func TestEveryEventInEveryState(t *testing.T) {
	t.Parallel()
	lines := strings.Split(strings.TrimSpace(lives), "\n")
	states := columns(lines[0])[1:]
	for _, line := range lines[1:] {
		cells := columns(line)
		if len(cells) != len(states)+1 {
			t.Fatalf("row %q has %d cells, want %d", cells[0], len(cells), len(states)+1)
		}
		for i, from := range states {
			t.Run(cells[0]+" in "+from, func(t *testing.T) {
				t.Parallel()
				c := newCounter(t)
				f := c.bring(from)
				if cells[0] == "approve unfunded" {
					c.spend()
				}
				before := c.money()
				refused := c.event(cells[0], &f)
				want, wantRefused, _ := strings.Cut(cells[i+1], "!")
				want = strings.TrimSpace(want)
				if want == "=" {
					want = from
				}
				d, _ := c.last(c.shop.status.Scope, f)
				got := string(d.State)
				if got == "" {
					got = "none"
				}
				if got != want || string(refused) != wantRefused {
					t.Errorf("is %s !%s, want %s !%s", got, refused, want, wantRefused)
				}
				if after := c.money(); cells[i+1][0] == '=' && after != before {
					t.Errorf("what changed nothing left other rows behind:\n%q\n%q", before, after)
				}
				c.auditOK()
			})
		}
	}
}

// money returns all rows of payments and accounts, of prompts, and of what keys and
// codes stand for (I5).
func (c *counter) money() string {
	c.Helper()
	var b strings.Builder
	c.must(c.mem.Scan(nil, nil, 0, func(key, value []byte) bool {
		if strings.IndexByte("abcdhpqy", key[0]) >= 0 {
			fmt.Fprintf(&b, "%q=%q\n", key, value)
		}
		return true
	}))
	return b.String()
}

// columns splits a line at its cells: a cell is one word and its refusals,
// except for the first, which ends at two blanks or at the first cell.
func columns(line string) []string {
	words := strings.Fields(line)
	var cells []string
	for i, word := range words {
		switch {
		case strings.HasPrefix(word, "!"):
			cells[len(cells)-1] += " " + word
		case i > 0 && len(cells) == 1 && !isState(word):
			cells[0] += " " + word
		default:
			cells = append(cells, word)
		}
	}
	return cells
}

func isState(word string) bool {
	switch word {
	case "=", "none", "offered", "captured", "declined", "failed", "expired", "cancelled", "unmatched":
		return true
	}
	return false
}

// bring opens a payment and brings it to a state.
func (c *counter) bring(state string) pay.Fact {
	c.Helper()
	code := c.beacon.code(c.now)
	if state == "unmatched" {
		code = pay.Code{1}
	}
	f := c.sign(c.shop.key, c.requestFrom(c.shop, code, 1_250))
	if state == "none" {
		return f
	}
	c.push(0, f)
	switch state {
	case "captured":
		c.answer(c.payer, f, pay.Approve, pay.ByHand)
	case "declined":
		c.answer(c.payer, f, pay.Decline, pay.ByHand)
	case "failed":
		c.spend()
		c.answer(c.payer, f, pay.Approve, pay.ByHand)
	case "expired":
		c.now = c.now.Add(60_000)
		c.fireDue()
	case "cancelled":
		c.cancel(c.shop, f)
	}
	if d, _ := c.last(c.shop.status.Scope, f); string(d.State) != state {
		c.Fatalf("brought to %s, want %s", d.State, state)
	}
	return f
}

// spend leaves the payer with less than the charge.
func (c *counter) spend() {
	c.Helper()
	b, err := book.Load(c.mem, book.Account{Owner: c.payer.status.Scope, Currency: "EUR"})
	c.must(err)
	if b.Available() <= 1_000 {
		return
	}
	f := c.charge(c.shop, c.beacon, b.Available()-1_000)
	c.answer(c.payer, f, pay.Approve, pay.ByHand)
}

// event lets something happen to the payment that *f asks for.
func (c *counter) event(event string, charge *pay.Fact) pay.Reason {
	c.Helper()
	f := *charge
	a := c.reply(c.payer, f, pay.Approve, pay.ByHand)
	if a.Offer.IsZero() {
		a.Merchant, a.Amount, a.Currency = c.shop.status.Scope, 1_250, "EUR"
	}
	switch event {
	case "request":
		return c.push(0, f)
	case "key again":
		req, err := pay.As[pay.Request](f)
		c.must(err)
		req.Created++
		again := c.sign(c.shop.key, req)
		refused := c.push(0, again)
		if c.says(c.shop, f) == "" {
			*charge = again // f was never sent
		}
		return refused
	case "approve":
	case "decline":
		a.Verdict = pay.Decline
	case "approve more":
		a.Amount++
	case "approve by other":
		return c.push(0, c.sign(c.other.key, a))
	case "approve unfunded":
		c.spend()
	case "approve late":
		c.now = c.now.Add(60_000)
		return c.react(pay.ClaimArrived{Fact: c.sign(c.payer.key, a)}).Refused // before its deadline fires
	case "cancel":
		return c.cancel(c.shop, f)
	case "cancel by wallet":
		return c.cancel(c.payer, f)
	case "cancel late":
		c.now = c.now.Add(60_000)
		return c.react(pay.ClaimArrived{Fact: c.sign(c.shop.key, pay.Cancel{Payment: pay.PaymentID(f.ID())})}).Refused
	case "due":
		c.now = c.now.Add(60_000)
		return c.react(pay.DeadlineReached{Subject: pay.PaymentID(f.ID()).Subject()}).Refused
	case "due early":
		c.now = c.now.Add(59_999)
		return c.react(pay.DeadlineReached{Subject: pay.PaymentID(f.ID()).Subject()}).Refused
	default:
		c.Fatalf("no event %q", event)
	}
	return c.push(0, c.sign(c.payer.key, a))
}
