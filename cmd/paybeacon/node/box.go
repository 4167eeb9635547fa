package node

import (
	"context"
	"errors"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// box is the node of `scan`: a radio, a tracker, the till and the connection
// to the registry.
type box struct {
	base
	peer
	member Member
	till   *till.Till
	spec   RadioSpec
	radio  radio
	http   net.Listener
	air    *Hearing
	events *eventLog
}

type BoxOptions struct {
	Radio  RadioSpec // of no kind: the store is opened and nothing is heard
	Server string
	HTTP   string
	Track  ble.TrackerOptions
}

func OpenBox(ctx context.Context, s Env, o BoxOptions) (*box, error) {
	m, key, err := s.Dir.identity(pay.RoleBox)
	if err != nil {
		return nil, err
	}
	b := &box{member: m}
	b.till = till.New(till.Options{Key: key, Merchant: m.Scope, Shop: m.Shop, Site: m.Site, Currency: m.Currency})
	if b.base, err = openBase(ctx, s, key, storeOptions{own: m.Scope, reactor: b.till}); err != nil {
		return nil, err
	}
	if b.peer, err = newPeer(b.base, m, o.Server); err != nil {
		b.Close()
		return nil, err
	}
	o.Track.Box = key.ID()
	b.air = NewHearing(o.Track, s.Clock.Now)
	b.events = newEventLog(s.Clock.Now, feedOf(b.store, m.Scope))
	if o.Radio.Kind == "" {
		return b, nil
	}
	b.spec = o.Radio
	if b.radio, err = openRadio(ctx, s, o.Radio, radioOptions{RSSI: RadioSilent, health: b.heed}); err != nil {
		b.Close()
		return nil, err
	}
	if b.http, err = listenHTTP(o.HTTP); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// RadioSilent is the strength at which a box would be heard if it sent.
const RadioSilent pay.RSSI = -100

func (b *box) Close() {
	if b.radio.close != nil {
		b.radio.close()
	}
	if b.http != nil {
		_ = b.http.Close()
	}
	b.base.Close()
}

func (b *box) Start(ctx context.Context, parts *errgroup.Group) {
	parts.Go(func() error { return b.store.Run(ctx) })
	parts.Go(func() error { return b.peer.Connect(ctx) })
	parts.Go(func() error { return b.radio.scanner.Scan(ctx, b.air.Hear) })
	if b.http != nil {
		parts.Go(func() error { return api.ServeHTTP(ctx, b.http, healthHandler(b.healthy), b.Log) })
	}
}

// healthy says whether the box can take a charge: its store can be read.
func (b *box) healthy(ctx context.Context) error {
	return b.store.View(ctx, func(v *store.View) error { _, err := v.Position(); return err })
}

func (b *box) Ready() api.Ready {
	r := api.Ready{V: 1, Type: "ready", Role: pay.RoleBox, Node: b.key.ID().String(), Registry: b.peer.word()}
	if b.http != nil {
		r.HTTP = b.http.Addr().String()
	}
	return r
}

// Verbs are what the node can be asked.
func (b *box) Verbs() api.Verbs {
	return api.NewVerbs(
		api.On(api.VerbReady, func(context.Context, api.Nothing) (api.Ready, error) { return b.Ready(), nil }),
		api.On(api.VerbHealth, func(context.Context, api.Nothing) (api.Health, error) { return b.health(), nil }),
		api.On(api.VerbEvents, b.events.read),
		api.On(api.VerbNearby, func(context.Context, api.Nothing) (api.Nearby, error) { return b.nearby(), nil }),
		api.On(api.VerbWaitNear, b.waitNear),
		api.On(api.VerbCharge, b.charge),
		api.On(api.VerbShow, b.show),
		api.On(api.VerbList, b.list),
		api.On(api.VerbWait, b.wait),
		api.On(api.VerbCancel, b.cancel),
		api.On(api.VerbReceipt, b.receipt),
	)
}

func (b *box) waitNear(ctx context.Context, q api.WaitRequest) (api.Nearby, error) {
	b.air.untilClear(ctx, q.Wait.Std())
	return b.nearby(), nil
}

// nearby is who is heard, and how well the radio hears.
func (b *box) nearby() api.Nearby {
	n := nearbyObject(b.air.nearby())
	h := b.air.Health()
	n.RadioWhy, n.AdvertsPerSecond, n.AdvertsLost = h.Why, api.RoundRate(h.Rate), h.Lost
	return n
}

// heed takes in what the radio says of its hearing, and tells it where it
// changes what a merchant may rely on.
func (b *box) heed(h ble.Health) {
	if b.air.Heed(h) {
		b.events.add(api.NewRadioEvent(h.Deaf, h.Why, h.Rate, h.Lost))
	}
}

func (b *box) eventLog() *eventLog { return b.events }

// charge looks the key up first: a repeated charge needs nobody near.
func (b *box) charge(ctx context.Context, q api.ChargeRequest) (api.Payment, error) {
	o, err := b.order(q)
	if err != nil {
		return api.Payment{}, err
	}
	var e till.Entry
	var known bool
	if err := b.store.View(ctx, func(v *store.View) error {
		e, known, err = b.till.Repeated(v, b.store.Now(), o)
		return err
	}); err != nil {
		return api.Payment{}, err
	}
	if known {
		return paymentOfTill(e), nil
	}
	c, err := b.pick(ctx, o.To)
	if err != nil {
		return api.Payment{}, err
	}
	err = b.store.Do(ctx, func(tx *store.Tx) error {
		var r pay.Reaction
		if e, r, err = b.till.Charge(tx, tx.Now(), o, c); err != nil {
			return err
		}
		return tx.Post(r)
	})
	if err != nil {
		return api.Payment{}, err
	}
	return paymentOfTill(e), nil
}

func (b *box) order(q api.ChargeRequest) (till.Order, error) {
	cur := b.member.Currency
	if q.Currency != "" {
		var err error
		if cur, err = text.ParseCurrency(q.Currency); err != nil {
			return till.Order{}, err
		}
	}
	amount, err := text.ParseAmount(q.Amount, cur)
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
		return c, api.WithExtra(err, "candidates", candidateObjects(ambiguous.Candidates))
	}
	return c, err
}

// entry reads one payment, named by id or key.
func (b *box) entry(ctx context.Context, q api.PaymentRef) (e till.Entry, err error) {
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

func (b *box) show(ctx context.Context, q api.PaymentRef) (api.Payment, error) {
	e, err := b.entry(ctx, q)
	if err != nil {
		return api.Payment{}, err
	}
	return paymentOfTill(e), nil
}

func (b *box) list(ctx context.Context, q api.ListRequest) (api.List[api.Payment], error) {
	var out api.List[api.Payment]
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
func (b *box) wait(ctx context.Context, q api.WaitRequest) (api.Payment, error) {
	return b.await(ctx, q, func(e till.Entry) bool { return e.Outcome() != pay.OutcomePending })
}

func (b *box) await(ctx context.Context, q api.WaitRequest, enough func(till.Entry) bool) (api.Payment, error) {
	e, err := b.entry(ctx, api.PaymentRef{ID: q.ID, Key: q.Key})
	if err != nil {
		return api.Payment{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, q.Wait.Std())
	defer cancel()
	changed, stop := b.store.WatchAll()
	defer stop()
	id := e.ID.String()
	for {
		if e, err = b.entry(context.WithoutCancel(ctx), api.PaymentRef{ID: id}); err != nil {
			return api.Payment{}, err
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

func (b *box) cancel(ctx context.Context, q api.WaitRequest) (api.Payment, error) {
	e, err := b.entry(ctx, api.PaymentRef{ID: q.ID, Key: q.Key})
	if err != nil {
		return api.Payment{}, err
	}
	err = b.store.Do(ctx, func(tx *store.Tx) error {
		var r pay.Reaction
		if e, r, err = b.till.Cancel(tx, tx.Now(), e.ID.String()); err != nil {
			return err
		}
		return tx.Post(r)
	})
	if err != nil {
		return api.Payment{}, err
	}
	if e.State() == pay.StateCancelled {
		return paymentOfTill(e), nil
	}
	return b.await(ctx, api.WaitRequest{ID: e.ID.String(), Wait: q.Wait}, func(e till.Entry) bool {
		return e.State().Ended() || e.Refusal != ""
	})
}

func (b *box) receipt(ctx context.Context, q api.PaymentRef) (api.ReceiptFile, error) {
	e, err := b.entry(ctx, q)
	if err != nil {
		return api.ReceiptFile{}, err
	}
	var out api.ReceiptFile
	err = b.store.View(ctx, func(v *store.View) error {
		id, raw, err := b.till.Receipt(v, e.ID.String())
		out = api.ReceiptFile{ID: id.String(), Receipt: raw}
		return err
	})
	return out, err
}
