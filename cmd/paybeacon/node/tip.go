package node

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// optionalAmount reads an amount that may be left out, which is then 0. One that is given
// is above zero: its error is that of text.ParseAmount.
func optionalAmount(words string, c pay.Currency) (pay.Amount, error) {
	if words == "" {
		return 0, nil
	}
	return text.ParseAmount(words, c)
}

// tipOf reads the tip that an approval gives, in the currency of the offer. It returns
// which payment is meant, because another may be the only one a moment later.
func (n *payer) tipOf(ctx context.Context, q api.AnswerRequest) (id string, tip pay.Amount, err error) {
	if q.Tip == "" {
		return q.ID, 0, nil
	}
	e, err := read(ctx, n.store, func(v *store.View) (wallet.Entry, error) { return n.wallet.Offer(v, n.store.Now(), q.ID) })
	if err != nil {
		return q.ID, 0, err
	}
	tip, err = text.ParseAmount(q.Tip, e.Currency)
	return e.ID.String(), tip, err
}
