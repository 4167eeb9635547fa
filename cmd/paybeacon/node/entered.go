package node

import (
	"context"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// Who has entered a station is known to its box alone, in memory.

const (
	// enteredPoll is how often a box looks who is on the air. Chosen: nobody waits for
	// it.
	enteredPoll = 200 * time.Millisecond
	// askAgain is after how long the registry is asked of a code again: a preset may have
	// changed, a device been revoked. Chosen: less than a person takes to look up.
	askAgain pay.Millis = 10_000
	// askedKept is for how long it is remembered that a code was asked of. Chosen: longer
	// than a code is on the air.
	askedKept pay.Millis = 300_000
)

// watchEntered asks the registry which vehicles are here, until ctx ends.
func (b *Box) watchEntered(ctx context.Context) error {
	tick := time.NewTicker(enteredPoll)
	defer tick.Stop()
	for {
		b.lookAround(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// lookAround asks of the codes that are on the air and are not known, and again of those
// that were asked of some time ago.
func (b *Box) lookAround(ctx context.Context) {
	heard := b.air.Nearby().Candidates
	now := b.store.Now()
	f := b.fuel
	f.mu.Lock()
	// No more than half of what one may ask: the other half is for what is new.
	again := max(askAgain, pay.Millis(len(heard))*60_000*2/pay.LookCodesPerMinute)
	for code, at := range f.asked {
		if now.Sub(at) > max(askedKept, again) || at > now {
			delete(f.asked, code)
		}
	}
	var ask []pay.Candidate
	for _, c := range heard {
		f.here.Again(now, c.Code, c.Handle, c.Lane, c.Heard)
		if at, known := f.asked[c.Code]; (!known || now.Sub(at) >= again) && len(ask) < pay.LookCodesMax && now.Sub(c.Heard) < pay.LookAgoMax {
			ask = append(ask, c)
		}
	}
	f.mu.Unlock()
	_ = b.look(ctx, ask)
}

// look asks the registry of codes that are heard.
func (b *Box) look(ctx context.Context, ask []pay.Candidate) error {
	if len(ask) == 0 {
		return nil
	}
	f := b.fuel
	codes := make([]pay.CodeHeard, len(ask))
	for i, c := range ask {
		codes[i] = pay.CodeHeard{Code: c.Code, Ago: max(b.store.Now().Sub(c.Heard), 0)}
	}
	list, err := b.client.Look(ctx, codes)
	now := b.store.Now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.why = err; err != nil {
		return err
	}
	for _, c := range ask {
		f.asked[c.Code] = now
		at := slices.IndexFunc(list, func(v pay.VehicleHeard) bool { return v.Code == c.Code })
		if at < 0 {
			f.here.ForgetCode(c.Code)
			continue
		}
		f.here.Hear(now, entryOf(c, list[at]))
	}
	return nil
}

func entryOf(c pay.Candidate, v pay.VehicleHeard) fuel.Entry {
	e := fuel.Entry{
		Handle: c.Handle, Code: c.Code, Device: v.Type, Vehicle: pay.Vehicle{Plate: v.Plate, Product: v.Product, Tank: v.Most},
		Preset: v.Preset, Lane: c.Lane, Heard: c.Heard,
	}
	if e.Visitor = v.Visitor; e.Visitor == (fuel.Visitor{}) { // a registry of old: each code is another
		copy(e.Visitor[:], c.Code[:])
	}
	return e
}

// entered returns the vehicles that are here, and why others may be missing.
func (b *Box) entered() ([]fuel.Entry, error) {
	b.fuel.mu.Lock()
	defer b.fuel.mu.Unlock()
	return b.fuel.here.List(b.store.Now()), b.fuel.why
}

// whoIs returns the vehicle that is meant: by a part of its plate, or by the words of its
// device. What the registry says of it is asked anew.
func (b *Box) whoIs(ctx context.Context, plate string, to pay.Handle) (fuel.Entry, pay.Evidence, error) {
	who, evidence, err := b.findEntered(ctx, plate, to)
	if err != nil {
		return who, evidence, err
	}
	now := b.store.Now()
	if now.Sub(who.Heard) >= pay.LookAgoMax {
		return who, evidence, pay.NewError(pay.CodeLeft, who.Vehicle.Plate+" is not heard any more", "let the driver switch the ignition on, so that the device is heard; nothing was recorded")
	}
	_ = b.look(ctx, []pay.Candidate{{Handle: who.Handle, Code: who.Code, Heard: who.Heard, Lane: who.Lane}})
	b.fuel.mu.Lock()
	defer b.fuel.mu.Unlock()
	fresh, ok := b.fuel.here.ByCode(b.store.Now(), who.Code)
	if !ok {
		return who, evidence, pay.NewError(pay.CodeLeft, who.Vehicle.Plate+" is not heard any more", "let the driver switch the ignition on, so that the device is heard; nothing was recorded")
	}
	return fresh, evidence, nil
}

func (b *Box) findEntered(ctx context.Context, plate string, to pay.Handle) (fuel.Entry, pay.Evidence, error) {
	here, why := b.entered()
	if to == "" {
		found := fuel.Narrow(here, plate)
		switch err := found.Err(plate); {
		case err == nil:
			return *found.Taken, pay.EvidencePlate, nil
		case pay.CodeOf(err) == pay.CodeNotFound && why != nil:
			return fuel.Entry{}, "", why
		default:
			return fuel.Entry{}, "", api.WithExtra(err, "candidates", vehicleObjects(append(found.Listed, found.Alike...)))
		}
	}
	c, err := b.pick(ctx, to)
	if err != nil {
		return fuel.Entry{}, "", err
	}
	b.fuel.mu.Lock()
	defer b.fuel.mu.Unlock()
	who, ok := b.fuel.here.ByCode(b.store.Now(), c.Code)
	if !ok {
		return who, "", pay.NewError(pay.CodeNotFound, string(to)+" belongs to no vehicle", "`paybeacon till fuel entered` lists the vehicles that are here; `paybeacon till charge --to` charges anybody")
	}
	return who, pay.EvidenceWords, nil
}
