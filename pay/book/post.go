package book

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// ErrInsufficient means that the payer's available balance is below the amount.
var ErrInsufficient = errors.New("book: available balance does not cover the amount")

// ErrFull means that an account would hold more than pay.BalanceMax.
var ErrFull = errors.New("book: account would hold more than the limit")

// Payment is the money side of one payment.
type Payment struct {
	ID       pay.PaymentID
	From     pay.Scope // the payer's wallet
	To       pay.Scope // the merchant
	Amount   pay.Amount
	Currency pay.Currency
}

// TopUp issues play money into a wallet's account. It fails with ErrFull when the
// wallet would hold more than pay.BalanceMax, with pay.ErrOverflow when a sum
// would not fit, and as pay.Amount.CheckPayable does; all of them write nothing.
// Any other error is the store's.
func TopUp(tx pay.WritableRows, wallet pay.Scope, amount pay.Amount, currency pay.Currency) error {
	t := transfer{from: Account{HousePlay, currency}, to: Account{wallet, currency}, amount: amount}
	if err := t.post(tx); err != nil {
		return fmt.Errorf("top up %s: %w", wallet, err)
	}
	return nil
}

// Pay holds and captures the amount of an immediate payment in one step, and returns
// its hold, which the caller keeps: before is what the payment had until now. It
// fails with ErrInsufficient when the available balance is below the amount, with
// ErrFull when the merchant's account would hold more than pay.BalanceMax, and
// with pay.ErrOverflow when a sum would not fit; all of them write nothing. Any
// other error is the store's. Paying one payment twice is a mistake in the program
// and panics.
func Pay(tx pay.WritableRows, p Payment, before Hold) (Hold, error) {
	if before != (Hold{}) {
		panic("book: internal error: payment " + p.ID.Short() + " is posted already")
	}
	t := transfer{from: Account{p.From, p.Currency}, to: Account{p.To, p.Currency}, amount: p.Amount}
	if err := t.post(tx); err != nil {
		return Hold{}, fmt.Errorf("pay %s: %w", p.ID.Short(), err)
	}
	hold := Hold{Authorised: p.Amount, Captured: p.Amount}
	hold.assert()
	if hold.Remaining() != 0 {
		panic("book: internal error: an immediate payment left a hold open")
	}
	return hold, nil
}

// transfer is one balanced posting: from is debited and to is credited by the
// same amount.
type transfer struct {
	from, to Account
	amount   pay.Amount
	whole    bool // all that an account has, which may be more than one payment may be
}

// post checks everything before it writes anything.
func (t transfer) post(tx pay.WritableRows) error {
	if err := t.check(); err != nil {
		return err
	}
	if t.from.Owner == t.to.Owner || t.from.Currency != t.to.Currency {
		return fmt.Errorf("transfer from %s to %s is not between two accounts of one currency", t.from.Owner, t.to.Owner)
	}
	from, err := Load(tx, t.from)
	if err != nil {
		return err
	}
	to, err := Load(tx, t.to)
	if err != nil {
		return err
	}
	total, _, err := totalRows.Get(tx, t.from.Currency)
	if err != nil {
		return fmt.Errorf("load totals: %w", err)
	}
	if !t.from.mayOwe() && from.Available() < t.amount {
		return ErrInsufficient
	}
	newFrom, newTo, err := t.moved(from, to)
	if err != nil {
		return err
	}
	if newTo.Posted() > pay.BalanceMax {
		return ErrFull
	}
	if total, err = total.plus(newFrom.less(from), newTo.less(to)); err != nil {
		return err
	}
	t.assert(newFrom, newTo, total)
	return t.put(tx, newFrom, newTo, total)
}

// check returns nil when the amount is one that may be moved at once.
func (t transfer) check() error {
	if t.whole {
		return t.amount.CheckBalance()
	}
	return t.amount.CheckPayable()
}

// moved returns both balances after the transfer, with checked sums.
func (t transfer) moved(from, to Balance) (newFrom, newTo Balance, err error) {
	if from.Debits, err = from.Debits.Add(t.amount); err != nil {
		return from, to, err
	}
	to.Credits, err = to.Credits.Add(t.amount)
	return from, to, err
}

// less returns what changed since old. The sums are not negative, so that no
// difference overflows.
func (b Balance) less(old Balance) Balance {
	return Balance{b.Debits - old.Debits, b.Credits - old.Credits, b.HeldDebits - old.HeldDebits, b.HeldCredits - old.HeldCredits}
}

func (b Balance) plus(changes ...Balance) (Balance, error) {
	for _, c := range changes {
		for _, sum := range []struct {
			of *pay.Amount
			by pay.Amount
		}{{&b.Debits, c.Debits}, {&b.Credits, c.Credits}, {&b.HeldDebits, c.HeldDebits}, {&b.HeldCredits, c.HeldCredits}} {
			added, err := sum.of.Add(sum.by)
			if err != nil {
				return b, err
			}
			*sum.of = added
		}
	}
	return b, nil
}

func (t transfer) put(tx pay.WritableRows, from, to, total Balance) error {
	if err := accountRows.Put(tx, t.from.key(), from); err != nil {
		return err
	}
	if err := accountRows.Put(tx, t.to.key(), to); err != nil {
		return err
	}
	return totalRows.Put(tx, t.from.Currency, total)
}

// assert keeps I1 and I2. A registry that finds its own book wrong must not
// commit another payment.
func (t transfer) assert(from, to, total Balance) {
	for _, b := range []Balance{from, to, total} {
		if b.Debits < 0 || b.Credits < 0 || b.HeldDebits < 0 || b.HeldCredits < 0 {
			panic("book: internal error: a component of a balance is negative")
		}
	}
	if (!t.to.mayOwe() && to.Available() < 0) || (!t.from.mayOwe() && from.Available() < 0) {
		panic("book: internal error: an account owes")
	}
	if total.Debits != total.Credits || total.HeldDebits != total.HeldCredits {
		panic(fmt.Sprintf("book: internal error: debits and credits of %s differ", t.from.Currency))
	}
}

// assert keeps I3 and I4 for one hold.
func (h Hold) assert() {
	if h.Authorised <= 0 || h.Captured < 0 || h.Released < 0 || h.Refunded < 0 || h.Captured > h.Authorised || h.Remaining() < 0 || h.Refunded > h.Captured {
		panic("book: internal error: a hold gave more than was authorised")
	}
}
