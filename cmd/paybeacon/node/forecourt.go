package node

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/ocpp"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// The crash points of a fuelling at its box, beside those of store and sync.
const (
	AtBeforeDue     = "fuel.before-due"     // something of a fuelling is due
	AtAfterDue      = "fuel.after-due"      // and is stored
	AtBeforeRelease = "fuel.before-release" // the pump is not asked yet
	AtAfterRelease  = "fuel.after-release"  // it has answered, and nobody knows
	AtBeforeTold    = "fuel.before-told"    // the pump has told something, which is not stored
	AtAfterTold     = "fuel.after-told"     // and is stored
	AtBeforeStop    = "fuel.before-stop"
	AtAfterStop     = "fuel.after-stop"
	AtBeforeSettle  = "fuel.before-settle"
	AtAfterSettle   = "fuel.after-settle"
)

// FuelCrashPoints returns the points that a fuelling may pass at its box.
func FuelCrashPoints() []string {
	return []string{
		AtBeforeDue, AtAfterDue, AtBeforeRelease, AtAfterRelease, AtBeforeTold, AtAfterTold, AtBeforeStop, AtAfterStop, AtBeforeSettle, AtAfterSettle,
	}
}

const (
	// pumpTimeout is how long a pump may take to answer. Chosen: what a charge point
	// behind a mobile network may take.
	pumpTimeout = 30 * time.Second
	// pumpAgain is after how long what a pump told is stored again where that failed.
	// Chosen: a full disk is noticed elsewhere.
	pumpAgain = time.Second
)

// PumpSpec says which pumps a box has, as in sim:FILE or ocpp:FILE.
type PumpSpec struct {
	Kind string // "sim", "ocpp", or "" for none
	File string
}

// ParsePumps reads --pumps. Its error is a *pay.Error with CodeUsage.
func ParsePumps(s string) (PumpSpec, error) {
	for _, kind := range []string{"sim", "ocpp"} {
		if len(s) > len(kind)+1 && s[:len(kind)+1] == kind+":" {
			return PumpSpec{Kind: kind, File: s[len(kind)+1:]}, nil
		}
	}
	if s == "" {
		return PumpSpec{}, nil
	}
	return PumpSpec{}, pay.NewError(pay.CodeUsage, "--pumps names no kind of pumps", "write it like --pumps sim:pumps.toml or --pumps ocpp:points.toml")
}

// forecourt is what a box at pumps has beside others.
type forecourt struct {
	pumps pumps.Forecourt                // nil: the attendant releases them
	hands *sim.Forecourt                 // nil: they are real
	old   uint64                         // up to this number, effects may have been carried out by a process before
	leave pay.Millis                     // after which a vehicle has left
	mu    sync.Mutex                     // guards what follows
	here  fuel.Entered                   // who has entered
	asked map[pay.Code]pay.Time          // when the registry was asked of a code
	why   error                          // for which it does not say who is here; nil: it does
	meter map[pay.PumpNumber]pumps.Event // the last reading of a pump, which is not stored
	tried map[uint64]bool                // the releases that this process has begun to carry out
}

// openForecourt opens the pumps of a station.
func openForecourt(env process.Env, spec PumpSpec, leave pay.Millis) (*forecourt, error) {
	f := &forecourt{
		leave: leave, here: fuel.Entered{Leave: leave}, asked: map[pay.Code]pay.Time{}, meter: map[pay.PumpNumber]pumps.Event{}, tried: map[uint64]bool{},
	}
	var err error
	switch spec.Kind {
	case "sim":
		f.hands, err = sim.Open(sim.Options{File: spec.File, Folder: env.Dir.Path("pumps"), Now: env.Now})
		f.pumps = f.hands
	case "ocpp":
		var s *ocpp.Station
		s, err = ocpp.New(ocpp.Options{File: spec.File, Folder: string(env.Dir), Now: env.Now})
		f.pumps = s
	}
	if err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "open the pumps", "correct the file that --pumps names")
	}
	return f, nil
}

// openFuel opens what a box has at pumps, where it was invited to one.
func (b *Box) openFuel(o BoxOptions) error {
	switch {
	case b.member.Class == pay.ClassFuel:
		var err error
		b.fuel, err = openForecourt(o.Env, o.Pumps, o.FuelLeave)
		return err
	case o.Pumps.Kind != "":
		return pay.NewError(pay.CodeNotAllowed, "--pumps is for a box at pumps, and this one is not", "the operator invites one with `paybeacon admin invite --role box --class fuel`")
	default:
		return nil
	}
}

// addr returns where charge points connect, or "".
func (f *forecourt) addr() string {
	if s, ok := f.pumps.(*ocpp.Station); ok {
		return s.Addr()
	}
	return ""
}

func (f *forecourt) close() {
	if f != nil && f.pumps != nil {
		_ = f.pumps.Close()
	}
}

