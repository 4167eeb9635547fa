package book

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Tally recomputes the accounts from the facts, in any order, and compares them
// with the rows. Of holds in rows of their own it compares the number alone: the
// caller, which knows the payments, compares their sums. Its memory grows with the accounts, not with
// the payments. The zero Tally is empty.
type Tally struct {
	sums  map[Account]Balance
	holds int
	err   error
}

// Transfer counts money that the operator moved.
func (t *Tally) Transfer(m pay.Transfer) {
	t.add(Account{orHouse(m.From), m.Currency}, Balance{Debits: m.Amount})
	t.add(Account{orHouse(m.To), m.Currency}, Balance{Credits: m.Amount})
}

func orHouse(owner pay.Scope) pay.Scope { return cmp.Or(owner, HousePlay) }

// Hold counts a payment whose hold has a row of its own.
func (t *Tally) Hold() { t.holds++ }

// Pay counts a payment that has these sums.
func (t *Tally) Pay(p Payment, sums pay.Sums) {
	t.add(Account{p.From, p.Currency}, Balance{Debits: sums.Captured, Credits: sums.Refunded, HeldDebits: sums.Held})
	t.add(Account{p.To, p.Currency}, Balance{Credits: sums.Captured, Debits: sums.Refunded, HeldCredits: sums.Held})
}

// Reserve counts what is set aside for a refund that an acquirer was asked for.
func (t *Tally) Reserve(p Payment, amount pay.Amount) {
	r := reserved(p, amount)
	t.add(r.from, r.sent)
	t.add(r.to, r.got)
}

// TakeBackHold undoes Hold for a payment that is counted again.
func (t *Tally) TakeBackHold() { t.holds-- }

// TakeBack undoes Pay for a payment that is counted again.
func (t *Tally) TakeBack(p Payment, sums pay.Sums) { t.Pay(p, pay.Sums{}.Minus(sums)) }

// Merge counts what another tally counts, as well.
func (t *Tally) Merge(o *Tally) {
	t.holds += o.holds
	for a, b := range o.sums {
		t.add(a, b)
	}
	if t.err == nil {
		t.err = o.err
	}
}

// Sum is what a tally says of one account.
type Sum struct {
	Owner    pay.Scope    `cbor:"1,keyasint"`
	Currency pay.Currency `cbor:"2,keyasint"`
	Debits   pay.Amount   `cbor:"3,keyasint"`
	Credits  pay.Amount   `cbor:"4,keyasint"`
	// What is held; left out of the sums that older programs kept, which held nothing.
	HeldDebits  pay.Amount `cbor:"5,keyasint,omitempty"`
	HeldCredits pay.Amount `cbor:"6,keyasint,omitempty"`
}

// Sums returns what the tally counts, in the order of owners and currencies, and the
// number of holds; Resume makes the same tally of it.
func (t *Tally) Sums() (sums []Sum, holds int) {
	for a, b := range t.sums {
		sums = append(sums, Sum{a.Owner, a.Currency, b.Debits, b.Credits, b.HeldDebits, b.HeldCredits})
	}
	slices.SortFunc(sums, func(x, y Sum) int {
		return cmp.Or(cmp.Compare(x.Owner, y.Owner), cmp.Compare(x.Currency, y.Currency))
	})
	return sums, t.holds
}

// Resume returns the tally of which Sums returned this.
func Resume(sums []Sum, holds int) (t Tally) {
	t.holds = holds
	for _, s := range sums {
		t.add(Account{s.Owner, s.Currency}, Balance{Debits: s.Debits, Credits: s.Credits, HeldDebits: s.HeldDebits, HeldCredits: s.HeldCredits})
	}
	return t
}

func (t *Tally) add(a Account, b Balance) {
	if t.sums == nil {
		t.sums = make(map[Account]Balance)
	}
	sum, err := t.sums[a].plus(b)
	if err != nil && t.err == nil {
		t.err = err
	}
	t.sums[a] = sum
}

// Compare reports each account, total and count of holds in the rows that
// differs from the tally. It returns by how much debits and credits of the rows
// differ, summed over currencies, in minor units. Its errors are the store's, or
// wrap rows.ErrDamaged.
func (t *Tally) Compare(view pay.Rows, report func(finding string)) (imbalance pay.Amount, err error) {
	if t.err != nil {
		report("book: the facts add up to more than fits an account")
	}
	totals := make(map[pay.Currency]Balance)
	seen := 0
	err = Each(view, func(a Account, b Balance) bool {
		want, ok := t.sums[a]
		if ok {
			seen++
		}
		if b != want {
			report(fmt.Sprintf("book: account of %s in %s has %s, the facts say %s", a.Owner, a.Currency, b, want))
		}
		if b.Available() < 0 && !a.mayOwe() {
			report(fmt.Sprintf("book: account of %s in %s has %d less than nothing", a.Owner, a.Currency, -b.Available()))
		}
		sum, err := totals[a.Currency].plus(b)
		if err != nil {
			report("book: the accounts in " + string(a.Currency) + " add up to more than fits")
			return true
		}
		totals[a.Currency] = sum
		return true
	})
	if err != nil {
		return 0, err
	}
	if seen != len(t.sums) {
		report(fmt.Sprintf("book: %d accounts that the facts speak of are missing", len(t.sums)-seen))
	}
	for _, currency := range slices.Sorted(maps.Keys(totals)) {
		sum := totals[currency]
		imbalance += distance(sum.Debits, sum.Credits) + distance(sum.HeldDebits, sum.HeldCredits)
		kept, _, err := totalRows.Get(view, currency)
		if err != nil {
			return imbalance, fmt.Errorf("load totals: %w", err)
		}
		if kept != sum {
			report("book: the running totals in " + string(currency) + " are not the sum of the accounts")
		}
	}
	return imbalance, t.compareHolds(view, report)
}

// String returns what the owner has, and what of it is held or promised, if anything.
func (b Balance) String() string {
	if b.HeldDebits == 0 && b.HeldCredits == 0 {
		return fmt.Sprint(int64(b.Posted()))
	}
	return fmt.Sprintf("%d (%d held, %d promised)", b.Posted(), b.HeldDebits, b.HeldCredits)
}

func (t *Tally) compareHolds(view pay.Rows, report func(string)) error {
	kept, err := holdRows.Count(view)
	if err != nil {
		return fmt.Errorf("count holds: %w", err)
	}
	if kept != t.holds {
		report(fmt.Sprintf("book: %d holds are kept, the facts say %d", kept, t.holds))
	}
	return nil
}

func distance(a, b pay.Amount) pay.Amount {
	if a > b {
		return a - b
	}
	return b - a
}
