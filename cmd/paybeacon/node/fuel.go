package node

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// What the attendant of a forecourt can ask for.

func (b *Box) fuelVerbs() []api.Endpoint {
	return []api.Endpoint{
		api.On(api.VerbFuelPrices, atPumps(b, b.fuelPrices)),
		api.On(api.VerbPumps, atPumps(b, b.listPumps)),
		api.On(api.VerbEntered, atPumps(b, b.listEntered)),
		api.On(api.VerbFuelSelect, atPumps(b, b.fuelSelect)),
		api.On(api.VerbFuelComplete, atPumps(b, b.fuelComplete)),
		api.On(api.VerbFuelShow, atPumps(b, b.fuelShow)),
		api.On(api.VerbFuelList, atPumps(b, b.fuelList)),
		api.On(api.VerbFuelCancel, atPumps(b, b.fuelCancel)),
		api.On(api.VerbPumpLift, atPumps(b, b.pumpLift)),
		api.On(api.VerbPumpFill, atPumps(b, b.pumpFill)),
		api.On(api.VerbPumpHang, atPumps(b, b.pumpHang)),
	}
}

// atPumps refuses what is asked of a box that was not invited for a forecourt.
func atPumps[Q, A any](b *Box, do func(context.Context, Q) (A, error)) func(context.Context, Q) (A, error) {
	return func(ctx context.Context, q Q) (A, error) {
		if b.member.Class != pay.ClassFuel {
			var none A
			return none, pay.NewError(pay.CodeNotAllowed, "this box does not stand at pumps", "the operator invites one that does with `paybeacon admin invite --role box --class fuel`")
		}
		return do(ctx, q)
	}
}

func (b *Box) fuelPrices(ctx context.Context, q api.FuelPricesRequest) (out api.List[api.FuelPrice], err error) {
	var set []fuel.Posted
	if q.Set != "" {
		if set, err = fuel.ParsePrices(q.Set, text.Digits(b.member.Currency)); err != nil {
			return out, err
		}
	}
	var prices []fuel.Posted
	if set != nil {
		prices, err = commit(ctx, b.store, func(tx *store.Tx) ([]fuel.Posted, pay.Reaction, error) {
			all, err := b.till.SetFuelPrices(tx, set)
			return all, pay.Reaction{}, err
		})
	} else {
		prices, err = read(ctx, b.store, func(v *store.View) ([]fuel.Posted, error) { return b.till.FuelPrices(v) })
	}
	for _, p := range prices {
		out.Items = append(out.Items, api.FuelPrice{V: 1, Type: "price", Product: p.Product, Price: p.Price, Currency: b.member.Currency})
	}
	return out, err
}

func (b *Box) listEntered(_ context.Context, q api.EnteredRequest) (out api.List[api.Vehicle], err error) {
	here, why := b.entered()
	if q.Plate != "" {
		found := fuel.Narrow(here, q.Plate)
		here = found.Listed
		if found.Taken != nil {
			here = []fuel.Entry{*found.Taken}
		}
		if err := found.Err(q.Plate); pay.CodeOf(err) == pay.CodeNotFound {
			return out, cmp.Or(why, err)
		}
	}
	if len(here) == 0 && why != nil {
		return out, why
	}
	out.Items, out.Standing = b.vehicles(here), new(b.Standing())
	return out, nil
}

func (b *Box) vehicles(list []fuel.Entry) []api.Vehicle {
	out := vehicleObjects(list)
	for i := range out {
		out[i].Preset = presetWords(list[i], b.member.Currency)
	}
	return out
}

func vehicleObjects(list []fuel.Entry) []api.Vehicle {
	out := make([]api.Vehicle, 0, len(list))
	for _, e := range list {
		out = append(out, api.Vehicle{
			V: 1, Type: "vehicle", Handle: e.Handle, Plate: e.Vehicle.Plate, Product: e.Vehicle.Product, Most: e.Vehicle.Tank,
			Device: e.Device, Lane: e.Lane, Since: e.Since.String(), Heard: e.Heard.String(),
		})
	}
	return out
}

// presetWords says what the owner of a vehicle wants; "": nothing was said.
func presetWords(e fuel.Entry, cur pay.Currency) string {
	switch p := e.Preset; {
	case p.Quantity != 0:
		return fuel.FormatQuantity(p.Quantity) + " " + string(unitOf(e.Vehicle.Product))
	case p.Amount != 0:
		return text.FormatMoney(p.Amount, cur)
	case p.Full:
		return "full"
	default:
		return ""
	}
}

// unitOf is what a product is measured in where no pump says it.
func unitOf(p pay.Product) pay.Unit {
	if p == "electric" {
		return pay.UnitKilowattHour
	}
	return pay.UnitLitre
}

