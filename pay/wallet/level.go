package wallet

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// A box that was certain of a payer says how strongly it heard the device (see
// pay.Excess). Where its owner wants that, the wallet keeps what the last payments
// said of a device, and has the device correct by it what it states of its power. One
// merchant counts as one voice, however often it is paid, and of two voices that
// counts which changes less: so nobody alone makes a device seem nearer than it is.

// levels is what belongs to the devices' own levels alone.
func (w *Wallet) levels() history.Feature {
	return history.Feature{Name: "levels", Spaces: rows.Spaces{levelRows.Space}}
}

var levelRows = rows.New("e", "what was learned of a device's level, where its owner wants that",
	rows.ID[pay.DeviceID]("DEVICE"), rows.CBOR[levelRow]())

const (
	// levelPayments and levelPlaces are after how many payments, at how many merchants
	// or sites of one, a level is learned. Published: the issue.
	levelPayments = 5
	levelPlaces   = 2
	// levelEach and levelMerchants bound what is kept of a device: the last payments at
	// one merchant, and the last merchants. Chosen: the median hardly changes with more.
	levelEach      = 5
	levelMerchants = 8
	// levelMargin is how long after a change payments do not count. Chosen: the clocks
	// of wallet and registry differ by less, and a request takes less to arrive.
	levelMargin pay.Millis = 60_000
)

// levelRow is what a wallet knows of a device's level. There is none without its
// owner's leave, but until the device has gone back to its factory value. Fields may
// be added if they can be left out.
type levelRow struct {
	Learn  bool      `cbor:"1,keyasint,omitempty"`
	Stated pay.Level `cbor:"2,keyasint,omitempty"` // what the device confirmed last
	From   pay.Time  `cbor:"3,keyasint"`           // since when it does, by this wallet's clock
	Fixed  bool      `cbor:"4,keyasint,omitempty"` // who started the device set its power
	Heard  []heardAs `cbor:"5,keyasint,omitempty"` // oldest first
}

// heardAs is how much stronger than its factory value a device was at one payment.
type heardAs struct {
	Merchant pay.Scope `cbor:"1,keyasint"`
	Site     pay.Name  `cbor:"2,keyasint"`
	DB       int       `cbor:"3,keyasint"`
}

// DeviceLevel is what a wallet has learned of a device's level. The zero value is
// that of a device of which nothing is learned.
type DeviceLevel struct {
	Learn    bool      // its owner wants it
	Payments int       // that are counted
	Places   int       // merchants, or sites of the only one
	Learned  bool      // these are enough
	Level    pay.Level // what the device states, as it confirmed last
	Fixed    bool      // who started the device set its power
}

func (r levelRow) shown() DeviceLevel {
	_, learned := r.wanted()
	return DeviceLevel{Learn: r.Learn, Payments: len(r.Heard), Places: len(r.places()), Learned: learned, Level: r.Stated, Fixed: r.Fixed}
}

// places returns what was heard at each merchant, or at each site of the only one.
func (r levelRow) places() [][]int {
	by := func(name func(heardAs) string) [][]int {
		var names []string
		var lists [][]int
		for _, h := range r.Heard {
			i := slices.Index(names, name(h))
			if i < 0 {
				i, names, lists = len(names), append(names, name(h)), append(lists, nil)
			}
			lists[i] = append(lists[i], h.DB)
		}
		return lists
	}
	if merchants := by(func(h heardAs) string { return string(h.Merchant) }); len(merchants) > 1 {
		return merchants
	}
	return by(func(h heardAs) string { return string(h.Site) })
}

// wanted returns the level that the device should state, and whether that is
// learned; without, and where it is not wanted, it is 0.
func (r levelRow) wanted() (l pay.Level, learned bool) {
	places := r.places()
	if !r.Learn || len(r.Heard) < levelPayments || len(places) < levelPlaces {
		return 0, false
	}
	voices := make([]int, len(places))
	for i, p := range places {
		voices[i] = calmMedian(p)
	}
	dB := min(max(calmMedian(voices), -int(pay.LevelMax)), int(pay.LevelMax))
	return pay.Level(dB), true
}

// calmMedian returns the median: of what lies between two middle values the nearest to
// zero.
func calmMedian(values []int) int {
	v := slices.Sorted(slices.Values(values))
	a, b := v[(len(v)-1)/2], v[len(v)/2]
	switch {
	case a <= 0 && b >= 0:
		return 0
	case b < 0:
		return b
	default:
		return a
	}
}

// keep adds what was heard at one payment and drops the oldest that is too much.
func (r *levelRow) keep(h heardAs) {
	r.Heard = append(r.Heard, h)
	if mine := r.at(h.Merchant); len(mine) > levelEach {
		r.Heard = slices.Delete(r.Heard, mine[0], mine[0]+1)
	}
	var merchants []pay.Scope // the one that was paid longest ago last
	for _, h := range slices.Backward(r.Heard) {
		if !slices.Contains(merchants, h.Merchant) {
			merchants = append(merchants, h.Merchant)
		}
	}
	if len(merchants) > levelMerchants {
		gone := merchants[levelMerchants]
		r.Heard = slices.DeleteFunc(r.Heard, func(h heardAs) bool { return h.Merchant == gone })
	}
}

