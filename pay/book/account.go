package book

import (
	"bytes"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// HousePlay owns the account that play money is issued from. It is the only
// account that may owe: its debits are all that was ever issued.
const HousePlay pay.Scope = "house/play"

// Account names an account: the wallet, merchant or house that owns it, and
// its currency.
type Account struct {
	Owner    pay.Scope
	Currency pay.Currency
}

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

// Hold is what became of the money that one payment authorised.
type Hold struct {
	From       pay.Scope    `cbor:"1,keyasint"`
	To         pay.Scope    `cbor:"2,keyasint"`
	Currency   pay.Currency `cbor:"3,keyasint"`
	Authorised pay.Amount   `cbor:"4,keyasint"`
	Captured   pay.Amount   `cbor:"5,keyasint"`
	Released   pay.Amount   `cbor:"6,keyasint"`
}

// Remaining returns what is still held: authorised less captured and released.
func (h Hold) Remaining() pay.Amount { return h.Authorised - h.Captured - h.Released }

const (
	accountPrefix = "b/a/"
	holdPrefix    = "b/h/"
	totalPrefix   = "b/t/"
)

func (a Account) key() []byte {
	return []byte(accountPrefix + string(a.Currency) + "/" + string(a.Owner))
}

func holdKey(p pay.PaymentID) []byte { return append([]byte(holdPrefix), p[:]...) }

func totalKey(c pay.Currency) []byte { return []byte(totalPrefix + string(c)) }

func accountOf(key []byte) (Account, error) {
	rest, ok := bytes.CutPrefix(key, []byte(accountPrefix))
	currency, owner, cut := bytes.Cut(rest, []byte{'/'})
	if !ok || !cut {
		return Account{}, fmt.Errorf("read account: row %q names no account", key)
	}
	return Account{Owner: pay.Scope(owner), Currency: pay.Currency(currency)}, nil
}

// after returns the first key behind all keys that start with prefix.
func after(prefix string) []byte {
	end := []byte(prefix)
	end[len(end)-1]++
	return end
}

// Load returns the balance of an account; one that never moved is all zero.
func Load(rows pay.Rows, a Account) (Balance, error) {
	b, _, err := load[Balance](rows, a.key())
	if err != nil {
		return b, fmt.Errorf("load account of %s: %w", a.Owner, err)
	}
	return b, nil
}

// HoldOf returns the hold of a payment, and whether there is one.
func HoldOf(rows pay.Rows, payment pay.PaymentID) (Hold, bool, error) {
	h, ok, err := load[Hold](rows, holdKey(payment))
	if err != nil {
		return h, false, fmt.Errorf("load hold of payment %s: %w", payment.Short(), err)
	}
	return h, ok, nil
}

// Each calls fn for every account that ever moved, by currency and owner, until
// fn returns false.
func Each(rows pay.Rows, fn func(Account, Balance) (more bool)) error {
	var failed error
	err := rows.Scan([]byte(accountPrefix), after(accountPrefix), 0, func(key, value []byte) bool {
		var a Account
		var b Balance
		if a, failed = accountOf(key); failed != nil {
			return false
		}
		if failed = pay.Decode(value, &b); failed != nil {
			failed = fmt.Errorf("read account of %s: %w", a.Owner, failed)
			return false
		}
		return fn(a, b)
	})
	if err != nil {
		return fmt.Errorf("list accounts: %w", err)
	}
	return failed
}

func load[T any](rows pay.Rows, key []byte) (v T, ok bool, err error) {
	raw, ok, err := rows.Get(key)
	if err != nil || !ok {
		return v, false, err
	}
	if err := pay.Decode(raw, &v); err != nil {
		return v, false, err
	}
	return v, true, nil
}
