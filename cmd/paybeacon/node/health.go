package node

import (
	"context"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// health is what a store's daemon has in common.
func (b *base) health() api.Health {
	h := api.Health{V: 1, Type: "health"}
	if free, need, err := b.engine.Space(); err == nil {
		h.Space = &api.Space{Free: free, Need: need}
	}
	return h
}

func (b *box) health() api.Health {
	h := b.base.health()
	s := b.air.Health()
	h.Spec, h.Radio, h.RadioWhy, h.AdvertsPerSecond = b.spec.String(), api.RadioWord(s.Deaf), s.Why, api.RoundRate(s.Rate)
	h.Session = b.peer.session()
	return h
}

func (n *Wallet) health(ctx context.Context, _ api.Nothing) (api.Health, error) {
	h := n.base.health()
	h.Session = n.peer.session()
	var devices []wallet.Device
	err := n.store.View(ctx, func(v *store.View) (err error) {
		devices, err = n.wallet.Devices(v)
		return err
	})
	for _, d := range devices {
		if d.State == pay.DeviceActive {
			h.Links = append(h.Links, n.tryLink(ctx, d))
		}
	}
	return h, err
}

// tryLink says whether a device answers where it is said to be.
func (n *Wallet) tryLink(ctx context.Context, d wallet.Device) api.Link {
	out := api.Link{Device: d.ID.String(), Link: d.Link}
	if d.Link == "" {
		out.Error, out.Hint = "this wallet does not know where its link is", moveHint(d)
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, linkTryWait)
	defer cancel()
	if err := link.Reach(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}); err != nil {
		out.Error, out.Hint = api.Describe(err).Message, "bring the device within reach, or say where it is now: "+moveHint(d)
	}
	return out
}

// linkTryWait bounds the look at one device: a device of this network answers
// in much less.
const linkTryWait = 2 * time.Second

func moveHint(d wallet.Device) string {
	return "paybeacon wallet devices --id " + d.ID.Short() + " --link HOST:PORT"
}

// session says how the connection to the registry stands.
func (p peer) session() *api.Session {
	state := p.client.State()
	s := &api.Session{Server: p.options.Address, Up: state.Up, Offset: state.Offset}
	if !state.Since.IsZero() {
		s.Since = pay.TimeOf(state.Since).String()
	}
	if state.Err != nil {
		e := api.Describe(state.Err)
		s.Code, s.Error, s.Hint = e.Code, e.Message, e.Hint
	}
	return s
}
