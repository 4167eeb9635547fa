package pay

import (
	"fmt"
	"strings"
)

// TopUp is the registry's statement that play money was put into a wallet's
// account.
type TopUp struct {
	Wallet   Scope          `cbor:"1,keyasint"`
	Amount   Amount         `cbor:"2,keyasint"`
	Currency Currency       `cbor:"3,keyasint"`
	Key      IdempotencyKey `cbor:"4,keyasint"`
	At       Time           `cbor:"5,keyasint"`
}

// PaidOut is the registry's statement that money left the account of a wallet or of a
// merchant: its operator has handed it to the owner by other means. It stands in the
// feed of that wallet or merchant and in the registry's own.
type PaidOut struct {
	Account  Scope          `cbor:"1,keyasint"`
	Amount   Amount         `cbor:"2,keyasint"`
	Currency Currency       `cbor:"3,keyasint"`
	Key      IdempotencyKey `cbor:"4,keyasint"`
	At       Time           `cbor:"5,keyasint"`
}

// Moved is the registry's statement that all that a wallet could spend is another
// wallet's now: both belong to one owner, who has lost the first. It stands in the feeds
// of both and in the registry's own.
type Moved struct {
	From     Scope          `cbor:"1,keyasint"`
	To       Scope          `cbor:"2,keyasint"`
	Amount   Amount         `cbor:"3,keyasint"`
	Currency Currency       `cbor:"4,keyasint"`
	Key      IdempotencyKey `cbor:"5,keyasint"`
	At       Time           `cbor:"6,keyasint"`
	// Held is what was promised to merchants at that moment and stayed with From.
	Held Amount `cbor:"7,keyasint,omitempty"`
}

// Transfer is money that the registry's operator moved between two accounts, under a
// key. The house, whose account play money comes from and goes back to, is "".
type Transfer struct {
	From, To Scope
	Amount   Amount
	Currency Currency
	Key      IdempotencyKey
	At       Time
	Held     Amount // what stayed with From because payments held it, where all else was moved
}

// Transferring is the body of a statement that money was moved by the operator.
type Transferring interface {
	Body
	// Transfer returns what was moved.
	Transfer() Transfer
}

// Transfer returns what was put in.
func (t TopUp) Transfer() Transfer {
	return Transfer{To: t.Wallet, Amount: t.Amount, Currency: t.Currency, Key: t.Key, At: t.At}
}

// Transfer returns what was taken out.
func (p PaidOut) Transfer() Transfer {
	return Transfer{From: p.Account, Amount: p.Amount, Currency: p.Currency, Key: p.Key, At: p.At}
}

// Transfer returns what was moved.
func (m Moved) Transfer() Transfer { return Transfer(m) }

// TransferOf returns what a fact states that the operator moved; ok is false for a fact
// that states something else.
func TransferOf(f Fact) (t Transfer, ok bool) {
	body := f.value
	if row, known := LookupKind(f.kind); body == nil && known {
		body, _ = row.check(f.body)
	}
	if is, ok := body.(Transferring); ok {
		return is.Transfer(), true
	}
	return t, false
}

// Kind returns KindTopUp.
func (TopUp) Kind() Kind { return KindTopUp }

// Kind returns KindPaidOut.
func (PaidOut) Kind() Kind { return KindPaidOut }

// Kind returns KindMoved.
func (Moved) Kind() Kind { return KindMoved }

// Check returns nil when every field is within its bounds.
func (t TopUp) Check() error {
	return firstError(t.Wallet.check("w/"), t.Amount.CheckPayable(), t.Currency.Check(), t.Key.Check(), t.At.check())
}

// Check returns nil when every field is within its bounds.
func (p PaidOut) Check() error {
	return firstError(p.Account.checkAccount(), p.Amount.CheckPayable(), p.Currency.Check(), p.Key.Check(), p.At.check())
}

// Check returns nil when every field is within its bounds.
func (m Moved) Check() error {
	switch {
	case m.From == m.To:
		return fmt.Errorf("a balance is moved to another wallet")
	case m.Held < 0 || m.Held > BalanceMax:
		return fmt.Errorf("held amount %d is outside 0..%d", m.Held, int64(BalanceMax))
	}
	return firstError(m.From.check("w/"), m.To.check("w/"), m.Amount.CheckBalance(), m.Currency.Check(), m.Key.Check(), m.At.check())
}

// checkAccount returns nil when s is the scope of a wallet or of a merchant, which has
// an account.
func (s Scope) checkAccount() error {
	if strings.HasPrefix(string(s), "m/") {
		return s.check("m/")
	}
	return s.check("w/")
}