// fuelSelect selects a vehicle at a pump, or finds the fuelling that its key stands for,
// and waits for the pump as long as the request says.
func (b *Box) fuelSelect(ctx context.Context, q api.FuelSelectRequest) (api.Fuelling, error) {
	o, err := b.fuelOrder(q)
	if err != nil {
		return api.Fuelling{}, err
	}
	var known bool
	f, err := read(ctx, b.store, func(v *store.View) (f till.Fuelling, err error) {
		f, known, err = b.till.FuelRepeated(v, b.store.Now(), o)
		return f, err
	})
	if err == nil && !known {
		f, err = b.selectAnew(ctx, o)
	}
	if err != nil {
		return api.Fuelling{}, err
	}
	return b.awaitFuelling(ctx, f.ID, q.Wait, func(f till.Fuelling) bool {
		return f.Opened || f.State != till.FuelSelected && f.State != till.FuelReleased || f.Payment.Outcome() == pay.OutcomeUnknown
	})
}

func (b *Box) selectAnew(ctx context.Context, o till.FuelOrder) (till.Fuelling, error) {
	if err := b.refusal(); err != nil {
		return till.Fuelling{}, err
	}
	who, evidence, err := b.whoIs(ctx, o.Plate, o.To)
	if err != nil {
		return till.Fuelling{}, err
	}
	at := till.AtPump{Unit: unitOf(who.Vehicle.Product)}
	if b.fuel.pumps != nil {
		p, err := b.pumpAt(o.Pump)
		if err != nil {
			return till.Fuelling{}, err
		}
		at = till.AtPump{Unit: p.Unit, Products: p.Products}
	}
	return commit(ctx, b.store, func(tx *store.Tx) (till.Fuelling, pay.Reaction, error) {
		return b.till.FuelSelect(tx, tx.Now(), o, at, who, evidence)
	})
}

func (b *Box) fuelOrder(q api.FuelSelectRequest) (till.FuelOrder, error) {
	o := till.FuelOrder{Key: q.Key, Plate: q.Plate, To: q.To, Pump: q.Pump, PostPay: q.PostPay, TTL: q.TTL}
	if (q.Plate == "") == (q.To == "") {
		return o, pay.NewError(pay.CodeUsage, "name the vehicle by a part of its plate or by words", "give one of --plate and --to")
	}
	var err error
	o.Amount, err = optionalAmount(q.Amount, b.member.Currency)
	return o, err
}

// pumpAt returns a pump of the station as it describes it.
func (b *Box) pumpAt(n pay.PumpNumber) (pumps.Pump, error) {
	for _, p := range b.fuel.pumps.Pumps() {
		if p.Number == n {
			return p, nil
		}
	}
	return pumps.Pump{}, pay.NewError(pay.CodeNotFound, "this station has no such pump", "`paybeacon till fuel pumps` lists them; nothing was recorded")
}

// awaitFuelling looks at a fuelling after each commit until it is as is wanted or wait has
// passed, and returns it as it then is.
func (b *Box) awaitFuelling(ctx context.Context, id till.FuellingID, wait pay.Millis, is func(till.Fuelling) bool) (api.Fuelling, error) {
	waited, cancel := context.WithTimeout(ctx, wait.Std())
	defer cancel()
	changed, stop := b.store.WatchAll()
	defer stop()
	for {
		f, err := read(context.WithoutCancel(ctx), b.store, func(v *store.View) (till.Fuelling, error) {
			return b.till.ShowFuelling(v, b.store.Now(), id.String())
		})
		if err != nil || is(f) || waited.Err() != nil {
			return b.fuellingObject(f), err
		}
		select {
		case <-changed:
		case <-time.After(clockAgain): // time alone makes an outcome unknown
		case <-waited.Done():
		}
	}
}

func (b *Box) fuelComplete(ctx context.Context, q api.FuelCompleteRequest) (api.Fuelling, error) {
	litres, err := fuel.ParseQuantity(q.Litres)
	if err != nil {
		return api.Fuelling{}, err
	}
	total, err := text.ParseAmount(q.Total, b.member.Currency)
	if err != nil {
		return api.Fuelling{}, err
	}
	f, err := commit(ctx, b.store, func(tx *store.Tx) (till.Fuelling, pay.Reaction, error) {
		return b.till.FuelComplete(tx, tx.Now(), q.ID, litres, total)
	})
	if err != nil {
		return api.Fuelling{}, err
	}
	return b.awaitFuelling(ctx, f.ID, q.Wait, func(f till.Fuelling) bool { return f.State != till.FuelComplete || f.Doubt != "" })
}

func (b *Box) fuelShow(ctx context.Context, q api.FuelRef) (api.Fuelling, error) {
	f, err := read(ctx, b.store, func(v *store.View) (till.Fuelling, error) { return b.till.ShowFuelling(v, b.store.Now(), q.ID) })
	if err != nil {
		return api.Fuelling{}, err
	}
	return b.fuellingObject(f), nil
}