// runForecourt works the forecourt of a box until ctx ends.
func (b *Box) runForecourt(ctx context.Context, parts *errgroup.Group) {
	parts.Go(func() error { return b.watchEntered(ctx) })
	parts.Go(func() error { return b.followFuel(ctx) })
	if b.fuel.pumps == nil {
		return
	}
	parts.Go(func() error { return b.workPumps(ctx) })
}

// workPumps asks the pumps for what is to be done, and takes in what they tell.
func (b *Box) workPumps(ctx context.Context) error {
	err := b.store.View(ctx, func(v *store.View) error {
		return v.Effects(0, func(n uint64, _ pay.Effect) error {
			b.fuel.old = n
			return nil
		})
	})
	if err != nil {
		return err
	}
	b.meetPumps(ctx)
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return b.fuel.pumps.Run(ctx, func(e pumps.Event) { b.pumpTold(ctx, e) }) })
	parts.Go(func() error {
		return b.store.Carry(ctx, map[pay.EffectKind]store.Doer{
			till.EffectRelease: b.releasePump, till.EffectStop: b.stopPump, till.EffectSettle: b.settlePump,
		})
	})
	return parts.Wait()
}

// meetPumps takes in how the pumps stand: what happened to a nozzle while this box was not
// there is told by nobody.
func (b *Box) meetPumps(ctx context.Context) {
	for _, p := range b.fuel.pumps.Pumps() {
		nozzle := pumps.Event{What: pumps.Hung, Pump: p.Number}
		if p.Lifted != "" {
			nozzle = pumps.Event{What: pumps.Lifted, Pump: p.Number, Product: p.Lifted}
		}
		order := pumps.Event{What: pumps.Back, Pump: p.Number}
		if p.Offline != "" {
			order = pumps.Event{What: pumps.Failed, Pump: p.Number, Why: p.Offline}
		}
		b.pumpTold(ctx, nozzle)
		b.pumpTold(ctx, order)
	}
}

// pumpTold stores what a pump tells, however often that takes. A reading in the middle is
// kept in memory alone: a meter may tell of it a million times.
func (b *Box) pumpTold(ctx context.Context, e pumps.Event) {
	if e.What == pumps.Metered && b.readOn(ctx, e) {
		return
	}
	told := b.eventOf(e)
	if news, err := read(ctx, b.store, func(v *store.View) (bool, error) { return b.till.PumpNews(v, told) }); err == nil && !news {
		return
	}
	b.fuel.mu.Lock()
	last, metered := b.fuel.meter[e.Pump]
	delete(b.fuel.meter, e.Pump)
	b.fuel.mu.Unlock()
	b.Seams.Pass(AtBeforeTold)
	for {
		_, err := commit(ctx, b.store, func(tx *store.Tx) (struct{}, pay.Reaction, error) {
			var before pay.Reaction
			if metered && last.Transaction == e.Transaction {
				var err error
				if before, err = b.till.PumpTold(tx, tx.Now(), b.eventOf(last)); err != nil {
					return struct{}{}, before, err
				}
			}
			r, err := b.till.PumpTold(tx, tx.Now(), told)
			r.Publications = append(before.Publications, r.Publications...)
			r.Effects = append(before.Effects, r.Effects...)
			return struct{}{}, r, err
		})
		if err == nil {
			break
		}
		b.Log.Error("what a pump told could not be stored, and is stored again", "pump", e.Pump, "what", e.What, "err", err)
		select {
		case <-ctx.Done(): // the pump tells it again
			return
		case <-time.After(pumpAgain):
		}
	}
	b.Seams.Pass(AtAfterTold)
}

// readOn keeps a reading of a transaction whose beginning is stored.
func (b *Box) readOn(ctx context.Context, e pumps.Event) bool {
	p, err := read(ctx, b.store, func(v *store.View) (till.PumpView, error) { return b.till.Pump(v, b.store.Now(), e.Pump) })
	if err != nil || e.Transaction == 0 || p.Transaction != e.Transaction {
		return false
	}
	b.fuel.mu.Lock()
	defer b.fuel.mu.Unlock()
	if last := b.fuel.meter[e.Pump]; last.Transaction == e.Transaction && last.Given.Quantity > e.Given.Quantity {
		return false // it reads less than before, which is to be stored
	}
	b.fuel.meter[e.Pump] = e
	return true
}

// eventOf is what a pump tells as the till takes it in.
func (b *Box) eventOf(e pumps.Event) till.PumpEvent {
	out := till.PumpEvent{Pump: e.Pump, Event: e.Happens(), Given: e.Given, Total: e.Total, Doubt: e.Doubt}
	for _, p := range b.fuel.pumps.Pumps() {
		if p.Number == e.Pump {
			out.Flow = p.Flow
		}
	}
	return out
}

