// Package booktest holds the accounts of a registry against what its nodes were told.
//
// # The idea
//
// Money is conserved when nothing appears or vanishes, and each party can add up its own
// papers to what the book says it has. Check does that by rules of its own, without the
// postings and the tally of package book: for each scope it adds up the feed, which is
// top-ups, payouts, moves and the last decision (the receipt) on each payment, and holds
// the sum against the account. A test of a role calls it when it ends (AtEnd), whatever it
// was about.
package booktest

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
)

// Feeds are all facts that were published, by the scope that may see them, in order.
type Feeds map[pay.Scope][]pay.Fact

// T is what a test of testing and one of rapid have in common here.
type T interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Fatalf(format string, args ...any)
}

// AtEnd fails a test at its end unless money is conserved by then. look returns the
// registry's rows and feeds; nil rows are not looked at: the test has broken them on
// purpose.
func AtEnd(t T, look func() (pay.Rows, Feeds)) {
	t.Helper()
	t.Cleanup(func() {
		view, feeds := look()
		if view == nil || t.Failed() {
			return
		}
		if err := Check(view, feeds); err != nil {
			t.Fatalf("money is not conserved: %v", err)
		}
	})
}

// Check returns nil when, for each currency, debits are credits, posted and held apart;
// nobody but a house owes; each wallet and merchant has in the book what its feed adds up
// to, and of it held or promised what its receipts say; no payment has two decisions at
// one place of its chain; and no key of a merchant has two payments that moved money.
func Check(view pay.Rows, feeds Feeds) error {
	sums := map[book.Account]book.Balance{}
	var errs []error
	for scope, facts := range feeds {
		s, err := addUp(scope, facts)
		for currency, b := range s {
			sums[book.Account{Owner: scope, Currency: currency}] = b
		}
		errs = append(errs, err)
	}
	totals := map[pay.Currency]book.Balance{}
	err := book.Each(view, func(a book.Account, has book.Balance) bool {
		t := totals[a.Currency]
		totals[a.Currency] = book.Balance{
			Debits: t.Debits + has.Debits, Credits: t.Credits + has.Credits,
			HeldDebits: t.HeldDebits + has.HeldDebits, HeldCredits: t.HeldCredits + has.HeldCredits,
		}
		if min(has.Debits, has.Credits, has.HeldDebits, has.HeldCredits) < 0 {
			errs = append(errs, fmt.Errorf("a component of the account of %s is negative: %+v", a.Owner, has))
		}
		if isNode(a.Owner) {
			errs = append(errs, compare(a, has, sums[a]))
			delete(sums, a)
		}
		return true
	})
	for currency, t := range totals {
		if t.Debits != t.Credits || t.HeldDebits != t.HeldCredits {
			errs = append(errs, fmt.Errorf("the accounts in %s add up to %+v", currency, t))
		}
	}
	for a, sum := range sums {
		if sum != (book.Balance{}) {
			errs = append(errs, fmt.Errorf("%s has no account in %s, its feed adds up to %+v", a.Owner, a.Currency, sum))
		}
	}
	slices.SortFunc(errs, func(x, y error) int { return cmp.Compare(fmt.Sprint(x), fmt.Sprint(y)) })
	return errors.Join(append(errs, err)...)
}

// isNode reports whether an account is a wallet's or a merchant's.
func isNode(owner pay.Scope) bool {
	return isWallet(owner) || strings.HasPrefix(string(owner), "m/")
}

func isWallet(owner pay.Scope) bool { return strings.HasPrefix(string(owner), "w/") }

// compare holds an account against the sums of its owner's feed. What a merchant has
// set aside for a refund that an acquirer was asked for, no decision says.
func compare(a book.Account, has, sum book.Balance) error {
	switch {
	case has.Available() < 0:
		return fmt.Errorf("%s has %d less than nothing", a.Owner, -has.Available())
	case has.Posted() != sum.Posted():
		return fmt.Errorf("%s has %d in the book, its feed adds up to %d", a.Owner, has.Posted(), sum.Posted())
	case isWallet(a.Owner) && has.HeldDebits != sum.HeldDebits:
		return fmt.Errorf("of %s %d is held in the book, by its receipts %d", a.Owner, has.HeldDebits, sum.HeldDebits)
	case !isWallet(a.Owner) && has.HeldCredits != sum.HeldCredits:
		return fmt.Errorf("to %s %d is promised in the book, by its receipts %d", a.Owner, has.HeldCredits, sum.HeldCredits)
	default:
		return nil
	}
}

// addUp returns what a feed says that its scope has.
func addUp(scope pay.Scope, facts []pay.Fact) (map[pay.Currency]book.Balance, error) {
	sums := map[pay.Currency]book.Balance{}
	if !isNode(scope) {
		return sums, nil
	}
	in := func(c pay.Currency, amount pay.Amount) {
		b := sums[c]
		b.Credits += max(amount, 0)
		b.Debits += max(-amount, 0)
		sums[c] = b
	}
	seen := map[pay.FactID]bool{}
	for _, f := range facts {
		if seen[f.ID()] {
			continue
		}
		seen[f.ID()] = true
		if t, err := pay.As[pay.TopUp](f); err == nil {
			in(t.Currency, t.Amount)
		}
		if p, err := pay.As[pay.PaidOut](f); err == nil {
			in(p.Currency, -p.Amount)
		}
		if m, err := pay.As[pay.Moved](f); err == nil {
			if m.From == scope {
				m.Amount = -m.Amount
			}
			in(m.Currency, m.Amount)
		}
	}
	last, err := receipts(facts)
	for _, d := range last {
		s, b := d.SumsAfter(), sums[d.Currency]
		switch {
		case !isWallet(scope):
			b.Credits, b.Debits, b.HeldCredits = b.Credits+s.Captured, b.Debits+s.Refunded, b.HeldCredits+s.Held
		case d.Acquirer == pay.AcquirerNone:
			b.Debits, b.Credits, b.HeldDebits = b.Debits+s.Captured, b.Credits+s.Refunded, b.HeldDebits+s.Held
		}
		sums[d.Currency] = b
	}
	return sums, err
}

// receipts returns the last decision on each payment of a feed. Its error says which
// payment has two decisions at one place, and which key two payments.
func receipts(facts []pay.Fact) (map[pay.PaymentID]pay.Decision, error) {
	type place struct {
		payment pay.PaymentID
		seq     uint32
	}
	var errs []error
	last, at, keys := map[pay.PaymentID]pay.Decision{}, map[place]pay.Fact{}, map[pay.PaymentID]pay.KeyTag{}
	for _, f := range facts {
		d, err := pay.As[pay.Decision](f)
		if err != nil {
			continue
		}
		p := place{d.Payment, d.Seq}
		if other, twice := at[p]; twice && !bytes.Equal(other.Raw(), f.Raw()) {
			errs = append(errs, fmt.Errorf("payment %s has two decisions %d", d.Payment.Short(), d.Seq))
		}
		at[p] = f
		if d.Seq >= last[d.Payment].Seq {
			last[d.Payment] = d
		}
		if d.Key != (pay.KeyTag{}) {
			keys[d.Payment] = d.Key
		}
	}
	paid := map[pay.KeyTag]pay.PaymentID{}
	for id, tag := range keys {
		if last[id].SumsAfter().Captured == 0 {
			continue
		}
		if other, twice := paid[tag]; twice {
			errs = append(errs, fmt.Errorf("one key has the payments %s and %s", other.Short(), id.Short()))
		}
		paid[tag] = id
	}
	return last, errors.Join(errs...)
}
