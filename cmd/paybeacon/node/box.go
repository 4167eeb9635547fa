package node

import (
	"cmp"
	"context"
	"errors"
	"net"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// Box is the node of `scan`: a radio, a tracker, the till and the connection
// to the registry.
type Box struct {
	base
	peer
	member datadir.Member
	till   *till.Till
	spec   radio.Spec
	radio  radio.Radio
	http   net.Listener
	air    *radio.Hearing
	events *events.Log
	fuel   *forecourt // nil where the box does not stand at pumps
}

// BoxOptions say how a box is opened.
type BoxOptions struct {
	Env process.Env
	// Radio is what the box hears with. Of no kind: the store is opened, nothing is
	// heard, and the box cannot run.
	Radio radio.Spec
	// Server is where the registry is, HOST:PORT; "" for where it was at enrolment.
	Server string
	// HTTP is where /healthz and /readyz are served, HOST:PORT; "" for nowhere.
	HTTP  string
	Track ble.TrackerOptions
	// Pumps are those that a box of a forecourt works, and FuelLeave is after how long a
	// vehicle has left that is not heard; 0: pay.FuelLeave.
	Pumps     PumpSpec
	FuelLeave pay.Millis
}

// OpenBox opens the box that is enrolled in a directory. Its errors are *pay.Error.
func OpenBox(ctx context.Context, o BoxOptions) (*Box, error) {
	env := o.Env
	m, key, err := env.Dir.Identity(pay.RoleBox)
	if err != nil {
		return nil, err
	}
	b := &Box{member: m}
	b.till = till.New(till.Options{Key: key, Merchant: m.Scope, MerchantName: m.Shop, Site: m.Site, Currency: m.Currency, Pumps: o.Pumps.Kind != ""})
	if b.base, err = openBase(ctx, env, key, storeOptions{own: m.Scope, reactor: b.till}); err != nil {
		return nil, err
	}
	if b.peer, err = newPeer(b.base, m, o.Server); err != nil {
		b.Close()
		return nil, err
	}
	b.air = radio.NewHearing(o.Track, env.Now)
	b.events = events.NewLog(env.Now, events.FeedOf(b.store, m.Scope))
	if err := b.openFuel(o); err != nil {
		b.Close()
		return nil, err
	}
	if o.Radio.Kind == "" {
		return b, nil
	}
	b.spec = o.Radio
	if b.radio, err = radio.Open(ctx, o.Radio, radio.Options{Now: env.Now, Log: env.Log, RSSI: radio.Silent, Health: b.heed}); err != nil {
		b.Close()
		return nil, err
	}
	if b.http, err = listenHTTP(o.HTTP); err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close closes what OpenBox opened.
func (b *Box) Close() {
	if b.radio.Close != nil {
		b.radio.Close()
	}
	if b.http != nil {
		_ = b.http.Close()
	}
	b.fuel.close()
	b.base.Close()
}

// Run hears, keeps the connection to the registry and takes in what comes, until
// ctx ends.
func (b *Box) Run(ctx context.Context) error {
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return b.store.Run(ctx) })
	parts.Go(func() error { return b.watchClock(ctx) })
	parts.Go(func() error { return b.confirmClock(ctx, b.store) })
	parts.Go(func() error {
		if err := takeInLate(ctx, b.store, b.member.Scope, b.till, b.Seams); err != nil {
			return err
		}
		return b.Connect(ctx)
	})
	parts.Go(func() error { return b.radio.Scanner.Scan(ctx, b.air.Hear) })
	if b.fuel != nil {
		b.runForecourt(ctx, parts)
	}
	if b.http != nil {
		parts.Go(func() error { return api.ServeHTTP(ctx, b.http, healthHandler(b.healthy), b.Log) })
	}
	return parts.Wait()
}

