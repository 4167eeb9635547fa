package wallet

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

func balanceKey(c pay.Currency) []byte { return append([]byte("b"), c...) }

// Balance returns what was topped up less what was captured, as far as this
// wallet has heard. It is for display: the registry's book decides.
func (w *Wallet) Balance(rows pay.Rows, c pay.Currency) (pay.Amount, error) {
	return balance(rows, c)
}

func balance(rows pay.Rows, c pay.Currency) (pay.Amount, error) {
	raw, ok, err := rows.Get(balanceKey(c))
	if err != nil || !ok {
		return 0, err
	}
	if len(raw) != 8 {
		return 0, fmt.Errorf("read balance: %d bytes", len(raw))
	}
	return pay.Amount(binary.BigEndian.Uint64(raw)), nil
}

// toppedUp adds a top-up to the balance, once.
func (w *Wallet) toppedUp(rows pay.WritableRows, f pay.Fact) error {
	t, err := pay.As[pay.TopUp](f)
	if err != nil || t.Wallet != w.options.Scope {
		return err
	}
	id := f.ID()
	seen := append([]byte("v"), id[:]...)
	if _, ok, err := rows.Get(seen); ok || err != nil {
		return err
	}
	if err := rows.Put(seen, nil); err != nil {
		return err
	}
	return addBalance(rows, t.Currency, t.Amount)
}

// addBalance changes a balance. One that would overflow stays as it is: it is
// only shown, and must not keep the feed from being read.
func addBalance(rows pay.WritableRows, c pay.Currency, by pay.Amount) error {
	have, err := balance(rows, c)
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
	return rows.Put(balanceKey(c), binary.BigEndian.AppendUint64(nil, uint64(sum)))
}
