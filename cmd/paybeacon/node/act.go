package node

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// actor returns what answers the verb for actions of a kind: it asks the registry, and
// waits for its decision as long as the request says.
func (b *Box) actor(kind pay.Kind) func(context.Context, api.ActionRequest) (api.Payment, error) {
	return func(ctx context.Context, q api.ActionRequest) (api.Payment, error) {
		named, err := b.entry(ctx, api.PaymentRef{ID: q.ID})
		if err != nil {
			return api.Payment{}, err
		}
		a := till.Act{Kind: kind, Key: q.Key, Final: q.Final, TTL: q.TTL}
		if q.Amount != "" {
			if a.Amount, err = text.ParseAmount(q.Amount, named.Currency); err != nil {
				return api.Payment{}, err
			}
		}
		if err := b.refusal(); err != nil {
			return api.Payment{}, err
		}
		e, err := commit(ctx, b.store, func(tx *store.Tx) (till.Entry, pay.Reaction, error) {
			return b.till.Act(tx, tx.Now(), named.ID.String(), a)
		})
		if err != nil {
			return api.Payment{}, err
		}
		return b.awaitAction(ctx, e.ID, q)
	}
}

// awaitAction waits until the registry has decided on what was asked for under a key,
// and returns the payment as it then is.
func (b *Box) awaitAction(ctx context.Context, id pay.PaymentID, q api.ActionRequest) (p api.Payment, err error) {
	show := func(v *store.View) (till.Entry, error) { return b.till.ShowAct(v, b.store.Now(), id, q.Key) }
	err = b.await(ctx, q.Wait, id, func(v *store.View) (history.Wait, error) {
		e, err := show(v)
		w := history.WaitFor(e.View)
		w.Over = e.Action == nil || e.Action.Over()
		return w, err
	}, func(v *store.View) error {
		e, err := show(v)
		p = paymentOfTill(e)
		return err
	})
	return p, err
}