// healthy returns why the box cannot take a charge, or nil: its store can be read.
func (b *Box) healthy(ctx context.Context) error {
	if err := b.refusal(); err != nil {
		return err
	}
	return b.store.View(ctx, func(v *store.View) error { _, err := v.Position(); return err })
}

// Ready is where the box listens, and whether the registry is up.
func (b *Box) Ready() api.Ready {
	r := api.Ready{V: 1, Type: "ready", Role: pay.RoleBox, Node: b.key.ID().String(), Standing: b.peer.Standing()}
	if b.http != nil {
		r.HTTP = b.http.Addr().String()
	}
	if b.fuel != nil {
		r.OCPP = b.fuel.addr()
	}
	return r
}

// Verbs are what the node can be asked.
func (b *Box) Verbs() api.Verbs {
	return api.NewVerbs(append(b.fuelVerbs(),
		api.On(api.VerbReady, func(context.Context, api.Nothing) (api.Ready, error) { return b.Ready(), nil }),
		api.On(api.VerbHealth, func(ctx context.Context, _ api.Nothing) (api.Health, error) { return b.health(ctx) }),
		api.On(api.VerbCounts, b.counts),
		api.On(api.VerbEvents, b.events.Read),
		api.On(api.VerbTill, b.status),
		api.On(api.VerbNearby, func(ctx context.Context, _ api.Nothing) (api.Nearby, error) {
			return b.waitNear(ctx, api.WaitRequest{})
		}),
		api.On(api.VerbWaitNear, b.waitNear),
		api.OnTelling(api.VerbCharge, b.charge),
		api.On(api.VerbShow, b.show),
		api.On(api.VerbList, b.list),
		api.On(api.VerbReport, b.report),
		api.On(api.VerbWait, b.wait),
		api.On(api.VerbCancel, b.cancel),
		api.On(api.VerbCapture, b.actor(pay.KindCapture)),
		api.On(api.VerbVoid, b.actor(pay.KindVoid)),
		api.On(api.VerbRefund, b.actor(pay.KindRefund)),
		api.On(api.VerbIncrement, b.actor(pay.KindIncrement)),
		api.On(api.VerbPrice, b.actor(pay.KindPrice)),
		api.On(api.VerbReceipt, b.receipt),
	)...)
}

func (b *Box) waitNear(ctx context.Context, q api.WaitRequest) (api.Nearby, error) {
	if q.Wait > 0 {
		b.air.UntilClear(ctx, q.Wait.Std())
	}
	n := b.nearby()
	n.Standing = b.Standing()
	return n, nil
}

// nearby is who is heard, and how well the radio hears.
func (b *Box) nearby() api.Nearby {
	n := nearbyObject(b.air.Nearby())
	h := b.air.Health()
	n.RadioWhy, n.AdvertsPerSecond, n.AdvertsLost = h.Why, api.RoundRate(h.Rate), h.Lost
	return n
}

// heed takes in what the radio says of its hearing, and tells it where it
// changes what a merchant may rely on.
func (b *Box) heed(h ble.Health) {
	if b.air.Heed(h) {
		b.events.Add(api.NewRadioEvent(h.Deaf, h.Why, h.Rate, h.Lost))
	}
}

func (b *Box) eventLog() *events.Log { return b.events }

// charge makes the payment, or finds the one that its key stands for, and waits for the
// outcome as long as the request says. It tells of a payment that it waits for.
func (b *Box) charge(ctx context.Context, q api.ChargeRequest, tell api.Tell) (api.Payment, error) {
	e, err := b.request(ctx, q)
	if err != nil {
		return api.Payment{}, err
	}
	if q.Wait <= 0 || e.Outcome() != pay.OutcomePending {
		return paymentOfTill(e), nil
	}
	tell(api.NewRecorded(paymentOfTill(e)))
	return b.awaitOutcome(ctx, e.ID, e.Key, q.Wait)
}

