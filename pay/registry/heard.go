package registry

import (
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Where the code of one step of a device was heard, and what follows from that.
// A code that two places hear may have been carried from one to the other, or the
// two stand near one another. The registry cannot tell, so it asks: from then on
// payments of this step need a person and the device, those that were offered
// before too. Each of them can be answered, however many there are. Between
// declared neighbours it is enough that a person answers, or that nobody but one
// of the two places was paid without one.

var heardRows = rows.New("h/", "where a code was heard",
	rows.Join(rows.ID[pay.DeviceID]("DEVICE"), rows.Uint32[pay.Step]("STEP")), rows.CBOR[heardRow]())

// place is where a code was heard, and by which box. Twice means that it was heard
// at another place too, which is no declared neighbour of this one.
type place struct {
	Merchant pay.Scope  `cbor:"1,keyasint"`
	Site     pay.Name   `cbor:"2,keyasint"`
	Twice    bool       `cbor:"3,keyasint,omitempty"`
	Box      pay.NodeID `cbor:"4,keyasint,omitzero"`
}

// at reports whether two places are the same, whichever box heard it there.
func (p place) at(other place) bool { return p.Merchant == other.Merchant && p.Site == other.Site }

// heardRow is where a step's code was heard first, and where else: at neighbours
// of all before, or at the first place that is none.
type heardRow struct {
	place
	Also []place `cbor:"5,keyasint,omitempty"`
	// Paid is where a payment of the step was approved by a rule alone.
	Paid *place `cbor:"6,keyasint,omitempty"`
	// Mandated means that a payment of the step was made by a mandate.
	Mandated bool `cbor:"7,keyasint,omitempty"`
}

func (h heardRow) places() []place {
	if h.place == (place{}) {
		return nil
	}
	return append([]place{h.place}, h.Also...)
}

// checkUnattended returns why an approval that no person gave cannot pay, or "":
// within one step payments are approved by rules alone at one place only (I7).
func (h heardRow) checkUnattended(a pay.Answer, p paymentRow) pay.Reason {
	if a.By == pay.ByHand || h.Paid == nil || h.Paid.at(p.place()) {
		return ""
	}
	return pay.ReasonNeedsPerson
}

// place returns where a payment was asked for.
func (h paymentRow) place() place {
	return place{Merchant: h.Decision.Merchant, Site: h.Decision.Site, Box: h.Box}
}

// heard returns where the code of the offer at hand was heard.
func (t *turn) heard(p paymentRow) (heardRow, error) {
	if t.heardAt != nil {
		return *t.heardAt, nil
	}
	h, _, err := heardRows.Get(t.rows, rows.Key(p.Device, p.Step))
	if err == nil {
		t.heardAt = &h
	}
	return h, err
}

// lookAround finds out where else the step's code was heard.
func (t *turn) lookAround(f *found) (err error) {
	if f.places, _, err = heardRows.Get(t.rows, rows.Key(f.device, f.step)); err != nil {
		return err
	}
	f.first = f.places.place
	for _, p := range f.places.places() {
		if p.at(f.here) {
			continue
		}
		near, err := t.areNeighbours(p, f.here)
		if err != nil {
			return err
		}
		if near {
			f.near = append(f.near, p)
		} else if f.cause.IsZero() {
			f.cause = p.Box
		}
	}
	if f.cause.IsZero() && len(f.near) > 0 { // a rule may not answer there, so a person may have to
		f.cause = f.near[0].Box
	}
	return nil
}

// elsewhere reports whether the code was heard at another place too that is no
// declared neighbour. Once it was, that holds at every place until the step is
// over, because the place that heard it first may be the one that it was carried
// to.
func (f found) elsewhere() bool {
	if f.first == (place{}) {
		return false
	}
	far := func(p place) bool { return !p.at(f.here) && !slices.ContainsFunc(f.near, p.at) }
	return f.first.Twice || far(f.first) || slices.ContainsFunc(f.places.Also, far)
}

// heardPrune bounds the rows of past steps that one request clears away. Chosen:
// more than one, so that the rows of a device become fewer.
const heardPrune = 8

// noteHeard keeps where the code of a device's step was heard, and asks the device
// about what was offered before a second place heard it. Such rows are kept as
// long as a request for their step can still arrive.
func (t *turn) noteHeard(f found) error {
	row := f.places
	known := slices.ContainsFunc(row.places(), f.here.at)
	alarm := f.elsewhere() && !row.Twice // of neighbours that are none any more, too
	switch {
	case known && !alarm:
		return nil
	case known:
	case f.first == place{}:
		if err := t.pruneHeard(f); err != nil {
			return err
		}
		row.place = f.here
	case len(row.Also) < pay.HeardPlacesMax-1:
		row.Also = append(slices.Clip(row.Also), f.here)
	}
	if alarm {
		row.Twice = true
		if err := t.askAboutOpen(f); err != nil {
			return err
		}
	}
	if err := heardRows.Put(t.rows, rows.Key(f.device, f.step), row); err != nil {
		return err
	}
	return t.noteEarshot(f)
}

// pruneHeard clears away rows of past steps.
func (t *turn) pruneHeard(f found) error {
	oldest, _, ok := f.source.steps(f.now.Add(-pay.RequestTTLMax), f.now)
	if !ok {
		return nil
	}
	past := heardRows.Between(rows.Key(f.device, pay.Step(0)), rows.Key(f.device, oldest))
	gone, err := heardRows.Keys(t.rows, past, heardPrune)
	if err != nil {
		return err
	}
	for _, key := range gone {
		if err := heardRows.Delete(t.rows, key); err != nil {
			return err
		}
	}
	return nil
}

// askAboutOpen asks the device about the offers by one channel of the step that
// still wait for their answer. They are among the wallet's prompts.
func (t *turn) askAboutOpen(f found) error {
	wallet := f.row.Wallet
	boxes, err := promptRows.Keys(t.rows, rows.Under(promptRows, wallet), 0)
	if err != nil {
		return err
	}
	for _, key := range boxes {
		list, _, err := promptRows.Get(t.rows, key)
		if err != nil {
			return err
		}
		for _, prompt := range list {
			p, ok, err := paymentRows.Get(t.rows, prompt.Payment)
			if err != nil {
				return err
			}
			open := ok && p.Decision.State == pay.StateOffered && t.now < p.Decision.Expires
			if !open || p.Asked || p.Decision.Method() != pay.MethodOne || p.Device != f.device || p.Step != f.step {
				continue
			}
			if err := t.askLate(&p); err != nil {
				return err
			}
		}
	}
	return nil
}

// askLate asks the device about an offer that was made by one channel. Its terms
// stay as they are.
func (t *turn) askLate(p *paymentRow) error {
	p.Asked = true
	if err := paymentRows.Put(t.rows, p.Decision.Payment, *p); err != nil {
		return err
	}
	return t.publishChallenge(p)
}

// noteUnattended keeps where a payment of the step was approved by a rule alone.
func (t *turn) noteUnattended(p paymentRow) error {
	h, err := t.heard(p)
	if err != nil || h.place == (place{}) || h.Paid != nil {
		return err
	}
	here := p.place()
	h.Paid = &here
	return heardRows.Put(t.rows, rows.Key(p.Device, p.Step), h)
}
