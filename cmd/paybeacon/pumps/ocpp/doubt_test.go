package ocpp_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

func contains(s, part string) bool { return strings.Contains(s, part) }

// TestDoubtfulEnds ends transactions with what cannot be: each is answered as any end is,
// so that the charge point does not tell it for ever, and told in doubt, and what it says
// is not taken for a quantity where it cannot be read.
func TestDoubtfulEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		begin, end  string   // as JSON; "": left out
		readings    []string // in Wh
		doubt       string
		given, life pay.Quantity // life: what the transaction before ended with, from 1000
	}{
		{"plain", `5000`, `5080`, nil, "", 80, 0},
		{"from 0", `0`, `80`, []string{"10", "80"}, "", 80, 0},
		{"nothing", `5000`, `5000`, nil, "", 0, 0},
		{"the register of its life after 0", `0`, `910000`, nil, "meter_start_zero", 910_000, 0},
		{"after 0, and known", `0`, `9080`, nil, "meter_start_zero", 9_080, 9_000},
		{"after 0, and read", `0`, `19000`, []string{"18999"}, "meter_start_zero", 19_000, 0},
		{"0 at each start, small", `0`, `80`, nil, "", 80, 9_000},
		{"no meterStart", ``, `910000`, nil, "meter_start_unreadable", 0, 0},
		{"null meterStart", `null`, `910000`, nil, "meter_start_unreadable", 0, 0},
		{"negative meterStart", `-1`, `80`, nil, "meter_start_unreadable", 0, 0},
		{"decimal meterStart", `1.5`, `80`, nil, "meter_start_unreadable", 0, 0},
		{"exponent meterStart", `1e3`, `1080`, nil, "meter_start_unreadable", 0, 0},
		{"text meterStart", `"1000"`, `1080`, nil, "meter_start_unreadable", 0, 0},
		{"no meterStop", `5000`, ``, nil, "meter_stop_unreadable", 0, 0},
		{"null meterStop", `5000`, `null`, nil, "meter_stop_unreadable", 0, 0},
		{"negative meterStop", `5000`, `-5`, nil, "meter_stop_unreadable", 0, 0},
		{"comma", `5000`, `"5,080"`, nil, "meter_stop_unreadable", 0, 0},
		{"letters", `5000`, `"abc"`, nil, "meter_stop_unreadable", 0, 0},
		{"beyond floats", `5000`, `9007199254740993`, nil, "meter_stop_unreadable", 0, 0},
		{"beyond any integer", `5000`, `1e400`, nil, "meter_stop_unreadable", 0, 0},
		{"an object", `5000`, `{"wh":5080}`, nil, "meter_stop_unreadable", 0, 0},
		{"backwards", `5000`, `4999`, nil, "meter_backwards", 0, 0},
		{"to 0", `5000`, `0`, nil, "meter_backwards", 0, 0},
		{"below a reading", `5000`, `5080`, []string{"5090"}, "meter_backwards", 80, 0},
		{"readings fall", `5000`, `5080`, []string{"5040", "5020", "5060"}, "meter_backwards", 80, 0},
		{"from below the one before", `8000`, `9080`, nil, "meter_backwards", 1_080, 9_000},
		{"too much", `5000`, `200000000000`, nil, "quantity_too_large", 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			r := s.dial("DEPOT-1")
			if c.life > 0 {
				number := r.begun(2, s.released(r, release(8, 10_000)), 1_000)
				r.call("StopTransaction", stopPayload(number, c.life, time.Now().Add(time.Minute)))
				e := s.next(pumps.Ended)
				if err := s.station.Settle(t.Context(), 8, e.Transaction); err != nil || e.Doubt != "" {
					t.Fatal(e, err)
				}
			}
			want := release(8, 30_000)
			tag := s.released(r, want)
			member := func(name, value string) string {
				if value == "" {
					return ""
				}
				return fmt.Sprintf(`%q:%s,`, name, value)
			}
			number := transactionOf(t, r.call("StartTransaction", fmt.Sprintf(`{"connectorId":2,"idTag":%q,%s"timestamp":%q}`,
				tag, member("meterStart", c.begin), time.Now().UTC().Format(time.RFC3339))))
			for _, reading := range c.readings {
				r.meter(2, number, reading, "Wh")
			}
			if got := r.call("StopTransaction", fmt.Sprintf(`{"transactionId":%d,%s"timestamp":%q}`,
				number, member("meterStop", c.end), time.Now().Add(time.Minute).UTC().Format(time.RFC3339))); got != "{}" {
				t.Fatalf("answered with %s", got)
			}
			e := s.next(pumps.Ended)
			if e.Doubt != c.doubt || e.Given.Quantity != c.given || e.Session != want.Session {
				t.Fatalf("told as %+v", e)
			}
			if e.Doubt == "" && c.given == 0 && !e.Given.IsZero() {
				t.Fatalf("nothing was given, and it was told as %+v", e.Given)
			}
			if e.Given.Quantity > 0 {
				if err := e.Given.Check(); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

// TestClockOfTheChargePoint sets the charge point's clock wrong: how long it gave follows
// from the difference of its own times while that can be, and else from this side's clock.
func TestClockOfTheChargePoint(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for _, c := range []struct {
		name        string
		start, stop time.Time
		least, most pay.Millis
	}{
		{"right", now, now.Add(10 * time.Minute), 600_000, 600_000},
		{"years behind", now.AddDate(-30, 0, 0), now.AddDate(-30, 0, 0).Add(10 * time.Minute), 600_000, 600_000},
		{"a day ahead", now.AddDate(0, 0, 1), now.AddDate(0, 0, 1).Add(10 * time.Minute), 600_000, 600_000},
		{"set right meanwhile", time.Unix(0, 0), now.Add(10 * time.Minute), 600_000, 700_000},
		{"set back meanwhile", now.AddDate(1, 0, 0), now, 600_000, 700_000},
		{"stands still", now, now, 600_000, 700_000},
		{"days too long", now, now.AddDate(0, 0, 9), 600_000, 700_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			r := s.dial("DEPOT-1")
			number := r.startedAt(1, s.released(r, release(7, 10_000)), 5_000, c.start)
			s.pass(10 * time.Minute)
			r.call("StopTransaction", stopPayload(number, 5_080, c.stop))
			e := s.next(pumps.Ended)
			if e.Doubt != "" || e.Given.Quantity != 80 || e.Given.Took < c.least || e.Given.Took > c.most {
				t.Fatalf("it took %v: %+v", e.Given.Took.Std(), e)
			}
		})
	}
}

// TestLateEnd has the charge point lose its line in mid-transaction, end it there, and
// tell that hours later.
func TestLateEnd(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 20_000)
	at := time.Now()
	number := r.startedAt(1, s.released(r, want), 5_000, at)
	r.hangUp()
	s.pass(20 * time.Hour)
	s.restart()
	r = s.dial("DEPOT-1")
	r.call("StopTransaction", stopPayload(number, 9_000, at.Add(30*time.Minute)))
	if e := s.next(pumps.Ended); e.Doubt != "" || e.Given.Quantity != 4_000 || e.Given.Took != 30*60_000 || e.Session != want.Session {
		t.Fatalf("ended: %+v", e)
	}
}

// TestSignedRecord keeps what the meter signed, as it gave it; one that cannot stand in a
// receipt is left out, and the reading stays.
func TestSignedRecord(t *testing.T) {
	t.Parallel()
	record := `OCMF|{"FV":"1.0","RD":[{"RV":5.080,"RU":"kWh"}]}|{"SD":"3045"}`
	for _, c := range []struct{ name, value, want string }{
		{"signed", record, record},
		{"control characters", "OCMF|\u0007", ""},
		{"too long", strings.Repeat("x", pay.MeterRecordBytesMax+1), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			r := s.dial("DEPOT-1")
			number := r.begun(1, s.released(r, release(7, 10_000)), 5_000)
			r.call("StopTransaction", fmt.Sprintf(`{"transactionId":%d,"meterStop":5080,"timestamp":%q,"transactionData":[{"timestamp":"2026-11-29T12:00:00Z","sampledValue":[
				{"value":"begin","format":"SignedData","context":"Transaction.Begin"},{"value":%s,"format":"SignedData","context":"Transaction.End"}]}]}`,
				number, time.Now().UTC().Format(time.RFC3339), quoted(c.value)))
			e := s.next(pumps.Ended)
			if want := c.want; e.Given.Quantity != 80 || (e.Given.Signed != want && (want != "" || e.Given.Signed != "begin")) {
				t.Fatalf("ended: %+v", e)
			}
		})
	}
}
