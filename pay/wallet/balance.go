package wallet

import (
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// balances is what the wallet shows of its account.
func (w *Wallet) balances() history.Feature {
	return history.Feature{
		Name:    "balances",
		Mirrors: map[pay.Kind]history.EntryRule{pay.KindTopUp: history.Mirror(w.toppedUp)},
		Spaces:  rows.Spaces{balanceRows.Space, topUpRows.Space},
	}
}

var (
	balanceRows = rows.New("b", "what was topped up less what was captured",
		rows.Text[pay.Currency]("CURRENCY"), rows.Int64[pay.Amount]("AMOUNT"))
	topUpRows = rows.New("v", "a top-up that is in the balance", rows.ID[pay.FactID]("FACT"), rows.None())
)

// Balance returns what was topped up less what was captured, as far as this
// wallet has heard. It is for display: the registry's book decides.
func (w *Wallet) Balance(rows pay.Rows, c pay.Currency) (pay.Amount, error) {
	sum, _, err := balanceRows.Get(rows, c)
	return sum, err
}

// toppedUp adds a top-up to the balance, once.
func (w *Wallet) toppedUp(rows pay.WritableRows, f pay.Fact, t pay.TopUp) error {
	if t.Wallet != w.options.Scope {
		return nil
	}
	if seen, err := topUpRows.Has(rows, f.ID()); seen || err != nil {
		return err
	}
	if err := topUpRows.Put(rows, f.ID(), struct{}{}); err != nil {
		return err
	}
	return addBalance(rows, t.Currency, t.Amount)
}

// addBalance changes a balance. One that would overflow stays as it is: it is
// only shown, and must not keep the feed from being read.
func addBalance(rows pay.WritableRows, c pay.Currency, by pay.Amount) error {
	have, _, err := balanceRows.Get(rows, c)
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
	return balanceRows.Put(rows, c, sum)
}
