package ocpp

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// fields are the members of a JSON object, by their exact names. A value is a string, a
// json.Number, a bool, nil, fields or a list.
type fields map[string]any

type list []any

// text returns a member that is a string of 1..most bytes.
func (f fields) text(name string, most int) (string, bool) {
	s, ok := f[name].(string)
	return s, ok && s != "" && len(s) <= most
}

// whole returns a member that is a number, written as an integer and nothing else: no
// string, no decimals, no exponent.
func (f fields) whole(name string) (int64, bool) {
	n, ok := f[name].(json.Number)
	if !ok {
		return 0, false
	}
	v, err := strconv.ParseInt(n.String(), 10, 64)
	return v, err == nil
}

// register returns a member that is what a meter's register reads, in Wh.
func (f fields) register(name string) (pay.Quantity, bool) {
	v, ok := f.whole(name)
	if !ok || v < 0 || v > int64(pay.MeterMax) {
		return 0, false
	}
	return pay.Quantity(v), true
}

// moment returns the member "timestamp", a time of a clock that nobody vouches for; the zero
// Time where it cannot be read. A time without a zone is UTC: OCPP 1.6, 3.14.
func (f fields) moment() pay.Time {
	s, ok := f.text("timestamp", 40)
	if !ok {
		return 0
	}
	for _, form := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
		if t, err := time.Parse(form, s); err == nil {
			return max(0, pay.Time(t.UnixMilli()))
		}
	}
	return 0
}

// wattHours reads a meter's value, a decimal number in Wh ("" or "Wh") or in kWh, by its
// digits alone. What is below one Wh is cut off, and then it is not exact; of what is no
// such number, or above pay.MeterMax, it returns -1.
func wattHours(value, unit string) (q pay.Quantity, exact bool) {
	shift := 0
	switch unit {
	case "", "Wh":
	case "kWh":
		shift = 3
	default:
		return -1, false
	}
	whole, part, point := strings.Cut(value, ".")
	if whole == "" || (point && part == "") || len(value) > 40 || !isDigits(whole) || !isDigits(part) {
		return -1, false
	}
	part += strings.Repeat("0", max(0, shift-len(part)))
	v, err := strconv.ParseInt(whole+part[:shift], 10, 64)
	if err != nil || v > int64(pay.MeterMax) {
		return -1, false
	}
	return pay.Quantity(v), strings.Trim(part[shift:], "0") == ""
}

func isDigits(s string) bool { return strings.Trim(s, "0123456789") == "" }

// sample is what one frame says of a connector's meter.
type sample struct {
	register pay.Quantity // the last one; -1: none
	signed   string       // the last record that the meter signed, or ""
}

// readSamples reads the list of a MeterValues request or of a StopTransaction's
// transactionData: the last reading of Energy.Active.Import.Register as a whole (no phase,
// not at the inlet), which is what a value without a measurand is, too; and the last
// signed record, of the end of the transaction if one says so. What it cannot read it
// leaves out.
func readSamples(v any) sample {
	found, final := sample{register: -1}, false
	values, _ := v.(list)
	for _, value := range values {
		of, _ := value.(fields)
		sampled, _ := of["sampledValue"].(list)
		for _, one := range sampled {
			s, _ := one.(fields)
			if s["format"] == "SignedData" {
				record, ok := s.text("value", pay.MeterRecordBytesMax)
				if end := s["context"] == "Transaction.End"; ok && (end || !final) {
					found.signed, final = record, end
				}
				continue
			}
			if q, ok := s.energy(); ok {
				found.register = q
			}
		}
	}
	return found
}

// energy returns what one sampled value says of the register that is billed.
func (f fields) energy() (pay.Quantity, bool) {
	_, phase := f["phase"]
	absentOr := func(name, want string) bool { v, ok := f[name]; return !ok || v == want }
	if phase || !absentOr("measurand", "Energy.Active.Import.Register") || !absentOr("location", "Outlet") || !absentOr("format", "Raw") {
		return 0, false
	}
	value, ok := f.text("value", 40)
	unit, isText := f["unit"].(string)
	if _, has := f["unit"]; !ok || (has && !isText) {
		return 0, false
	}
	q, _ := wattHours(value, unit)
	return q, q >= 0
}
