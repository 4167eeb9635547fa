package main

import (
	"context"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// healthJSON is what a running daemon says of itself when `doctor` asks: the
// things that nobody else can see without disturbing it.
type healthJSON struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	// Spec is its --radio; empty where it has none.
	Spec             string  `json:"spec,omitempty"`
	Radio            string  `json:"radio,omitempty"`
	RadioWhy         string  `json:"radio_why,omitempty"`
	AdvertsPerSecond float64 `json:"adverts_per_second"`

	Session *sessionJSON `json:"session,omitempty"`
	Space   *spaceJSON   `json:"space,omitempty"`
	Links   []linkJSON   `json:"links,omitempty"`
}

// linkJSON says whether a wallet reaches one of its devices.
type linkJSON struct {
	Device string `json:"device"`
	Link   string `json:"link,omitempty"`
	Error  string `json:"error,omitempty"`
	Hint   string `json:"hint,omitempty"`
}

// sessionJSON is the state of the connection to the registry.
type sessionJSON struct {
	Server string        `json:"server"`
	Up     bool          `json:"up"`
	Since  string        `json:"since,omitempty"`
	Offset pay.Millis    `json:"offset_ms"` // the registry's clock minus this node's
	Code   pay.ErrorCode `json:"code,omitempty"`
	Error  string        `json:"error,omitempty"`
	Hint   string        `json:"hint,omitempty"`
}

// spaceJSON is the room on the disk of the store.
type spaceJSON struct {
	Free uint64 `json:"free_bytes"`
	Need uint64 `json:"need_bytes"`
}

// health is what a store's daemon has in common.
func (b *base) health() healthJSON {
	h := healthJSON{V: 1, Type: "health"}
	if free, need, err := b.engine.Space(); err == nil {
		h.Space = &spaceJSON{free, need}
	}
	return h
}

func (b *box) health() healthJSON {
	h := b.base.health()
	s := b.air.health()
	h.Spec, h.Radio, h.RadioWhy, h.AdvertsPerSecond = b.spec.String(), radioWord(s), s.Why, roundRate(s.Rate)
	h.Session = b.peer.session()
	return h
}

func (n *walletNode) health(ctx context.Context) (any, error) {
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
func (n *walletNode) tryLink(ctx context.Context, d wallet.Device) linkJSON {
	out := linkJSON{Device: d.ID.String(), Link: d.Link}
	if d.Link == "" {
		out.Error, out.Hint = "this wallet does not know where its link is", moveHint(d)
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, linkTryWait)
	defer cancel()
	if err := link.Reach(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}); err != nil {
		out.Error, out.Hint = describe(err).Message, "bring the device within reach, or say where it is now: "+moveHint(d)
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
func (p peer) session() *sessionJSON {
	state := p.client.State()
	s := &sessionJSON{Server: p.options.Address, Up: state.Up, Offset: state.Offset}
	if !state.Since.IsZero() {
		s.Since = pay.TimeOf(state.Since).String()
	}
	if state.Err != nil {
		e := describe(state.Err)
		s.Code, s.Error, s.Hint = e.Code, e.Message, e.Hint
	}
	return s
}
