package ocpp

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestWattHours reads meter values by their digits.
func TestWattHours(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		value, unit string
		want        pay.Quantity
		exact       bool
	}{
		{"0", "", 0, true},
		{"5080", "", 5080, true},
		{"5080", "Wh", 5080, true},
		{"5080.0", "Wh", 5080, true},
		{"5080.9", "Wh", 5080, false},
		{"5.08", "kWh", 5080, true},
		{"5", "kWh", 5000, true},
		{"0.1", "kWh", 100, true}, // which no float is
		{"2.3", "kWh", 2300, true},
		{"1.0005", "kWh", 1000, false},
		{"910000.001", "kWh", 910_000_001, true},
		{"00012", "", 12, true},
		{"1,5", "kWh", -1, false},
		{"abc", "", -1, false},
		{"", "", -1, false},
		{".", "", -1, false},
		{".5", "", -1, false},
		{"5.", "", -1, false},
		{"-1", "", -1, false},
		{"+1", "", -1, false},
		{"1e3", "", -1, false},
		{"0x10", "", -1, false},
		{"1_000", "", -1, false},
		{" 1", "", -1, false},
		{"NaN", "", -1, false},
		{"Infinity", "", -1, false},
		{"1.2.3", "", -1, false},
		{"٣", "", -1, false},
		{"1000000000000", "Wh", 1_000_000_000_000, true},
		{"1000000000001", "Wh", -1, false},
		{"99999999999999999999999999", "", -1, false},
		{"1", "kW", -1, false},
		{"1", "wh", -1, false},
	} {
		if got, exact := wattHours(c.value, c.unit); got != c.want || exact != c.exact {
			t.Errorf("%q %q is %d, %v", c.value, c.unit, got, exact)
		}
	}
}

// TestMoments reads times with a zone, and those without as UTC; of all others nothing.
func TestMoments(t *testing.T) {
	t.Parallel()
	const noon = 1_795_953_600_000 // 2026-11-29T12:00:00Z
	for text, want := range map[string]pay.Time{
		`"2026-11-29T12:00:00Z"`:           noon,
		`"2026-11-29T12:00:00.250Z"`:       noon + 250,
		`"2026-11-29T13:00:00+01:00"`:      noon,
		`"2026-11-29T12:00:00"`:            noon,
		`"2026-11-29T12:00:00.25"`:         noon + 250,
		`"1969-12-31T23:59:59Z"`:           0,
		`"2026-11-29"`:                     0,
		`"2026-02-30T12:00:00Z"`:           0,
		`"yesterday"`:                      0,
		`1795953600000`:                    0,
		`null`:                             0,
		`"9999-12-31T23:59:59.999999999Z"`: 253_402_300_799_999,
	} {
		f, wrong := readFrame([]byte(`[2,"x","Heartbeat",{"timestamp":` + text + `}]`))
		if wrong != nil {
			t.Fatal(wrong)
		}
		if got := f.payload.moment(); got != want {
			t.Errorf("%s is %d", text, got)
		}
	}
}

// TestReadSamples takes the register that is billed and nothing that looks like it.
func TestReadSamples(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, values string
		want         pay.Quantity
	}{
		{"plain", `[{"value":"7"}]`, 7},
		{"named", `[{"value":"7","measurand":"Energy.Active.Import.Register","unit":"kWh","location":"Outlet","format":"Raw"}]`, 7000},
		{"the last of two", `[{"value":"7"},{"value":"8"}]`, 8},
		{"power", `[{"value":"7","measurand":"Power.Active.Import","unit":"W"}]`, -1},
		{"an interval", `[{"value":"7","measurand":"Energy.Active.Import.Interval"}]`, -1},
		{"export", `[{"value":"7","measurand":"Energy.Active.Export.Register"}]`, -1},
		{"a phase", `[{"value":"7","phase":"L1"}]`, -1},
		{"at the inlet", `[{"value":"7","location":"Inlet"}]`, -1},
		{"a number", `[{"value":7}]`, -1},
		{"null", `[{"value":null}]`, -1},
		{"null unit", `[{"value":"7","unit":null}]`, -1},
		{"other unit", `[{"value":"7","unit":"varh"}]`, -1},
		{"no list", `{"value":"7"}`, -1},
		{"other case", `[{"Value":"7"}]`, -1},
	} {
		f, wrong := readFrame([]byte(`[2,"x","MeterValues",{"meterValue":[{"sampledValue":` + c.values + `}]}]`))
		if wrong != nil {
			t.Fatalf("%s: %v", c.name, wrong)
		}
		if got := readSamples(f.payload["meterValue"]); got.register != c.want {
			t.Errorf("%s: %d", c.name, got.register)
		}
	}
}

// TestEveryPrefixOfAFrame reads none but the whole.
func TestEveryPrefixOfAFrame(t *testing.T) {
	t.Parallel()
	const whole = `[2,"x","StopTransaction",{"transactionId":1,"meterStop":80,"transactionData":[{"sampledValue":[{"value":"1.5"}]}]}]`
	for n := range len(whole) {
		if _, wrong := readFrame([]byte(whole[:n])); wrong == nil {
			t.Errorf("%s was read", whole[:n])
		}
	}
	if _, wrong := readFrame([]byte(whole)); wrong != nil {
		t.Error(wrong)
	}
}

// FuzzFrame reads anything without a panic, and whatever it reads keeps its limits.
func FuzzFrame(f *testing.F) {
	for _, s := range []string{`[2,"x","Heartbeat",{}]`, `[3,"x",{"status":"Accepted"}]`, `[4,"x","InternalError","",{}]`, `[2,"x","MeterValues",{"meterValue":[{"sampledValue":[{"value":"1.5","unit":"kWh"}]}]}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, wrong := readFrame(data)
		if wrong != nil {
			return
		}
		if got.id == "" || len(got.id) > messageIDMax || len(got.action) > messageIDMax {
			t.Errorf("%+v", got)
		}
		if s := readSamples(got.payload["meterValue"]); s.register < -1 || s.register > pay.MeterMax {
			t.Errorf("%+v", s)
		}
		got.payload.register("meterStop")
		got.payload.moment()
		startKey(got.payload)
	})
}