// at returns the places in Heard of what a merchant said, oldest first.
func (r *levelRow) at(m pay.Scope) (list []int) {
	for i, h := range r.Heard {
		if h.Merchant == m {
			list = append(list, i)
		}
	}
	return list
}

// noteLevel takes in how strongly the box heard the device, of a payment that this
// wallet approved. asked is when it was offered.
func (w *Wallet) noteLevel(tx pay.WritableRows, d pay.Decision, asked pay.Time) error {
	dB, ok := d.Excess.DB()
	if !ok || d.Evidence != pay.EvidenceWords && d.Evidence != pay.EvidenceTap {
		return nil
	}
	id, ok, err := paidWith(tx, d.Payment)
	if err != nil || !ok {
		return err
	}
	r, ok, err := levelRows.Get(tx, id)
	if err != nil || !ok || !r.Learn || r.Fixed || asked < r.From {
		return err
	}
	r.keep(heardAs{Merchant: d.Merchant, Site: d.Site, DB: dB + int(r.Stated)})
	return levelRows.Put(tx, id, r)
}

// paidWith returns the device that a payment was made with, as far as this wallet can
// know: the one that was challenged, or the only one that pays from it.
func paidWith(view pay.Rows, id pay.PaymentID) (device pay.DeviceID, ok bool, err error) {
	if c, ok, err := challenge(view, id); ok || err != nil {
		return c.Device, ok, err
	}
	active := 0
	err = deviceRows.Scan(view, deviceRows.All(), pay.ListMax, func(id pay.DeviceID, r deviceRow) bool {
		if r.Known == pay.DeviceActive {
			active, device = active+1, id
		}
		return true
	})
	return device, active == 1, err
}

// LearnLevel notes that the owner wants the level of a device to be learned, or not
// any more: then all that was learned is forgotten at once. Its errors are those of
// Device.
func (w *Wallet) LearnLevel(tx pay.WritableRows, id pay.DeviceID, learn bool) (Device, error) {
	switch known, err := deviceRows.Has(tx, id); {
	case err != nil:
		return Device{}, err
	case !known:
		return Device{}, pay.NewCase(pay.CodeNotFound, "device_unknown", "there is no device "+id.Short())
	}
	r, _, err := levelRows.Get(tx, id)
	if err != nil {
		return Device{}, err
	}
	r.Learn = learn
	if !learn {
		r.Heard = nil
	}
	if err := putLevel(tx, id, r); err != nil {
		return Device{}, err
	}
	return w.Device(tx, id.String())
}

// putLevel stores a row, or deletes one that says nothing.
func putLevel(tx pay.WritableRows, id pay.DeviceID, r levelRow) error {
	if !r.Learn && r.Stated == 0 {
		return levelRows.Delete(tx, id)
	}
	return levelRows.Put(tx, id, r)
}

// LevelToSet is a device and what it should state.
type LevelToSet struct {
	Device pay.DeviceID
	Level  pay.Level
	// Same means that it should be what the device confirmed last.
	Same bool
}

// LevelsToSet returns the devices that a level is learned of, or that have to go back
// to their factory value. Its errors are the store's.
func (w *Wallet) LevelsToSet(view pay.Rows) (list []LevelToSet, err error) {
	err = levelRows.Scan(view, levelRows.All(), pay.ListMax, func(id pay.DeviceID, r levelRow) bool {
		l, _ := r.wanted()
		list = append(list, LevelToSet{id, l, l == r.Stated && !r.Fixed})
		return true
	})
	return list, err
}

// LevelSet notes that a device confirmed at the moment now that it states level after a
// while, 0 for already, or, with fixed, that its power was set by who started it.
// Payments that were asked for before count no more towards its level. Its errors are
// the store's.
func (w *Wallet) LevelSet(tx pay.WritableRows, id pay.DeviceID, level pay.Level, now pay.Time, after pay.Millis, fixed bool) error {
	r, ok, err := levelRows.Get(tx, id)
	if err != nil || !ok {
		return err
	}
	if fixed {
		r.Fixed = true
		if level == 0 {
			r.Stated = 0 // the device has forgotten what it kept
		}
		return putLevel(tx, id, r)
	}
	if r.Fixed || r.Stated != level || after > 0 {
		r.From = now.Add(after + levelMargin)
	}
	r.Fixed, r.Stated = false, level
	return putLevel(tx, id, r)
}

// withLevel returns a device with what was learned of its level.
func withLevel(view pay.Rows, d Device) (Device, error) {
	r, ok, err := levelRows.Get(view, d.ID)
	if err != nil {
		return d, fmt.Errorf("read the level of device %s: %w", d.ID.Short(), err)
	}
	if ok {
		d.Level = r.shown()
	}
	return d, nil
}
