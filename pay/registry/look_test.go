package registry_test

import (
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// station enrols a box at pumps.
func (w *world) station(merchant, site pay.Name) node {
	w.Helper()
	return w.enrol(keyOf("box "+string(merchant+site)), registry.InviteSpec{Role: pay.RoleBox, Name: "box-" + site, Merchant: merchant, Site: site, Class: pay.ClassFuel})
}

// plates returns the plates that a box is told.
func (w *world) plates(box node, codes ...pay.CodeHeard) (list []string) {
	w.Helper()
	before := w.mem.dump("")
	found, err := w.reg.Vehicles(w.mem, w.now, box.key.ID(), codes)
	w.must(err)
	for _, v := range found {
		w.must(v.Check())
		list = append(list, v.Plate)
	}
	if len(before) != len(w.mem.dump("")) {
		w.Fatalf("a question was stored")
	}
	return list
}

// Who is told of which vehicle (2.1, 4.3): a box at pumps, of a car by a code that is on
// the air, as long as its wallet can be asked. Nobody is told anything else.
func TestVehicles(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	station := c.station("Oil", "A8")
	car := newDevice("car", 6)
	c.pairCar(car, c.other, aCar, "")
	here := func() pay.CodeHeard { return pay.CodeHeard{Code: car.code(c.now)} }
	for _, tc := range []struct {
		name  string
		box   node
		codes []pay.CodeHeard
		want  []string
	}{
		{"the car", station, []pay.CodeHeard{here()}, []string{aCar.Plate}},
		{"among others", station, []pay.CodeHeard{{Code: c.beacon.code(c.now)}, {Code: pay.Code{1}}, here()}, []string{aCar.Plate}},
		{"a device without a car", station, []pay.CodeHeard{{Code: c.beacon.code(c.now)}}, nil},
		{"at a shop", c.shop, []pay.CodeHeard{here()}, nil},
		{"by a wallet", c.payer, []pay.CodeHeard{here()}, nil},
		{"a code of yesterday's", station, []pay.CodeHeard{{Code: car.code(c.now - 86_400_000)}}, nil},
		{"a code of the next hour's", station, []pay.CodeHeard{{Code: car.code(c.now + 3_600_000)}}, nil},
		{"a minute ago", station, []pay.CodeHeard{{Code: car.code(c.now - 60_000), Ago: 60_000}}, []string{aCar.Plate}},
	} {
		if got := c.plates(tc.box, tc.codes...); !slices.Equal(got, tc.want) {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
	c.setPreset(c.other, car, pay.Preset{Quantity: 20_000})
	if v, err := c.reg.Vehicles(c.mem, c.now, station.key.ID(), []pay.CodeHeard{here()}); err != nil || len(v) != 1 || v[0].Preset.Quantity != 20_000 || v[0].Most != 20_000 || v[0].Product != "diesel" {
		t.Errorf("with a preset: %+v, %v", v, err)
	}
	c.push(0, c.sign(c.other.key, pay.Revoke{Device: car.key.ID(), Created: c.now}))
	if got := c.plates(station, here()); got != nil {
		t.Errorf("after it was revoked: %v", got)
	}
	jack := newDevice("jack", 6)
	c.pairCar(jack, c.other, aCar, "")
	code := pay.CodeHeard{Code: jack.code(c.now)}
	if got := c.plates(station, code); len(got) != 1 {
		t.Fatalf("another device of the car: %v", got)
	}
	_, r, err := c.reg.RevokeNode(c.mem, c.now, station.key.ID())
	c.must(err)
	c.publish(r)
	if got := c.plates(station, code); got != nil {
		t.Errorf("a station that was revoked: %v", got)
	}
	second := c.station("Oil", "A9")
	_, r, err = c.reg.RevokeNode(c.mem, c.now, c.other.key.ID())
	c.must(err)
	c.publish(r)
	if got := c.plates(second, code); got != nil {
		t.Errorf("of a wallet that was revoked: %v", got)
	}
	c.auditOK()
}

// The class of a box comes from its invite, is signed, and stays when it is revoked.
func TestClassOfABox(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	station := c.station("Oil", "A8")
	if station.status.Class != pay.ClassFuel || c.shop.status.Class != "" {
		t.Errorf("classes %q and %q", station.status.Class, c.shop.status.Class)
	}
	for name, spec := range map[string]registry.InviteSpec{
		"a wallet":         {Role: pay.RoleWallet, Name: "x", Class: pay.ClassFuel},
		"an unknown class": {Role: pay.RoleBox, Name: "x", Class: "bakery"},
	} {
		if _, err := c.reg.Invite(c.mem, c.now, c.random, spec); pay.CodeOf(err) != pay.CodeUsage {
			t.Errorf("%s: %v", name, err)
		}
	}
	s, r, err := c.reg.RevokeNode(c.mem, c.now, station.key.ID())
	c.must(err)
	c.publish(r)
	if s.Class != pay.ClassFuel {
		t.Errorf("revoked, it is of class %q", s.Class)
	}
	c.auditOK()
}

// A device is one visitor at a station, whatever code it broadcasts, and another at each
// other station: two devices under one plate are two, and no two stations can compare.
func TestVisitors(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	here, there := c.station("Oil", "A8"), c.station("Oil", "A9")
	car, twin := newDevice("car", 6), newDevice("twin", 6)
	c.pairCar(car, c.other, aCar, "")
	c.pairCar(twin, c.payer, aCar, "")
	visitor := func(box node, d *device) [16]byte {
		found, err := c.reg.Vehicles(c.mem, c.now, box.key.ID(), []pay.CodeHeard{{Code: d.code(c.now)}})
		c.must(err)
		if len(found) != 1 || found[0].Visitor == ([16]byte{}) {
			t.Fatalf("found %+v", found)
		}
		return found[0].Visitor
	}
	first, code := visitor(here, car), car.code(c.now)
	if visitor(there, car) == first {
		t.Error("two stations can tell that it is the same device")
	}
	if visitor(here, twin) == first {
		t.Error("two devices under one plate are the same visitor")
	}
	c.now = c.now.Add(200_000)
	if car.code(c.now) == code || visitor(here, car) != first {
		t.Error("the device is somebody else under its next code")
	}
}
