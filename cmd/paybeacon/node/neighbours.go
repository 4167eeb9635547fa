package node

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
)

// declareNeighbours declares two places to be neighbours, or ends that.
func (n *Registry) declareNeighbours(ctx context.Context, q api.NeighboursRequest) (api.Neighbours, error) {
	said, err := commit(ctx, n.store, func(tx *store.Tx) (pay.Neighbours, pay.Reaction, error) {
		a, err := n.role.FindPlace(tx, q.A, q.End)
		if err != nil {
			return pay.Neighbours{}, pay.Reaction{}, err
		}
		b, err := n.role.FindPlace(tx, q.B, q.End)
		if err != nil {
			return pay.Neighbours{}, pay.Reaction{}, err
		}
		return n.role.DeclareNeighbours(tx, tx.Now(), a, b, q.End)
	})
	return neighboursObject(said), err
}

func (n *Registry) neighbours(ctx context.Context, _ api.Nothing) (api.List[api.Neighbours], error) {
	var out api.List[api.Neighbours]
	list, err := read(ctx, n.store, func(v *store.View) ([]pay.Neighbours, error) { return n.role.Neighbours(v) })
	for _, said := range list {
		out.Items = append(out.Items, neighboursObject(said))
	}
	return out, err
}

func neighboursObject(said pay.Neighbours) api.Neighbours {
	return api.Neighbours{V: 1, Type: "neighbours", A: placeObject(said.A), B: placeObject(said.B), Declared: !said.Ended, Since: said.At.String()}
}

func placeObject(p pay.Place) api.Place { return api.Place{Merchant: p.MerchantName, Site: p.Site} }

// Earshot returns the pairs of places that hear one another's customers and are no
// declared neighbours. It returns an error when the store cannot be read.
func (n *Registry) Earshot(ctx context.Context) (list []api.EarshotPair, err error) {
	pairs, err := n.earshot(ctx)
	for _, p := range pairs {
		list = append(list, api.EarshotPair{A: placeObject(p.A), B: placeObject(p.B), Codes: p.Codes, Last: p.Last.String()})
	}
	return list, err
}

func (n *Registry) earshot(ctx context.Context) ([]registry.Earshot, error) {
	return read(ctx, n.store, func(v *store.View) ([]registry.Earshot, error) { return n.role.Earshot(v, n.store.Now()) })
}

// earshotOf returns where else the customers of a box's site are heard.
func earshotOf(pairs []registry.Earshot, m pay.NodeStatus) (list []api.Earshot) {
	here := pay.Place{Merchant: m.Scope, Site: m.Site}
	for _, p := range pairs {
		other := p.B
		switch {
		case p.B.Is(here):
			other = p.A
		case !p.A.Is(here):
			continue
		}
		place := placeObject(other)
		list = append(list, api.Earshot{Place: &place, Codes: p.Codes, Last: p.Last.String()})
	}
	return list
}

// Around returns the declared neighbours of the box's site, and whether yet another
// place hears its customers: nil if the registry has not said so lately. It returns
// an error when the store cannot be read.
func (b *Box) Around(ctx context.Context) (near []api.Place, other *api.Earshot, err error) {
	err = b.store.View(ctx, func(v *store.View) error {
		places, e, ok, err := b.till.Around(v, b.store.Now())
		for _, p := range places {
			near = append(near, placeObject(p))
		}
		if ok {
			other = &api.Earshot{Codes: e.Codes, Last: e.At.String()}
		}
		return err
	})
	return near, other, err
}
