package registry

import (
	"errors"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// transferRow is what a key of a top-up or a payout stands for.
type transferRow struct {
	Fact     pay.FactID   `cbor:"1,keyasint"`
	Account  pay.Scope    `cbor:"2,keyasint"`
	Amount   pay.Amount   `cbor:"3,keyasint"`
	Currency pay.Currency `cbor:"4,keyasint"`
	At       pay.Time     `cbor:"5,keyasint"`
}

func (r transferRow) fact() pay.FactID { return r.Fact }

// topUps issue play money.
var topUps = operation[pay.IdempotencyKey, pay.TopUp, transferRow]{
	what: "top-up", verb: "top up", command: "topup",
	keys: rows.New("t/", "a top-up", rows.Text[pay.IdempotencyKey]("KEY"), rows.CBOR[transferRow]()),
	key:  keyOf[pay.TopUp],
	row: func(id pay.FactID, t pay.TopUp) transferRow {
		return transferRow{Fact: id, Account: t.Wallet, Amount: t.Amount, Currency: t.Currency, At: t.At}
	},
	same: func(first, ask pay.TopUp) bool {
		ask.At = first.At
		return first == ask
	},
	check: checkTransfer[pay.TopUp]("top up"),
	post: func(t *turn, ask pay.TopUp) (pay.TopUp, error) {
		return ask, book.TopUp(t.rows, ask.Wallet, ask.Amount, ask.Currency)
	},
	scopes: accountsOf[pay.TopUp],
	count:  countTransfer[pay.TopUp],
}

// payouts take money out of accounts: the opposite of top-ups.
var payouts = operation[pay.IdempotencyKey, pay.PaidOut, transferRow]{
	what: "payout", verb: "pay out", command: "payout",
	keys: rows.New("tp/", "a payout", rows.Text[pay.IdempotencyKey]("KEY"), rows.CBOR[transferRow]()),
	key:  keyOf[pay.PaidOut],
	row: func(id pay.FactID, p pay.PaidOut) transferRow {
		return transferRow{id, p.Account, p.Amount, p.Currency, p.At}
	},
	same: func(first, ask pay.PaidOut) bool {
		ask.At = first.At
		return first == ask
	},
	check: checkTransfer[pay.PaidOut]("pay out"),
	post: func(t *turn, ask pay.PaidOut) (pay.PaidOut, error) {
		return ask, book.PayOut(t.rows, ask.Account, ask.Amount, ask.Currency)
	},
	scopes: accountsOf[pay.PaidOut],
	count:  countTransfer[pay.PaidOut],
}

// balanceMoves bring the balance of a wallet whose phone is lost to another wallet of its
// owner's. Both exist, with feeds, devices and receipts of their own, and keep them:
// where another is to take the place of a wallet altogether, see replacement. Whether
// the old wallet is revoked makes no difference to its money. The new one must work,
// because nobody could spend what a revoked wallet has.
var balanceMoves = operation[pay.IdempotencyKey, pay.Moved, stated[pay.Moved]]{
	what: "move", verb: "move balance", command: "move",
	keys: rows.New("tm/", "a balance that was moved", rows.Text[pay.IdempotencyKey]("KEY"), rows.CBOR[stated[pay.Moved]]()),
	key:  keyOf[pay.Moved],
	row:  stating[pay.Moved],
	same: func(first, ask pay.Moved) bool { return first.From == ask.From && first.To == ask.To },
	check: func(_ *Registry, m pay.Moved) error {
		if m.From == m.To {
			return pay.NewCase(pay.CodeUsage, "move_same", "move balance: both are the same wallet")
		}
		return nil
	},
	post:   moveBalance,
	scopes: accountsOf[pay.Moved],
	count:  countTransfer[pay.Moved],
}

func keyOf[B pay.Transferring](b B) pay.IdempotencyKey { return b.Transfer().Key }

// accountsOf returns the owners of the accounts, without the house.
func accountsOf[B pay.Transferring](_ *turn, b B) ([]pay.Scope, error) {
	t := b.Transfer()
	return slices.DeleteFunc([]pay.Scope{t.From, t.To}, func(s pay.Scope) bool { return s == "" }), nil
}

func countTransfer[B pay.Transferring](t *book.Tally, b B) { t.Transfer(b.Transfer()) }

// checkTransfer returns the check of an amount that was named.
func checkTransfer[B pay.Transferring](verb string) func(*Registry, B) error {
	return func(r *Registry, b B) error {
		ask := b.Transfer()
		if ask.Currency != r.currency {
			return pay.NewCase(pay.CodeCurrency, "topup_currency", fmt.Sprintf("%s: this registry deals in %s, not in %s", verb, r.currency, ask.Currency), r.currency)
		}
		if err := ask.Amount.CheckPayable(); err != nil {
			return pay.WrapCase(err, pay.CodeAmount, "topup_amount", verb)
		}
		return nil
	}
}

// TopUp issues play money into a wallet's account and publishes this to the wallet
// and in the registry's own feed. At is set here. The same key with the same
// wallet, amount and currency is the first top-up again. Its refusals are
// *pay.Error: pay.CodeKeyUsed, pay.CodeAmount, pay.CodeCurrency, pay.CodeUsage.
// Any other error is the store's, or wraps pay.ErrCannotSign.
func (r *Registry) TopUp(tx pay.WritableRows, now pay.Time, ask pay.TopUp) (pay.TopUp, pay.Reaction, error) {
	ask.At = now
	return topUps.do(r, tx, now, ask)
}

// PayOut takes money out of the account of a wallet or of a merchant and publishes
// this to that wallet or merchant and in the registry's own feed. At is set here. The
// same key with the same account, amount and currency is the first payout again. Its
// refusals are *pay.Error: pay.CodeFunds where less is available, pay.CodeKeyUsed,
// pay.CodeAmount, pay.CodeCurrency, pay.CodeUsage; they change nothing. Any other error
// is the store's, or wraps pay.ErrCannotSign.
func (r *Registry) PayOut(tx pay.WritableRows, now pay.Time, ask pay.PaidOut) (pay.PaidOut, pay.Reaction, error) {
	ask.At = now
	return payouts.do(r, tx, now, ask)
}

// Move moves all that the wallet From can spend to the wallet To, and publishes this to
// both and in the registry's own feed. Amount, Held and At are set here; what is held
// stays with From until its payments end. The same key with the same wallets is the
// first move again. Its refusals are *pay.Error: pay.CodeFunds where nothing is
// available, pay.CodeConflict where To works no more, pay.CodeKeyUsed, pay.CodeUsage,
// and pay.CodeAmount where To would have too much; they change nothing. Any other error
// is the store's, or wraps pay.ErrCannotSign.
func (r *Registry) Move(tx pay.WritableRows, now pay.Time, ask pay.Moved) (pay.Moved, pay.Reaction, error) {
	ask.At, ask.Currency, ask.Amount, ask.Held = now, r.currency, 1, 0
	return balanceMoves.do(r, tx, now, ask)
}

// moveBalance posts a move where somebody signs for the new wallet, and returns it with
// what moved and what is held.
func moveBalance(t *turn, m pay.Moved) (pay.Moved, error) {
	gone, err := t.walletGone(m.To)
	switch {
	case err != nil:
		return m, fmt.Errorf("move balance: %w", err)
	case gone != "":
		return m, pay.NewCase(pay.CodeConflict, "move_to_gone", fmt.Sprintf("move balance: nobody could spend what %s has: %s", m.To, gone))
	}
	m.Amount, m.Held, err = book.Move(t.rows, m.From, m.To, m.Currency)
	switch {
	case errors.Is(err, book.ErrInsufficient) && m.Held > 0:
		err = pay.NewCase(pay.CodeFunds, "move_held", fmt.Sprintf("move balance: all that %s has is held by payments that are open", m.From))
	case errors.Is(err, book.ErrInsufficient):
		err = pay.NewCase(pay.CodeFunds, "move_nothing", fmt.Sprintf("move balance: %s has nothing", m.From))
	}
	return m, err
}