// request makes a payment, or finds the one that the order's key stands for. The key is
// looked up first where somebody would have to be found: a repeated charge needs nobody
// near.
func (b *Box) request(ctx context.Context, q api.ChargeRequest) (till.Entry, error) {
	o, err := b.order(q)
	if err != nil {
		return till.Entry{}, err
	}
	var c till.Choice
	found := false
	if who := cmp.Or(o.To, q.Said); who != "" && b.refusal() == nil {
		c, err = b.pick(ctx, who)
		found = err == nil
	}
	if !found {
		if e, known, err := b.repeated(ctx, o); known || err != nil {
			return e, err
		}
		if err := b.refusal(); err != nil {
			return till.Entry{}, err
		}
		if c, err = b.pick(ctx, cmp.Or(o.To, q.Said)); err != nil {
			return till.Entry{}, err
		}
	}
	if o.To == "" && q.Chosen {
		c.Evidence, c.Certain = pay.EvidenceClear, false
	}
	e, err := commit(ctx, b.store, func(tx *store.Tx) (till.Entry, pay.Reaction, error) { return b.till.Charge(tx, tx.Now(), o, c) })
	if err != nil && found { // what is known needs no room on the disk
		if e, known, bad := b.repeated(ctx, o); known && bad == nil {
			return e, nil
		}
	}
	return e, err
}

func (b *Box) repeated(ctx context.Context, o till.Order) (e till.Entry, known bool, err error) {
	err = b.store.View(ctx, func(v *store.View) error {
		e, known, err = b.till.Repeated(v, b.store.Now(), o)
		return err
	})
	return e, known, err
}

func (b *Box) order(q api.ChargeRequest) (till.Order, error) {
	cur := b.member.Currency
	if q.Currency != "" {
		var err error
		if cur, err = text.ParseCurrency(q.Currency); err != nil {
			return till.Order{}, err
		}
	}
	var amount pay.Amount
	switch elsewhere := q.Later || q.Bill != ""; {
	case elsewhere && q.Amount != "" || q.Later && q.Bill != "" || q.Bill != "" && q.Ref != "":
		return till.Order{}, pay.NewError(pay.CodeUsage, "an amount, one that comes later and a bill exclude one another, and a bill's number is the reference", "give one of them")
	case !elsewhere:
		var err error
		if amount, err = text.ParseAmount(q.Amount, cur); err != nil {
			return till.Order{}, err
		}
	}
	if q.Bill != "" {
		q.Ref = q.Bill
	}
	tipMax, err := optionalAmount(q.TipMax, cur)
	return till.Order{
		Key: q.Key, Later: q.Later, Bill: q.Bill != "", Amount: amount, Currency: cur, Ref: q.Ref, To: q.To, TTL: q.TTL, TwoChannel: q.TwoChannel, Hold: q.Hold,
		TipMax: tipMax,
	}, err
}

// pick chooses whom to charge. For the nearest it gives the air a moment to
// become clear.
func (b *Box) pick(ctx context.Context, to pay.Handle) (till.Choice, error) {
	n := b.air.Nearby()
	if to == "" {
		n = b.air.UntilClear(ctx, radio.NearestWait)
	}
	c, err := till.Pick(n, to, b.air.Shown)
	var ambiguous *till.AmbiguousError
	if errors.As(err, &ambiguous) {
		return c, api.WithExtra(err, "candidates", candidateObjects(ambiguous.Candidates))
	}
	return c, err
}

// entry reads one payment, named by id or key.
func (b *Box) entry(ctx context.Context, q api.PaymentRef) (till.Entry, error) {
	return read(ctx, b.store, func(v *store.View) (till.Entry, error) {
		if q.Key != "" {
			return b.till.Find(v, b.store.Now(), q.Key)
		}
		return b.till.Show(v, b.store.Now(), q.ID)
	})
}

func (b *Box) show(ctx context.Context, q api.PaymentRef) (api.Payment, error) {
	e, err := b.entry(ctx, q)
	if err != nil {
		return api.Payment{}, err
	}
	return paymentOfTill(e), nil
}

