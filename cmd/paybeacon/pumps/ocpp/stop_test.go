package ocpp_test

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
)

// TestTakenBack stops a session that has not begun: it ends with nothing, and its tag
// works no more.
func TestTakenBack(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 1000)
	tag := s.released(r, want)
	for range 2 {
		if err := s.station.Stop(t.Context(), 7, want.Session); err != nil {
			t.Fatal(err)
		}
	}
	e := s.next(pumps.Ended)
	if e.Session != want.Session || !e.Given.IsZero() || e.Doubt != "" || e.Transaction == 0 {
		t.Fatalf("ended: %+v", e)
	}
	if got := r.call("Authorize", fmt.Sprintf(`{"idTag":%q}`, tag)); !contains(got, `"Invalid"`) {
		t.Fatal(got)
	}
	at := time.Now()
	if got := r.call("StartTransaction", startPayload(1, tag, 100, at)); !contains(got, `"Invalid"`) {
		t.Fatal(got)
	}
	_, payload := r.next("RemoteStopTransaction")
	if s.next(pumps.Began).Session != (pumps.Session{}) {
		t.Fatal("it began for the session")
	}
	r.call("StopTransaction", stopPayload(int(payload["transactionId"].(float64)), 180, at.Add(time.Minute)))
	if e := s.next(pumps.Ended); e.Session != (pumps.Session{}) || e.Doubt != "not_released" || e.Given.Quantity != 80 {
		t.Fatalf("ended: %+v", e)
	}
}

// TestStopWaitsForTheLine stops a session whose charge point is away: nobody knows until
// it is back, also over a restart, and then it is asked to end it.
func TestStopWaitsForTheLine(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 50_000)
	number := r.begun(1, s.released(r, want), 5_000)
	r.hangUp()
	s.next(pumps.Failed)
	if err := s.station.Stop(t.Context(), 7, want.Session); !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatal(err)
	}
	s.restart()
	r = s.dial("DEPOT-1")
	id, payload := r.next("RemoteStopTransaction")
	if int(payload["transactionId"].(float64)) != number {
		t.Fatalf("asked to end %v", payload)
	}
	r.accept(id)
	r.call("StopTransaction", stopPayload(number, 5_080, time.Now().Add(time.Minute)))
	if e := s.next(pumps.Ended); e.Given.Quantity != 80 || e.Doubt != "" {
		t.Fatalf("ended: %+v", e)
	}
}

// TestLostAtTheChargePoint stops a session of which the charge point knows nothing any
// more, with a free connector: it ends in doubt with the last reading, so that the pump
// does not stay occupied for ever. Without the status it stays unknown.
func TestLostAtTheChargePoint(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 50_000)
	number := r.begun(1, s.released(r, want), 5_000)
	r.meter(1, number, "5040", "Wh")
	stop := func() error {
		done := make(chan error, 1)
		go func() { done <- s.station.Stop(t.Context(), 7, want.Session) }()
		id, _ := r.next("RemoteStopTransaction")
		r.send(fmt.Sprintf(`[3,%q,{"status":"Rejected"}]`, id))
		return <-done
	}
	if err := stop(); !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatal(err)
	}
	s.pass(time.Second)
	r.status(1, "Available", "NoError")
	if err := stop(); err != nil {
		t.Fatal(err)
	}
	if e := s.next(pumps.Ended); e.Doubt != "transaction_lost" || e.Given.Quantity != 40 {
		t.Fatalf("ended: %+v", e)
	}
}

// TestStoppedAtTheMost asks the charge point to end when what was released is given, or
// would be before the next reading, once for each reading that it ignores.
func TestStoppedAtTheMost(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(8, 1_000)
	number := r.begun(2, s.released(r, want), 5_000)
	r.meter(2, number, "5.3", "kWh")
	r.meter(2, number, "5600", "")
	select {
	case asked := <-r.asked:
		t.Fatalf("asked too early: %s", asked)
	default:
	}
	r.meter(2, number, "5900", "Wh")
	id, payload := r.next("RemoteStopTransaction")
	if int(payload["transactionId"].(float64)) != number {
		t.Fatalf("asked to end %v", payload)
	}
	r.accept(id)
	r.meter(2, number, "5950", "Wh")
	s.pass(time.Minute)
	r.meter(2, number, "5960", "Wh")
	id, _ = r.next("RemoteStopTransaction")
	r.accept(id)
	r.call("StopTransaction", stopPayload(number, 5_980, time.Now().Add(time.Minute)))
	if e := s.next(pumps.Ended); e.Given.Quantity != 980 || e.Doubt != "" {
		t.Fatalf("ended: %+v", e)
	}
}

// TestStoppedWithoutABegin ends a transaction whose begin is not known at the most that was
// released, as far as the readings show it.
func TestStoppedWithoutABegin(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	number := r.begun(2, s.released(r, release(8, 1_000)), nil)
	r.meter(2, number, "910000", "Wh")
	r.meter(2, number, "910600", "Wh")
	id, payload := r.next("RemoteStopTransaction")
	if int(payload["transactionId"].(float64)) != number {
		t.Fatalf("asked to end %v", payload)
	}
	r.accept(id)
	r.call("StopTransaction", stopPayload(number, 910_650, time.Now().Add(time.Minute)))
	if e := s.next(pumps.Ended); e.Doubt != "meter_start_unreadable" || e.Given.Quantity != 0 {
		t.Fatalf("ended: %+v", e)
	}
}

// TestPumpNoLongerInTheFile tells the end of what ran at a connector that was taken out of
// the file meanwhile, and settles it.
func TestPumpNoLongerInTheFile(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	number := r.begun(2, s.released(r, release(8, 1_000)), 5_000)
	s.stop()
	text, err := os.ReadFile(s.options.File)
	if err != nil {
		t.Fatal(err)
	}
	write(t, s.options.File, strings.Replace(string(text), ", 2 = 8", "", 1))
	s.restart()
	if e := s.next(pumps.Began); int(e.Transaction) != number {
		t.Fatal(e)
	}
	r = s.dial("DEPOT-1")
	r.call("StopTransaction", stopPayload(number, 5_080, time.Now().Add(time.Minute)))
	e := s.next(pumps.Ended)
	if e.Pump != 8 || e.Given.Quantity != 80 {
		t.Fatal(e)
	}
	if err := s.station.Settle(t.Context(), 8, e.Transaction); err != nil {
		t.Fatal(err)
	}
	if err := s.station.Settle(t.Context(), 8, e.Transaction); !errors.Is(err, pumps.ErrUnknownPump) {
		t.Fatal(err)
	}
}
