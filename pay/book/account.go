package book

import (
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// HousePlay owns the account that play money is issued from and comes back to when it
// is paid out. It is the only account that may owe: its debits are all that was ever
// issued, its credits all that was paid out.
const HousePlay pay.Scope = "house/play"

// Account names an account: the wallet, merchant or house that owns it, and
// its currency.
type Account struct {
	Owner    pay.Scope
	Currency pay.Currency
}

// house begins the owners of the accounts through which money comes in and goes out.
const house = "house/"

// HouseOf owns the account that stands for an acquirer, in the place of a wallet's: what it
// owes, the acquirer has taken from payers.
func HouseOf(a pay.Acquirer) pay.Scope { return pay.Scope(house + string(a)) }

// mayOwe reports whether the account may have less than nothing.
func (a Account) mayOwe() bool { return strings.HasPrefix(string(a.Owner), house) }

// Balance is the state of an account, in minor units. The four sums are never
// negative; the posted ones only ever grow.
type Balance struct {
	Debits      pay.Amount `cbor:"1,keyasint"` // posted
	Credits     pay.Amount `cbor:"2,keyasint"` // posted
	HeldDebits  pay.Amount `cbor:"3,keyasint"` // promised to others, not yet posted
	HeldCredits pay.Amount `cbor:"4,keyasint"` // promised by others, not yet posted
}

// Posted returns what the owner has: credits less debits. It is negative for
// the house, which issued that much.
func (b Balance) Posted() pay.Amount { return b.Credits - b.Debits }

// Available returns what the owner can spend: held money is gone already.
func (b Balance) Available() pay.Amount { return b.Posted() - b.HeldDebits }

// Hold is what became of the money that one payment authorised. Whose it is says the
// row of the payment in which it stands; one that stands in a row of its own says so
// itself. Fields may be added if they can be left out.
type Hold struct {
	From       pay.Scope    `cbor:"1,keyasint,omitempty"`
	To         pay.Scope    `cbor:"2,keyasint,omitempty"`
	Currency   pay.Currency `cbor:"3,keyasint,omitempty"`
	Authorised pay.Amount   `cbor:"4,keyasint"`
	Captured   pay.Amount   `cbor:"5,keyasint"`
	Released   pay.Amount   `cbor:"6,keyasint"`
	Refunded   pay.Amount   `cbor:"7,keyasint,omitempty"` // of what was captured
}

// Remaining returns what is still held: authorised less captured and released.
func (h Hold) Remaining() pay.Amount { return h.Authorised - h.Captured - h.Released }

// Sums returns the sums that the last decision on the payment carries.
func (h Hold) Sums() pay.Sums {
	return pay.Sums{Held: h.Remaining(), Captured: h.Captured, Released: h.Released, Refunded: h.Refunded}
}

var (
	accountRows = rows.New("b/a/", "what was posted to an account and what is held",
		rows.Join(rows.TextUntil[pay.Currency]("CURRENCY", '/'), rows.Text[pay.Scope]("OWNER")), rows.CBOR[Balance]())
	holdRows  = rows.New("b/h/", "the hold of a payment, before it stood in the payment's row", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[Hold]())
	totalRows = rows.New("b/t/", "the running totals of all accounts", rows.Text[pay.Currency]("CURRENCY"), rows.CBOR[Balance]())
)

// Spaces returns the key spaces of the book.
func Spaces() rows.Spaces { return rows.Spaces{accountRows.Space, holdRows.Space, totalRows.Space} }

type accountKey = rows.Pair[pay.Currency, pay.Scope]

func (a Account) key() accountKey {
	return accountKey{First: a.Currency, Second: a.Owner}
}

// Load returns the balance of an account; one that never moved is all zero. Its
// errors are the store's, or wrap rows.ErrDamaged.
func Load(view pay.Rows, a Account) (Balance, error) {
	b, _, err := accountRows.Get(view, a.key())
	if err != nil {
		return b, fmt.Errorf("load account of %s: %w", a.Owner, err)
	}
	return b, nil
}

// HoldOf returns the hold of a payment that has a row of its own, and whether there is
// one. Its errors are the store's, or wrap rows.ErrDamaged.
func HoldOf(view pay.Rows, payment pay.PaymentID) (Hold, bool, error) {
	h, ok, err := holdRows.Get(view, payment)
	if err != nil {
		return h, false, fmt.Errorf("load hold of payment %s: %w", payment.Short(), err)
	}
	return h, ok, nil
}

// KeepHold keeps the hold of a payment that has a row of its own. Its errors are the
// store's.
func KeepHold(tx pay.WritableRows, payment pay.PaymentID, h Hold) error {
	if err := holdRows.Put(tx, payment, h); err != nil {
		return fmt.Errorf("keep hold of payment %s: %w", payment.Short(), err)
	}
	return nil
}

// Each calls fn for every account that ever moved, by currency and owner, until
// fn returns false. Its errors are the store's, or wrap rows.ErrDamaged.
func Each(view pay.Rows, fn func(Account, Balance) (more bool)) error {
	err := accountRows.Scan(view, accountRows.All(), 0, func(key accountKey, b Balance) bool {
		return fn(Account{Owner: key.Second, Currency: key.First}, b)
	})
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	return nil
}