func (b *Box) list(ctx context.Context, q api.ListRequest) (api.List[api.Payment], error) {
	out := api.List[api.Payment]{Standing: new(b.Standing())}
	err := b.store.View(ctx, func(v *store.View) error {
		list, more, err := b.till.List(v, b.store.Now(), history.Page{Limit: q.Limit, Before: q.Before})
		for _, e := range list {
			out.Items = append(out.Items, paymentOfTill(e))
		}
		if more {
			out.Next = list[len(list)-1].ID.String()
		}
		return err
	})
	return out, err
}

// wait answers when the payment has ended, when its time is up without that, or
// when the wait has passed.
func (b *Box) wait(ctx context.Context, q api.WaitRequest) (api.Payment, error) {
	if id, ok := history.WholeID[pay.PaymentID](q.ID); ok && q.Key == "" {
		return b.awaitOutcome(ctx, id, "", q.Wait)
	}
	e, err := b.entry(ctx, api.PaymentRef{ID: q.ID, Key: q.Key})
	if err != nil {
		return api.Payment{}, err
	}
	return b.awaitOutcome(ctx, e.ID, e.Key, q.Wait)
}

func (b *Box) awaitOutcome(ctx context.Context, id pay.PaymentID, key pay.IdempotencyKey, wait pay.Millis) (api.Payment, error) {
	return b.awaitEntry(ctx, id, key, wait, func(v *store.View) (history.Wait, error) { return b.till.Look(v, b.store.Now(), id) })
}

// awaitEntry waits until look says that it is over and returns the payment as it then
// is. The key stays: of a payment that another box asked for, this one knows no more of
// its key than whoever named the payment by it.
func (b *Box) awaitEntry(ctx context.Context, id pay.PaymentID, key pay.IdempotencyKey, wait pay.Millis, look func(v *store.View) (history.Wait, error)) (p api.Payment, err error) {
	err = b.await(ctx, wait, id, look, func(v *store.View) error {
		e, err := b.till.Show(v, b.store.Now(), id.String())
		e.Key = cmp.Or(e.Key, key)
		p = paymentOfTill(e)
		return err
	})
	return p, err
}

func (b *Box) cancel(ctx context.Context, q api.WaitRequest) (api.Payment, error) {
	named, err := b.entry(ctx, api.PaymentRef{ID: q.ID, Key: q.Key})
	if err != nil {
		return api.Payment{}, err
	}
	e, err := commit(ctx, b.store, func(tx *store.Tx) (till.Entry, pay.Reaction, error) {
		e, r, err := b.till.Cancel(tx, tx.Now(), named.ID.String())
		if err == nil && e.State() != pay.StateCancelled {
			err = b.refusal() // what never left this box needs nobody
		}
		return e, r, err
	})
	if err != nil {
		return api.Payment{}, err
	}
	key := cmp.Or(e.Key, named.Key)
	if e.State() == pay.StateCancelled {
		e.Key = key
		return paymentOfTill(e), nil
	}
	return b.awaitEntry(ctx, e.ID, key, q.Wait, func(v *store.View) (history.Wait, error) {
		e, err := b.till.Show(v, b.store.Now(), e.ID.String())
		w := history.WaitFor(e.View)
		w.Over = e.State().Final() || e.Refusal != ""
		return w, err
	})
}

func (b *Box) receipt(ctx context.Context, q api.PaymentRef) (api.ReceiptFile, error) {
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

func (b *Box) health(ctx context.Context) (h api.Health, err error) {
	h = b.base.health()
	s := b.air.Health()
	h.Spec, h.Radio, h.RadioWhy, h.AdvertsPerSecond = b.spec.String(), api.RadioWord(s.Deaf), s.Why, api.RoundRate(s.Rate)
	h.Session = b.peer.session()
	h.Neighbours, h.Earshot, err = b.Around(ctx)
	return h, err
}
