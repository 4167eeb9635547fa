package book

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// PayOut takes money out of the account of a wallet or a merchant, back to the house
// that issued it. It fails with ErrInsufficient when the available balance is below the
// amount, with pay.ErrOverflow when a sum would not fit, and as pay.Amount.CheckPayable
// does; all of them write nothing. Any other error is the store's.
func PayOut(tx pay.WritableRows, owner pay.Scope, amount pay.Amount, currency pay.Currency) error {
	if err := send(tx, Account{owner, currency}, Account{HousePlay, currency}, amount, pay.Amount.CheckPayable); err != nil {
		return fmt.Errorf("pay out to %s: %w", owner, err)
	}
	return nil
}

// Move moves all that a wallet can spend to another wallet's account, and returns how
// much that was and what is held, which stays. It fails with ErrInsufficient when there
// is nothing to move, with ErrFull when the other account would hold more than
// pay.BalanceMax, and with pay.ErrOverflow when a sum would not fit; all of them write
// nothing. Any other error is the store's.
func Move(tx pay.WritableRows, from, to pay.Scope, currency pay.Currency) (moved, held pay.Amount, err error) {
	old, err := Load(tx, Account{from, currency})
	if err != nil {
		return 0, 0, err
	}
	moved, held = old.Available(), old.HeldDebits
	if moved == 0 {
		err = ErrInsufficient
	} else {
		err = send(tx, Account{from, currency}, Account{to, currency}, moved, pay.Amount.CheckBalance)
	}
	if err != nil {
		return 0, held, fmt.Errorf("move the balance of %s to %s: %w", from, to, err)
	}
	return moved, held, nil
}