func (b *Box) fuelCancel(ctx context.Context, q api.FuelRef) (api.Fuelling, error) {
	f, err := commit(ctx, b.store, func(tx *store.Tx) (till.Fuelling, pay.Reaction, error) { return b.till.FuelCancel(tx, tx.Now(), q.ID) })
	if err != nil {
		return api.Fuelling{}, err
	}
	return b.awaitFuelling(ctx, f.ID, q.Wait, func(f till.Fuelling) bool {
		return !f.Stopping && f.State != till.FuelSelected && f.State != till.FuelReleased && f.Payment.Outcome() != pay.OutcomePending
	})
}

func (b *Box) fuelList(ctx context.Context, q api.FuelListRequest) (out api.List[api.Fuelling], err error) {
	limit := q.Limit
	if limit <= 0 || limit > pay.ListMax {
		limit = pay.ListMax
	}
	list, err := read(ctx, b.store, func(v *store.View) ([]till.Fuelling, error) {
		return b.till.Fuellings(v, b.store.Now(), limit, q.Owed)
	})
	for _, f := range list {
		out.Items = append(out.Items, b.fuellingObject(f))
	}
	return out, err
}

func (b *Box) fuellingObject(f till.Fuelling) api.Fuelling {
	out := api.Fuelling{
		V: 1, Type: "fuelling", ID: f.ID.String(), Pump: f.Pump, State: string(f.State), Quantity: f.Given.Quantity, Unit: f.Terms.Unit,
		Price: f.Terms.Price, Total: f.Total, Currency: b.member.Currency, Handle: f.Handle, Plate: f.Plate, Product: f.Terms.Product,
		Process: string(f.Process), Ceiling: f.Ceiling, Most: f.Terms.Most, Open: f.Opened, Stopping: f.Stopping, Owed: f.Owed(),
		Doubt: f.Doubt, Reason: f.Why, Created: f.Created.String(),
	}
	if p := f.Payment; !p.ID.IsZero() {
		out.Payment, out.Key, out.PaymentState, out.Outcome = p.ID.String(), p.Key, p.State(), p.Outcome()
		out.SafeToRetry = out.Outcome.SafeToRetry()
	}
	if f.State == till.FuelFilling {
		out.Quantity, out.Total = b.metered(f.Pump, f.Terms)
	}
	return out
}

// metered returns what a pump has given so far, and what that costs.
func (b *Box) metered(n pay.PumpNumber, terms pay.FuelTerms) (pay.Quantity, pay.Amount) {
	if b.fuel == nil {
		return 0, 0
	}
	b.fuel.mu.Lock()
	given := b.fuel.meter[n].Given.Quantity
	b.fuel.mu.Unlock()
	total, err := terms.Price.Total(given)
	if err != nil {
		return given, 0
	}
	return given, total
}

func (b *Box) listPumps(ctx context.Context, _ api.Nothing) (out api.List[api.Pump], err error) {
	var all []pumps.Pump
	if b.fuel != nil && b.fuel.pumps != nil {
		all = b.fuel.pumps.Pumps()
	}
	known, err := read(ctx, b.store, func(v *store.View) ([]pay.PumpNumber, error) { return b.till.KnownPumps(v) })
	for _, n := range known {
		if b.fuel.pumps == nil && !slices.ContainsFunc(all, func(p pumps.Pump) bool { return p.Number == n }) {
			all = append(all, pumps.Pump{Number: n})
		}
	}
	for _, p := range all {
		if err == nil {
			var o api.Pump
			o, err = b.pumpObject(ctx, p)
			out.Items = append(out.Items, o)
		}
	}
	return out, err
}

func (b *Box) pumpObject(ctx context.Context, p pumps.Pump) (api.Pump, error) {
	s, err := read(ctx, b.store, func(v *store.View) (till.PumpView, error) { return b.till.Pump(v, b.store.Now(), p.Number) })
	out := api.Pump{
		V: 1, Type: "pump", Pump: p.Number, State: string(s.State), Products: p.Products, Lifted: s.Lifted, Unit: p.Unit, Product: s.Lifted,
		Handle: s.Selected.Handle, Doubt: string(s.Doubt), Offline: p.Offline, Currency: b.member.Currency,
	}
	if f := s.Fuelling; f != nil {
		o := b.fuellingObject(*f)
		out.Fuelling, out.Product, out.Quantity, out.Unit = o.ID, o.Product, o.Quantity, cmp.Or(o.Unit, p.Unit)
		out.Price, out.Total, out.Doubt = o.Price, o.Total, cmp.Or(o.Doubt, out.Doubt)
	} else if s.State == fuel.InUse {
		out.Guess = b.guess(p.Number)
	}
	return out, err
}

// guess returns who stands at a pump as far as the radio tells: the one that is clearly
// nearest to a box that watches one lane.
func (b *Box) guess(pay.PumpNumber) pay.Handle {
	n := b.air.Nearby()
	for _, e := range b.fuel.listHere(b.store.Now()) {
		if n.Clear != "" && e.Handle == n.Clear {
			return e.Handle
		}
	}
	return ""
}

func (f *forecourt) listHere(now pay.Time) []fuel.Entry {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.here.List(now)
}
