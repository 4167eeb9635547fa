package registry_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// A preset is set by the wallet whose car it is, within the tank, and by nobody else.
func TestPreset(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	car := newDevice("car", 6)
	c.pairCar(car, c.other, aCar, "")
	for _, tc := range []struct {
		name   string
		of     node
		device *device
		preset pay.Preset
		want   pay.Reason
	}{
		{"a quantity", c.other, car, pay.Preset{Quantity: 55_000}, ""},
		{"an amount", c.other, car, pay.Preset{Amount: 5_000}, ""},
		{"full", c.other, car, pay.Preset{Full: true}, ""},
		{"none", c.other, car, pay.Preset{}, ""},
		{"more than the tank", c.other, car, pay.Preset{Quantity: 55_001}, pay.ReasonAbovePreset},
		{"of another's car", c.payer, car, pay.Preset{Full: true}, pay.ReasonUnknownDevice},
		{"of a device without a car", c.payer, c.beacon, pay.Preset{Full: true}, pay.ReasonNoVehicle},
		{"of nobody's device", c.payer, newDevice("nobody's", 6), pay.Preset{Full: true}, pay.ReasonUnknownDevice},
		{"by a box", c.shop, car, pay.Preset{Full: true}, pay.ReasonWrongRole},
	} {
		before := len(c.feeds[c.other.status.Scope])
		if got := c.setPreset(tc.of, tc.device, tc.preset); got != tc.want {
			t.Errorf("%s: refused as %q, want %q", tc.name, got, tc.want)
		}
		said := c.feeds[c.other.status.Scope][before:]
		if tc.want != "" {
			continue
		}
		if s, err := pay.As[pay.PresetStatus](said[0]); err != nil || s.Preset != tc.preset || s.Device != car.key.ID() {
			t.Errorf("%s: the wallet is told %+v, %v", tc.name, s, err)
		}
	}
	c.auditOK()
}

// What an audit says of presets that were tampered with.
func TestAuditOfPresets(t *testing.T) {
	t.Parallel()
	for name, tamper := range map[string]func(c *counter, car *device){
		"the row holds another": func(c *counter, _ *device) { c.replace(c.rowOf("pr/"), "\x19\x4e\x20", "\x19\x4e\x21") },
		"the row is gone":       func(c *counter, _ *device) { c.must(c.mem.Delete([]byte(c.rowOf("pr/")))) },
		"no wallet asked for it": func(c *counter, car *device) {
			f := c.signAsRegistry(pay.PresetStatus{Device: car.key.ID(), Preset: pay.Preset{Full: true}, Claim: pay.FactID{1}, At: c.now + 1})
			c.publish(pay.Reaction{Publications: []pay.Publication{{Fact: f, Scopes: []pay.Scope{c.other.status.Scope}}}})
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newCounter(t)
			car := newDevice("car", 6)
			c.pairCar(car, c.other, aCar, "")
			c.setPreset(c.other, car, pay.Preset{Quantity: 20_000})
			c.auditOK()
			tamper(c, car)
			if c.audit().OK {
				t.Error("the audit finds nothing")
			}
		})
	}
}