// releasePump carries out till.EffectRelease, as a store.Doer. Where nobody wants it any
// more a pump that may have been asked before is asked to stop: it then says what it gave.
func (b *Box) releasePump(ctx context.Context, n uint64, e pay.Effect) ([]byte, error) {
	a, err := till.AskOf(e)
	if err != nil {
		return nil, err
	}
	may, err := read(ctx, b.store, func(v *store.View) (bool, error) { return b.till.MayRelease(v, b.store.Now(), a) })
	if err != nil {
		return nil, err
	}
	b.fuel.mu.Lock()
	again := b.fuel.tried[n] || n <= b.fuel.old
	b.fuel.tried[n] = true
	b.fuel.mu.Unlock()
	if !may && !again {
		return pay.Encode(till.PumpAnswer{Refused: "too_late"}), nil
	}
	ctx, cancel := context.WithTimeout(ctx, pumpTimeout)
	defer cancel()
	b.Seams.Pass(AtBeforeRelease)
	err = b.fuel.pumps.Release(ctx, pumps.Release{Pump: a.Pump, Session: a.Session, Product: a.Terms.Product, Price: a.Terms.Price, Most: a.Terms.Most})
	b.Seams.Pass(AtAfterRelease)
	if err == nil && !may {
		err = b.fuel.pumps.Stop(ctx, a.Pump, a.Session)
	}
	var answer till.PumpAnswer
	switch {
	case errors.Is(err, pumps.ErrUnknownPump):
		answer.Refused = "unknown_pump"
	case errors.Is(err, pumps.ErrBusy):
		answer.Refused = "pump_busy"
	case errors.Is(err, pumps.ErrProduct):
		answer.Refused = string(pay.ReasonWrongProduct)
	case errors.Is(err, pumps.ErrOffline):
		answer.Refused = "pump_offline"
	case err != nil:
		return nil, err
	}
	b.fuel.mu.Lock()
	delete(b.fuel.tried, n)
	b.fuel.mu.Unlock()
	return pay.Encode(answer), nil
}

// stopPump carries out till.EffectStop, as a store.Doer.
func (b *Box) stopPump(ctx context.Context, _ uint64, e pay.Effect) ([]byte, error) {
	a, err := till.AskOf(e)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pumpTimeout)
	defer cancel()
	b.Seams.Pass(AtBeforeStop)
	err = b.fuel.pumps.Stop(ctx, a.Pump, a.Session)
	b.Seams.Pass(AtAfterStop)
	return answerOf(a, err)
}

// settlePump carries out till.EffectSettle, as a store.Doer.
func (b *Box) settlePump(ctx context.Context, _ uint64, e pay.Effect) ([]byte, error) {
	a, err := till.AskOf(e)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, pumpTimeout)
	defer cancel()
	b.Seams.Pass(AtBeforeSettle)
	err = b.fuel.pumps.Settle(ctx, a.Pump, a.Transaction)
	b.Seams.Pass(AtAfterSettle)
	return answerOf(a, err)
}

// answerOf is the result of an effect that is carried out until it works; a pump that is
// not there any more has nothing to do.
func answerOf(a till.PumpAsk, err error) ([]byte, error) {
	if err != nil && !errors.Is(err, pumps.ErrUnknownPump) {
		return nil, fmt.Errorf("pump %d: %w", a.Pump, err)
	}
	return pay.Encode(till.PumpAnswer{}), nil
}

// followFuel moves fuellings on whenever something is stored, and when their time comes.
func (b *Box) followFuel(ctx context.Context) error {
	changed, stop := b.store.WatchAll()
	defer stop()
	for {
		next := b.fuelDue(ctx)
		var due <-chan time.Time
		if next != 0 {
			due = time.After(min(max(next.Sub(b.store.Now()).Std(), time.Millisecond), clockAgain))
		}
		select {
		case <-changed:
		case <-due:
		case <-ctx.Done():
			return nil
		}
	}
}

// fuelDue does what is due about each fuelling, and returns when something is again; 0:
// when something happens. One that fails holds up no other.
func (b *Box) fuelDue(ctx context.Context) (next pay.Time) {
	ids, err := read(ctx, b.store, func(v *store.View) ([]till.FuellingID, error) { return b.till.OpenFuellings(v) })
	for _, id := range ids {
		var at pay.Time
		if at, err = b.dueOf(ctx, id); err != nil {
			break
		}
		if at != 0 && (next == 0 || at < next) {
			next = at
		}
	}
	if err != nil && ctx.Err() == nil {
		b.Log.Error("a fuelling could not be moved on, and is looked at again", "err", err)
		return b.store.Now().Add(pay.MillisOf(pumpAgain))
	}
	return next
}

func (b *Box) dueOf(ctx context.Context, id till.FuellingID) (next pay.Time, err error) {
	for {
		var due bool
		err := b.store.View(ctx, func(v *store.View) (err error) {
			due, next, err = b.till.FuelPending(v, b.store.Now(), id)
			return err
		})
		if err != nil || !due {
			return next, err
		}
		b.Seams.Pass(AtBeforeDue)
		_, err = commit(ctx, b.store, func(tx *store.Tx) (struct{}, pay.Reaction, error) {
			r, _, err := b.till.FuelDue(tx, tx.Now(), id)
			return struct{}{}, r, err
		})
		if err != nil {
			return 0, err
		}
		b.Seams.Pass(AtAfterDue)
	}
}
