package wallet

import (
	"errors"

	"github.com/paybeacon/paybeacon/pay"
)

// Balance returns what was topped up less what was captured, as far as this
// wallet has heard. It is for display: the registry's book decides.
func (w *Wallet) Balance(rows pay.Rows, c pay.Currency) (pay.Amount, error) {
	sum, _, err := balanceRows.Get(rows, c)
	return sum, err
}

// toppedUp adds a top-up to the balance, once.
func (w *Wallet) toppedUp(rows pay.WritableRows, f pay.Fact) error {
	t, err := pay.As[pay.TopUp](f)
	if err != nil || t.Wallet != w.options.Scope {
		return err
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
