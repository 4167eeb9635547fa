package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// topUps issue play money.
var topUps = feature{
	name:      "top-ups",
	publishes: []pay.Kind{pay.KindTopUp},
	audit:     inspectTopUps,
	spaces:    rows.Spaces{topUpRows.Space},
}

var topUpRows = rows.New("t/", "a top-up", rows.Text[pay.IdempotencyKey]("KEY"), rows.CBOR[topUpRow]())

// topUpRow is what a key of a top-up stands for.
type topUpRow struct {
	Fact     pay.FactID   `cbor:"1,keyasint"`
	Wallet   pay.Scope    `cbor:"2,keyasint"`
	Amount   pay.Amount   `cbor:"3,keyasint"`
	Currency pay.Currency `cbor:"4,keyasint"`
	At       pay.Time     `cbor:"5,keyasint"`
}

// TopUp issues play money into a wallet's account and publishes this to the wallet
// and in the registry's own feed. At is set here. The same key with the same
// wallet, amount and currency is the first top-up again. Its refusals are
// *pay.Error: pay.CodeKeyUsed, pay.CodeAmount, pay.CodeCurrency, pay.CodeUsage.
// Any other error is the store's, or wraps pay.ErrCannotSign.
func (r *Registry) TopUp(tx pay.WritableRows, now pay.Time, ask pay.TopUp) (pay.TopUp, pay.Reaction, error) {
	ask.At = now
	if ask.Currency != r.currency {
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeCurrency, "topup_currency", fmt.Sprintf("top up: this registry deals in %s, not in %s", r.currency, ask.Currency), r.currency)
	}
	if err := ask.Amount.CheckPayable(); err != nil {
		return ask, pay.Reaction{}, pay.WrapCase(err, pay.CodeAmount, "topup_amount", "top up")
	}
	if err := ask.Check(); err != nil {
		return ask, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "topup_form", "top up")
	}
	old, used, err := topUpRows.Get(tx, ask.Key)
	switch {
	case err != nil:
		return ask, pay.Reaction{}, fmt.Errorf("top up: %w", err)
	case used && (old.Wallet != ask.Wallet || old.Amount != ask.Amount || old.Currency != ask.Currency):
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeKeyUsed, "topup_key_used", fmt.Sprintf("top up: key %q stands for another top-up", string(ask.Key)))
	case used:
		ask.At = old.At
		return ask, pay.Reaction{}, nil
	}
	published, err := r.sign(now, ask, pay.ScopeRegistry, ask.Wallet)
	if err != nil {
		return ask, pay.Reaction{}, err
	}
	err = book.TopUp(tx, ask.Wallet, ask.Amount, ask.Currency)
	switch {
	case errors.Is(err, book.ErrFull), errors.Is(err, pay.ErrOverflow):
		return ask, pay.Reaction{}, pay.WrapCase(err, pay.CodeAmount, "account_full", "top up")
	case err != nil:
		return ask, pay.Reaction{}, err
	}
	row := topUpRow{Fact: published.Fact.ID(), Wallet: ask.Wallet, Amount: ask.Amount, Currency: ask.Currency, At: now}
	if err := topUpRows.Put(tx, ask.Key, row); err != nil {
		return ask, pay.Reaction{}, fmt.Errorf("top up: %w", err)
	}
	return ask, pay.Reaction{Publications: []pay.Publication{published}}, nil
}

// inspectTopUps counts the money that was issued and holds each top-up against
// the row of its key.
func inspectTopUps(a *auditor) inspection {
	seen := 0
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{pay.KindTopUp: reading(func(f pay.Fact, t pay.TopUp) error {
			seen++
			a.tally.TopUp(t.Wallet, t.Amount, t.Currency)
			row, ok, err := topUpRows.Get(a.rows, t.Key)
			if err == nil && (!ok || row != topUpRow{Fact: f.ID(), Wallet: t.Wallet, Amount: t.Amount, Currency: t.Currency, At: t.At}) {
				a.report("top-up %s is not what its key stands for", f.ID())
			}
			return err
		})},
		passes: []func(context.Context) error{func(context.Context) error {
			n, err := topUpRows.Count(a.rows)
			if err == nil && n != seen {
				a.report("%d keys of top-ups are kept, the facts say %d", n, seen)
			}
			return err
		}},
	}
}
