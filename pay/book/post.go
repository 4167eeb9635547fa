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
	if err := send(tx, Account{HousePlay, currency}, Account{wallet, currency}, amount, pay.Amount.CheckPayable); err != nil {
		return fmt.Errorf("top up %s: %w", wallet, err)
	}
	return nil
}

// Authorise holds the amount of a payment, to be captured later, and returns its hold,
// which the caller keeps: before is what the payment had until now. It fails as Change
// does. Authorising one payment twice is a mistake in the program and panics.
func Authorise(tx pay.WritableRows, p Payment, before Hold) (Hold, error) {
	p.assertNew(before)
	return Change(tx, p, before, pay.Sums{Held: p.Amount})
}

// Pay holds and captures the amount of an immediate payment in one step. All else is as
// with Authorise.
func Pay(tx pay.WritableRows, p Payment, before Hold) (Hold, error) {
	p.assertNew(before)
	hold, err := Change(tx, p, before, pay.Sums{Captured: p.Amount})
	if err == nil && hold.Remaining() != 0 {
		panic("book: internal error: an immediate payment left a hold open")
	}
	return hold, err
}

// assertNew keeps I4 for a payment that is authorised for the first time.
func (p Payment) assertNew(before Hold) {
	if before != (Hold{}) {
		panic("book: internal error: payment " + p.ID.Short() + " is posted already")
	}
}

// Change posts how the sums of a payment change, and returns its hold after that, which
// the caller keeps: before is what the payment had until now, and Amount is not looked
// at. It fails with ErrInsufficient when the payer's available balance does not cover
// what is authorised, or the merchant's what is refunded; with ErrFull when an account
// would hold more than pay.BalanceMax, what is promised to it included; and with
// pay.ErrOverflow when a sum would not fit; all of them write nothing. Any other error
// is the store's. A change that no hold can have is a mistake in the program and panics.
func Change(tx pay.WritableRows, p Payment, before Hold, moved pay.Sums) (Hold, error) {
	hold := before
	hold.Authorised += moved.Authorised()
	hold.Captured += moved.Captured
	hold.Released += moved.Released
	hold.Refunded += moved.Refunded
	if moved.Captured < 0 || moved.Released < 0 || moved.Refunded < 0 || hold.Authorised < before.Authorised || moved == (pay.Sums{}) {
		panic("book: internal error: what was posted on payment " + p.ID.Short() + " is undone")
	}
	if hold.Authorised > pay.AmountMax {
		return before, fmt.Errorf("change %s: %w", p.ID.Short(), pay.ErrOverflow)
	}
	hold.assert()
	t := transfer{
		from: Account{p.From, p.Currency}, to: Account{p.To, p.Currency},
		sent: Balance{Debits: moved.Captured, Credits: moved.Refunded, HeldDebits: moved.Held},
		got:  Balance{Credits: moved.Captured, Debits: moved.Refunded, HeldCredits: moved.Held},
	}
	if err := t.post(tx); err != nil {
		return before, fmt.Errorf("change %s: %w", p.ID.Short(), err)
	}
	return hold, nil
}

// Reserve sets money of the merchant aside that an acquirer is asked to give back to the
// payer, so that nothing else can spend it meanwhile. It fails as Change does.
func Reserve(tx pay.WritableRows, p Payment, amount pay.Amount) error {
	if err := reserved(p, amount).post(tx); err != nil {
		return fmt.Errorf("reserve for %s: %w", p.ID.Short(), err)
	}
	return nil
}

// Free undoes Reserve once the acquirer has answered. It fails as Change does.
func Free(tx pay.WritableRows, p Payment, amount pay.Amount) error {
	if err := reserved(p, -amount).post(tx); err != nil {
		return fmt.Errorf("free what was reserved for %s: %w", p.ID.Short(), err)
	}
	return nil
}

func reserved(p Payment, amount pay.Amount) transfer {
	return transfer{
		from: Account{p.To, p.Currency}, to: Account{p.From, p.Currency},
		sent: Balance{HeldDebits: amount}, got: Balance{HeldCredits: amount},
	}
}

// send posts an amount from one account to another, if it passes the check.
func send(tx pay.WritableRows, from, to Account, amount pay.Amount, check func(pay.Amount) error) error {
	if err := check(amount); err != nil {
		return err
	}
	return transfer{from: from, to: to, sent: Balance{Debits: amount}, got: Balance{Credits: amount}}.post(tx)
}

// transfer is one balanced posting: what changes at from, and what at to. Debits of
// one are credits of the other, posted and held apart.
type transfer struct {
	from, to  Account
	sent, got Balance
}

// post checks everything before it writes anything.
func (t transfer) post(tx pay.WritableRows) error {
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
	newFrom, newTo, err := t.after(from, to)
	if err != nil {
		return err
	}
	if total, err = total.plus(t.sent, t.got); err != nil {
		return err
	}
	t.assert(newFrom, newTo, total)
	return t.put(tx, newFrom, newTo, total)
}

// after returns both balances after the transfer, with checked sums, or why it is
// refused.
func (t transfer) after(from, to Balance) (newFrom, newTo Balance, err error) {
	newFrom, err = from.plus(t.sent)
	if err == nil {
		newTo, err = to.plus(t.got)
	}
	switch {
	case err != nil:
		return from, to, err
	case !t.from.mayOwe() && newFrom.Available() < min(0, from.Available()), !t.to.mayOwe() && newTo.Available() < min(0, to.Available()):
		return from, to, ErrInsufficient
	case newFrom.full() && t.sent.Credits > 0, newTo.full() && t.got.Credits+t.got.HeldCredits > 0:
		return from, to, ErrFull
	default:
		return newFrom, newTo, nil
	}
}

// full reports whether the account would hold more than it may, once what is promised
// to it is posted.
func (b Balance) full() bool { return b.Posted()+b.HeldCredits > pay.BalanceMax }

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

// assert keeps I3 and I4 for one hold: what is held is what was authorised and neither
// captured nor released.
func (h Hold) assert() {
	if h.Authorised <= 0 || h.Captured < 0 || h.Released < 0 || h.Refunded < 0 || h.Captured > h.Authorised || h.Remaining() < 0 || h.Refunded > h.Captured {
		panic("book: internal error: a hold gave more than was authorised")
	}
}
