package wallet

import (
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// balances are what the wallet shows of its account.
func (w *Wallet) balances() history.Feature {
	return history.Feature{
		Name: "balances",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindTopUp:   w.transferred,
			pay.KindPaidOut: w.transferred,
			pay.KindMoved:   w.transferred,
		},
		Spaces: rows.Spaces{balanceRows.Space, topUpRows.Space, heldRows.Space},
	}
}

var (
	balanceRows = rows.New("b", "what came in less what was captured and what left",
		rows.Text[pay.Currency]("CURRENCY"), rows.Int64[pay.Amount]("AMOUNT"))
	topUpRows = rows.New("v", "a top-up that is in the balance, where its statement is not noted", rows.ID[pay.FactID]("FACT"), rows.None())
)

// Balance returns what came into the account less what was captured, paid out and moved
// away, as far as this wallet's feed goes. It is for display: the registry's book decides. Its errors
// are the store's.
func (w *Wallet) Balance(view pay.Rows, c pay.Currency) (pay.Amount, error) {
	sum, _, err := balanceRows.Get(view, c)
	return sum, err
}

// transferred adds to the balance, or takes off it, what the operator put in, paid out
// or moved, once.
func (w *Wallet) transferred(tx pay.WritableRows, _ pay.Time, f pay.Fact) (none pay.Reaction, err error) {
	if seen, err := topUpRows.Has(tx, f.ID()); seen || err != nil {
		return none, err // a wallet of old noted top-ups alone
	}
	s, fresh, err := history.TakeStatement(tx, f, w.options.Scope)
	if err != nil || !fresh {
		return none, err
	}
	return none, addBalance(tx, s.Currency, s.In)
}

// addBalance changes a balance. One that would overflow stays as it is, because
// it is only shown and must not stop the feed.
func addBalance(tx pay.WritableRows, c pay.Currency, by pay.Amount) error {
	have, _, err := balanceRows.Get(tx, c)
	if err != nil {
		return err
	}
	sum, err := have.Add(by)
	if errors.Is(err, pay.ErrOverflow) {
		return nil
	}
	if err != nil {
		return err
	}
	return balanceRows.Put(tx, c, sum)
}
