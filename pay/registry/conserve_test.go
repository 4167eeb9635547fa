package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/book/booktest"
)

// TestLostMoneyIsNoticed bends one account, one receipt or one key of a world in which
// money is conserved: what every test here asserts at its end fails then, and says what
// is wrong.
func TestLostMoneyIsNoticed(t *testing.T) {
	t.Parallel()
	decision := func(c *tab, change func(*pay.Decision)) {
		d, _ := c.last(c.shop.status.Scope, c.request)
		change(&d)
		f := c.signAsRegistry(d)
		for _, scope := range []pay.Scope{c.shop.status.Scope, c.payer.status.Scope} {
			c.feeds[scope] = append(c.feeds[scope], f)
		}
	}
	for name, tc := range map[string]struct {
		bend func(c *tab)
		want string
	}{
		"money from air":          {func(c *tab) { c.account(c.payer.status.Scope, func(b *book.Balance) { b.Credits++ }) }, "in the book, its feed adds up to"},
		"money that vanished":     {func(c *tab) { c.account(c.shop.status.Scope, func(b *book.Balance) { b.Credits -= 1_500 }) }, "the accounts in EUR add up to"},
		"a house that gave more":  {func(c *tab) { c.account(book.HousePlay, func(b *book.Balance) { b.Debits++ }) }, "the accounts in EUR add up to"},
		"held money spent":        {func(c *tab) { c.account(c.payer.status.Scope, func(b *book.Balance) { b.HeldDebits = 0 }) }, "0 is held in the book, by its receipts 2500"},
		"promised to nobody":      {func(c *tab) { c.account(c.shop.status.Scope, func(b *book.Balance) { b.HeldCredits = 0 }) }, "0 is promised in the book, by its receipts 2500"},
		"less than nothing":       {func(c *tab) { c.account(c.payer.status.Scope, func(b *book.Balance) { b.Debits += 9_000 }) }, "less than nothing"},
		"a negative component":    {func(c *tab) { c.account(c.payer.status.Scope, func(b *book.Balance) { b.HeldCredits = -1 }) }, "is negative"},
		"an account gone":         {func(c *tab) { c.mem.rows.Delete("b/a/EUR/" + string(c.shop.status.Scope)) }, "has no account"},
		"a receipt of more":       {func(c *tab) { decision(c, func(d *pay.Decision) { d.Seq++; d.Captured++; d.Held-- }) }, "its feed adds up to"},
		"a capture twice":         {func(c *tab) { decision(c, func(d *pay.Decision) { d.At++ }) }, "has two decisions 3"},
		"a top-up that came late": {func(c *tab) { delete(c.feeds, c.payer.status.Scope) }, "its feed adds up to 0"},
		"a key with two payments": {func(c *tab) {
			first, err := pay.As[pay.Decision](c.feeds[c.shop.status.Scope][firstDecision(c)])
			c.must(err)
			decision(c, func(d *pay.Decision) { d.Payment, d.Key, d.Seq = pay.PaymentID{9}, first.Key, 1 })
		}, "one key has the payments"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newTab(t)
			for _, s := range []string{"hold", "approve", "capture 1500"} {
				c.step(s)
			}
			if err := booktest.Check(c.mem, c.feeds); err != nil {
				t.Fatal(err)
			}
			tc.bend(c)
			c.broken = name
			if err := booktest.Check(c.mem, c.feeds); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("it says: %v; want %q", err, tc.want)
			}
		})
	}
}

// firstDecision returns where the first decision stands in the merchant's feed.
func firstDecision(c *tab) int {
	for i, f := range c.feeds[c.shop.status.Scope] {
		if f.Kind() == pay.KindDecision {
			return i
		}
	}
	c.Fatalf("nothing was decided")
	return 0
}
