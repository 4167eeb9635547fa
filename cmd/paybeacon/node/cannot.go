package node

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// cannotAnswer declines an offer and tells the merchant that the payer cannot approve
// it. Its errors are those of wallet.CannotAnswer.
func (n *payer) cannotAnswer(ctx context.Context, id string, by pay.Rule) (api.Payment, error) {
	e, err := commit(ctx, n.store, func(tx *store.Tx) (wallet.Entry, pay.Reaction, error) {
		return n.wallet.CannotAnswer(tx, tx.Now(), id, by)
	})
	if err != nil {
		return api.Payment{}, err
	}
	return n.paymentObject(e), nil
}

// sayIfForGood ends an offer that needs the word of a device which is not this
// wallet's any more, as the device itself says: waiting does not help, and the
// merchant should not wait either. A device that is out of reach is no such case. It
// returns err, with what was done as its hint.
func (n *payer) sayIfForGood(ctx context.Context, id string, by pay.Rule, err error) error {
	if !isNotOurs(err) {
		return err
	}
	if _, failed := n.cannotAnswer(ctx, id, by); failed != nil {
		return err
	}
	return pay.Wrap(err, pay.CodeDevice, "this payment cannot be approved", "the merchant is told that you cannot answer; pair the device again, or pay in another way")
}

// isNotOurs reports whether a device has answered that it does not belong to this
// wallet.
func isNotOurs(err error) bool {
	var outer, device *pay.Error
	if !errors.As(err, &outer) || outer.Code != pay.CodeDevice || !errors.As(outer.Err, &device) {
		return false
	}
	return device.Code == pay.CodeBound || device.Code == pay.CodePIN
}
