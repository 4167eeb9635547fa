package main

import (
	"context"
	"errors"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// box is the node of `scan`: a radio, a tracker, the till and the connection
// to the registry.
type box struct {
	base
	peer
	member member
	till   *till.Till
	spec   radioSpec
	radio  radio
	http   net.Listener
	air    *hearing
	events *eventLog
}

type boxOptions struct {
	radio  radioSpec // of no kind: the store is opened and nothing is heard
	server string
	http   string
	track  ble.TrackerOptions
}

func openBox(ctx context.Context, s setting, o boxOptions) (*box, error) {
	m, key, err := s.dir.identity(pay.RoleBox)
	if err != nil {
		return nil, err
	}
	b := &box{member: m}
	b.till = till.New(till.Options{Key: key, Merchant: m.Scope, Shop: m.Shop, Site: m.Site, Currency: m.Currency})
	if b.base, err = openBase(ctx, s, key, storeOptions{own: m.Scope, reactor: b.till}); err != nil {
		return nil, err
	}
	if b.peer, err = newPeer(b.base, m, o.server); err != nil {
		b.close()
		return nil, err
	}
	o.track.Box = key.ID()
	b.air = newHearing(o.track, s.clock.now)
	b.events = newEventLog(s.clock.now, feedOf(b.store, m.Scope))
	if o.radio.kind == "" {
		return b, nil
	}
	b.spec = o.radio
	if b.radio, err = openRadio(ctx, s, o.radio, radioOptions{rssi: radioSilent, health: b.heed}); err != nil {
		b.close()
		return nil, err
	}
	if b.http, err = listenHTTP(o.http); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// radioSilent is the strength at which a box would be heard if it sent.
const radioSilent pay.RSSI = -100

func (b *box) close() {
	if b.radio.close != nil {
		b.radio.close()
	}
	if b.http != nil {
		_ = b.http.Close()
	}
	b.base.close()
}

func (b *box) start(ctx context.Context, parts *errgroup.Group) {
	parts.Go(func() error { return b.store.Run(ctx) })
	parts.Go(func() error { return b.peer.connect(ctx) })
	parts.Go(func() error { return b.radio.scanner.Scan(ctx, b.air.hear) })
	if b.http != nil {
		parts.Go(func() error { return serveHTTP(ctx, b.http, healthHandler(b.healthy), b.log) })
	}
}

// healthy says whether the box can take a charge: its store can be read.
func (b *box) healthy(ctx context.Context) error {
	return b.store.View(ctx, func(v *store.View) error { _, err := v.Position(); return err })
}

func (b *box) ready() readyJSON {
	r := readyJSON{V: 1, Type: "ready", Role: pay.RoleBox, Node: b.key.ID().String(), Registry: b.peer.word()}
	if b.http != nil {
		r.HTTP = b.http.Addr().String()
	}
	return r
}

func (b *box) verbs() verbs {
	return verbs{
		"ready":     on(true, func(context.Context, noQuery) (any, error) { return b.ready(), nil }),
		"nearby":    on(false, func(context.Context, noQuery) (any, error) { return b.nearby(), nil }),
		"wait-near": on(false, b.waitNear),
		"charge":    on(false, b.charge),
		"show":      on(true, func(ctx context.Context, q idQuery) (any, error) { return b.show(ctx, q) }),
		"list":      on(true, b.list),
		"wait":      on(true, b.wait),
		"cancel":    on(false, b.cancel),
		"receipt":   on(true, b.receipt),
		"events":    on(true, b.events.read),
		"health":    on(false, func(context.Context, noQuery) (any, error) { return b.health(), nil }),
	}
}

func (b *box) waitNear(ctx context.Context, q waitQuery) (any, error) {
	b.air.untilClear(ctx, q.Wait.Std())
	return b.nearby(), nil
}

// nearby is who is heard, and how well the radio hears.
func (b *box) nearby() nearbyJSON {
	n := nearbyObject(b.air.nearby())
	h := b.air.health()
	n.RadioWhy, n.AdvertsPerSecond, n.AdvertsLost = h.Why, roundRate(h.Rate), h.Lost
	return n
}

// heed takes in what the radio says of its hearing, and tells it where it
// changes what a merchant may rely on.
func (b *box) heed(h ble.Health) {
	if b.air.heed(h) {
		b.events.add(radioEvent(h.Deaf, h.Why, h.Rate, h.Lost))
	}
}

func (b *box) eventLog() *eventLog { return b.events }

// charge looks the key up first: a repeated charge needs nobody near.
func (b *box) charge(ctx context.Context, q chargeQuery) (any, error) {
	o, err := b.order(q)
	if err != nil {
		return nil, err
	}
	var e till.Entry
	var known bool
	if err := b.store.View(ctx, func(v *store.View) error {
		e, known, err = b.till.Repeated(v, b.store.Now(), o)
		return err
	}); err != nil {
		return nil, err
	}
	if known {
		return paymentOfTill(e), nil
	}
	c, err := b.pick(ctx, o.To)
	if err != nil {
		return nil, err
	}
	err = b.store.Do(ctx, func(tx *store.Tx) error {
		var r pay.Reaction
		if e, r, err = b.till.Charge(tx, tx.Now(), o, c); err != nil {
			return err
		}
		return tx.Post(r)
	})
	if err != nil {
		return nil, err
	}
	return paymentOfTill(e), nil
}

func (b *box) order(q chargeQuery) (till.Order, error) {
	cur := b.member.Currency
	if q.Currency != "" {
		var err error
		if cur, err = parseCurrency(q.Currency); err != nil {
			return till.Order{}, err
		}
	}
	amount, err := parseAmount(q.Amount, cur)
	if err != nil {
		return till.Order{}, err
	}
	return till.Order{Key: q.Key, Amount: amount, Currency: cur, Ref: q.Ref, To: q.To, TTL: q.TTL, TwoChannel: q.TwoChannel}, nil
}

// pick chooses whom to charge. For the nearest it gives the air a moment to
// become clear.
func (b *box) pick(ctx context.Context, to pay.Handle) (pay.Candidate, error) {
	n := b.air.nearby()
	if to == "" {
		n = b.air.untilClear(ctx, nearestWait)
	}
	c, err := till.Pick(n, to, b.air.shown)
	var ambiguous *till.AmbiguousError
	if errors.As(err, &ambiguous) {
		return c, withExtra(err, "candidates", candidateObjects(ambiguous.Candidates))
	}
	return c, err
}

// entry reads one payment, named by id or key.
func (b *box) entry(ctx context.Context, q idQuery) (e till.Entry, err error) {
	err = b.store.View(ctx, func(v *store.View) error {
		if q.Key != "" {
			e, err = b.till.Find(v, b.store.Now(), q.Key)
		} else {
			e, err = b.till.Show(v, b.store.Now(), q.ID)
		}
		return err
	})
	return e, err
}

func (b *box) show(ctx context.Context, q idQuery) (paymentJSON, error) {
	e, err := b.entry(ctx, q)
	if err != nil {
		return paymentJSON{}, err
	}
	return paymentOfTill(e), nil
}

func (b *box) list(ctx context.Context, q listQuery) (any, error) {
	var out listAnswer[paymentJSON]
	err := b.store.View(ctx, func(v *store.View) error {
		list, err := b.till.List(v, b.store.Now(), q.Limit)
		for _, e := range list {
			out.Items = append(out.Items, paymentOfTill(e))
		}
		return err
	})
	return out, err
}

// wait answers when the payment has its last word, when its time is up without
// one, or when the wait has passed.
func (b *box) wait(ctx context.Context, q waitQuery) (any, error) {
	return b.await(ctx, q, func(e till.Entry) bool { return e.Outcome() != pay.OutcomePending })
}

func (b *box) await(ctx context.Context, q waitQuery, enough func(till.Entry) bool) (any, error) {
	e, err := b.entry(ctx, idQuery{ID: q.ID, Key: q.Key})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, q.Wait.Std())
	defer cancel()
	changed, stop := b.store.WatchAll()
	defer stop()
	id := e.ID.String()
	for {
		if e, err = b.entry(context.WithoutCancel(ctx), idQuery{ID: id}); err != nil {
			return nil, err
		}
		if enough(e) || b.offline || ctx.Err() != nil {
			return paymentOfTill(e), nil
		}
		select {
		case <-changed:
		case <-b.timeUp(e.Deadline):
		case <-ctx.Done():
		}
	}
}

func (b *box) cancel(ctx context.Context, q waitQuery) (any, error) {
	e, err := b.entry(ctx, idQuery{ID: q.ID, Key: q.Key})
	if err != nil {
		return nil, err
	}
	err = b.store.Do(ctx, func(tx *store.Tx) error {
		var r pay.Reaction
		if e, r, err = b.till.Cancel(tx, tx.Now(), e.ID.String()); err != nil {
			return err
		}
		return tx.Post(r)
	})
	if err != nil {
		return nil, err
	}
	if e.State() == pay.StateCancelled {
		return paymentOfTill(e), nil
	}
	return b.await(ctx, waitQuery{ID: e.ID.String(), Wait: q.Wait}, func(e till.Entry) bool {
		return e.State().Ended() || e.Refusal != ""
	})
}

func (b *box) receipt(ctx context.Context, q idQuery) (any, error) {
	e, err := b.entry(ctx, q)
	if err != nil {
		return nil, err
	}
	var out receiptAnswer
	err = b.store.View(ctx, func(v *store.View) error {
		id, raw, err := b.till.Receipt(v, e.ID.String())
		out = receiptAnswer{ID: id.String(), Receipt: raw}
		return err
	})
	return out, err
}
