package node

import (
	"cmp"
	"context"
	"errors"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// meansWait is how long a change of the means waits for the registry's answer. Chosen: a
// person waits; it stays asked for all the same.
const meansWait = 10 * time.Second

func (n *payer) allMeans(ctx context.Context, _ api.Nothing) (out api.List[api.Means], err error) {
	list, err := read(ctx, n.store, func(v *store.View) ([]wallet.Means, error) { return n.wallet.AllMeans(v) })
	for _, m := range list {
		out.Items = append(out.Items, meansObject(m))
	}
	return out, err
}

func (n *payer) addMeans(ctx context.Context, q api.AddMeansRequest) (api.Means, error) {
	return n.changeMeans(ctx, func(tx *store.Tx) (wallet.Means, pay.Reaction, error) {
		return n.wallet.AddMeans(tx, tx.Now(), pay.Means{Name: q.Name, Acquirer: q.Acquirer, Token: q.Token})
	})
}

func (n *payer) endMeans(ctx context.Context, q api.MeansRef) (api.Means, error) {
	return n.changeMeans(ctx, func(tx *store.Tx) (wallet.Means, pay.Reaction, error) {
		return n.wallet.EndMeans(tx, tx.Now(), q.Name)
	})
}

// changeMeans asks for a change and returns the means once the registry has decided on
// it, or as pending when it has not for a while.
func (n *payer) changeMeans(ctx context.Context, change func(tx *store.Tx) (wallet.Means, pay.Reaction, error)) (api.Means, error) {
	if err := n.refusal(); err != nil {
		return api.Means{}, err
	}
	m, err := commit(ctx, n.store, change)
	if err != nil {
		return api.Means{}, err
	}
	asked := m.Asked
	waiting, cancel := context.WithTimeout(ctx, meansWait)
	defer cancel()
	err = n.Watch(waiting, func() (bool, error) {
		now, err := read(ctx, n.store, func(v *store.View) (wallet.Means, error) { return n.wallet.MeansNamed(v, m.Name) })
		if err == nil {
			m = now
		}
		return m.State != wallet.MeansPending || m.Asked != asked, err
	})
	if errors.Is(err, context.DeadlineExceeded) {
		err = nil
	}
	return meansObject(m), err
}

func meansObject(m wallet.Means) api.Means {
	return api.Means{
		V: 1, Type: "means", Name: m.Name, Acquirer: cmp.Or(string(m.Acquirer), api.AcquirerAccount), State: string(m.State), Test: m.Test, Reason: m.Reason,
	}
}
