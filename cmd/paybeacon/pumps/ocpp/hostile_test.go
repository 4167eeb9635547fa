package ocpp_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

func quoted(s string) string {
	b, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(b)
}

// TestStrangers lets nobody in but a charge point of the station with its password, and
// tells none of the others why.
func TestStrangers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	for _, c := range []struct{ name, id, user, password, protocol, want string }{
		{"unknown", "DEPOT-3", "DEPOT-3", password, "ocpp1.6", "401"},
		{"no name", "", "", password, "ocpp1.6", "401"},
		{"wrong password", "DEPOT-1", "DEPOT-1", "guess", "ocpp1.6", "401"},
		{"no password", "DEPOT-1", "DEPOT-1", "", "ocpp1.6", "401"},
		{"another's name", "DEPOT-1", "DEPOT-2", password, "ocpp1.6", "401"},
		{"case", "depot-1", "depot-1", password, "ocpp1.6", "401"},
		{"OCPP 2.0.1", "DEPOT-1", "DEPOT-1", password, "ocpp2.0.1", "400"},
	} {
		if conn, err := s.tryDial(c.id, c.user, c.password, c.protocol); err == nil {
			_ = conn.Close()
			t.Errorf("%s: let in", c.name)
		} else if !contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	for _, p := range s.station.Pumps() {
		if p.Offline == "" {
			t.Errorf("pump %d has a connection", p.Number)
		}
	}
}

// TestHostileFrames sends what is no OCPP, each followed by a call that is: it is answered,
// and nothing has changed.
func TestHostileFrames(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`[`, 100_000) + strings.Repeat(`]`, 100_000)
	for _, c := range []struct{ name, frame, want string }{
		{"no JSON", `hello`, ""},
		{"empty", ``, ""},
		{"half", `[2,"x","Heartbeat",{}`, ""},
		{"two", `[2,"x","Heartbeat",{}][2,"x","Heartbeat",{}]`, ""},
		{"an object", `{"action":"Heartbeat"}`, ""},
		{"no parts", `[]`, ""},
		{"no payload", `[2,"x","Heartbeat"]`, "FormationViolation"},
		{"a null payload", `[2,"x","Heartbeat",null]`, "FormationViolation"},
		{"a list for a payload", `[2,"x","Heartbeat",[]]`, "FormationViolation"},
		{"a number for an action", `[2,"x",7,{}]`, "FormationViolation"},
		{"a number for an id", `[2,7,"Heartbeat",{}]`, ""},
		{"no id", `[2,"","Heartbeat",{}]`, ""},
		{"a long id", `[2,"` + strings.Repeat("x", 37) + `","Heartbeat",{}]`, ""},
		{"kind 5", `[5,"x","Heartbeat",{}]`, ""},
		{"kind 2.0", `[2.0,"x","Heartbeat",{}]`, ""},
		{"kind null", `[null,"x","Heartbeat",{}]`, ""},
		{"unknown action", `[2,"x","MakeCoffee",{}]`, "NotImplemented"},
		{"action in other case", `[2,"x","heartbeat",{}]`, "NotImplemented"},
		{"the other way round", `[2,"x","RemoteStartTransaction",{"idTag":"x"}]`, "NotSupported"},
		{"deep", deep, ""},
		{"deep payload", `[2,"x","Heartbeat",{"a":` + deep + `}]`, ""},
		{"a name twice", `[2,"x","StopTransaction",{"meterStop":1,"meterStop":2}]`, ""},
		{"not UTF-8", "[2,\"x\",\"Heartbeat\",{\"a\":\"\xff\"}]", ""},
		{"an answer to nothing", `[3,"x",{"status":"Accepted"}]`, ""},
		{"an error to nothing", `[4,"x","InternalError","",{}]`, ""},
		{"a start without a tag", `[2,"x","StartTransaction",{"connectorId":1,"meterStart":0,"timestamp":"2026-11-29T12:00:00Z"}]`, "TypeConstraintViolation"},
		{"a start at no connector", `[2,"x","StartTransaction",{"connectorId":0,"idTag":"x","meterStart":0,"timestamp":"2026-11-29T12:00:00Z"}]`, "PropertyConstraintViolation"},
		{"a start at another's", `[2,"x","StartTransaction",{"connectorId":4294967297,"idTag":"x","meterStart":0,"timestamp":"2026-11-29T12:00:00Z"}]`, "PropertyConstraintViolation"},
		{"a start with a long tag", `[2,"x","StartTransaction",{"connectorId":1,"idTag":"` + strings.Repeat("x", 21) + `","meterStart":0}]`, "TypeConstraintViolation"},
		{"readings of nothing", `[2,"x","MeterValues",{"connectorId":1,"meterValue":[]}]`, "TypeConstraintViolation"},
		{"a status that is none", `[2,"x","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Asleep"}]`, "GenericError"},
		{"an end of nothing", `[2,"x","StopTransaction",{"transactionId":2147483648,"meterStop":9,"timestamp":"2026-11-29T12:00:00Z"}]`, "{}"},
		{"a status of no connector", `[2,"x","StatusNotification",{"connectorId":77,"errorCode":"NoError","status":"Faulted"}]`, "{}"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newStand(t)
			r := s.dial("DEPOT-1")
			s.next(pumps.Back)
			r.send(c.frame)
			if c.want != "" {
				if got := r.answer("x"); got != c.want {
					t.Errorf("answered with %s", got)
				}
			}
			if got := r.call("Heartbeat", `{}`); !contains(got, "currentTime") {
				t.Errorf("a call after it was answered with %s", got)
			}
			for _, what := range []pumps.What{pumps.Began, pumps.Ended, pumps.Metered, pumps.Failed} {
				if n := s.count(what); n != 0 {
					t.Errorf("%d events say %s", n, what)
				}
			}
		})
	}
}

// TestFloodEndsTheConnection ends one that sends a frame above the limit, or unreadable
// ones without end.
func TestFloodEndsTheConnection(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	r.send(`[2,"x","Heartbeat",{"a":"` + strings.Repeat("x", 300<<10) + `"}]`)
	<-r.gone
	r = s.dial("DEPOT-1")
	for i := range 32 {
		r.send(fmt.Sprintf("nonsense %d", i))
	}
	<-r.gone
	if got := s.dial("DEPOT-1").call("Heartbeat", `{}`); !contains(got, "currentTime") {
		t.Fatal(got)
	}
}

// TestWrongIDs has one charge point speak of another's transactions, connectors and tags.
func TestWrongIDs(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	one, two := s.dial("DEPOT-1"), s.dial("DEPOT-2")
	want := release(7, 20_000)
	tag := s.released(one, want)
	if got := two.call("StartTransaction", startPayload(1, tag, 0, time.Now())); !contains(got, `"Invalid"`) {
		t.Fatalf("the tag at another charge point: %s", got)
	}
	if got := one.call("StartTransaction", startPayload(2, tag, 0, time.Now())); !contains(got, `"Invalid"`) {
		t.Fatalf("the tag at another connector: %s", got)
	}
	if got := one.call("StartTransaction", startPayload(1, hexTag(), 0, time.Now())); !contains(got, `"Invalid"`) {
		t.Fatalf("another tag: %s", got)
	}
	number := one.begun(1, tag, 5_000)
	two.call("StopTransaction", stopPayload(number, 5_999, time.Now()))
	two.meter(1, number, "5999", "Wh")
	one.meter(2, number, "5999", "Wh")
	one.meter(1, number+1000, "5999", "Wh")
	one.call("StopTransaction", stopPayload(number+1000, 5_999, time.Now()))
	one.call("StopTransaction", stopPayload(number, 5_080, time.Now().Add(time.Minute)))
	if e := s.next(pumps.Ended); e.Session != want.Session || e.Given.Quantity != 80 || e.Doubt != "" {
		t.Fatalf("ended: %+v", e)
	}
	if n := s.count(pumps.Metered); n != 0 {
		t.Fatalf("%d readings were taken", n)
	}
}

// TestManyReadings sends readings without end to a station whose box takes no event: what
// is kept does not grow, the charge point has to wait, and the end is still told.
func TestManyReadings(t *testing.T) {
	t.Parallel()
	readings := 100_000
	if testing.Short() {
		readings = 10_000
	}
	s := newStand(t)
	r := s.dial("DEPOT-1")
	number := r.begun(1, s.released(r, release(7, pay.QuantityMax)), 5_000)
	s.next(pumps.Began)
	gate := make(chan struct{})
	open := sync.OnceFunc(func() { close(gate) })
	t.Cleanup(open)
	s.mu.Lock()
	s.gate = gate
	s.mu.Unlock()
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range readings {
		r.send(fmt.Sprintf(`[2,"unread-%d","MeterValues",{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":"2026-11-29T12:00:00Z","sampledValue":[{"value":"%d"}]}]}]`, i, number, 5_001+i))
		if i%1000 == 999 {
			r.call("Heartbeat", `{}`)
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if grown := int64(after.HeapAlloc) - int64(before.HeapAlloc); grown > 16<<20 {
		t.Errorf("%d readings left %d bytes", readings, grown)
	}
	open()
	r.call("StopTransaction", stopPayload(number, 5_000+readings, time.Now().Add(time.Hour)))
	if e := s.next(pumps.Ended); e.Given.Quantity != pay.Quantity(readings) || e.Doubt != "" {
		t.Fatalf("ended: %+v", e)
	}
	if n := s.count(pumps.Metered); n > 1000 {
		t.Errorf("%d readings were told one by one to a box that takes none", n)
	}
}

// TestUnaskedWithoutEnd begins transactions that nobody released, many more than are
// remembered; they do not keep the next release out, and are not taken for it.
func TestUnaskedWithoutEnd(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-2")
	seen := map[string]bool{}
	for range 200 {
		got := r.call("StartTransaction", startPayload(1, hexTag(), 0, time.Now()))
		if !contains(got, `"Invalid"`) || seen[got] {
			t.Fatalf("answered with %s, which was given before: %v", got, seen[got])
		}
		seen[got] = true
	}
	s.restart()
	told := 0
	s.dial("DEPOT-2")
	for s.next(pumps.Began, pumps.Back).What == pumps.Began {
		told++
	}
	if told != 64 {
		t.Errorf("%d are remembered", told)
	}
}

// TestNewConnectionTakesOver connects again while the old connection seems to live: the new
// one counts at once, the old one is closed, and a call that waits on it is not answered by
// what the new one says.
func TestNewConnectionTakesOver(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	old := s.dial("DEPOT-1")
	done := make(chan error, 1)
	go func() { done <- s.station.Release(t.Context(), release(7, 1000)) }()
	id, _ := old.next("RemoteStartTransaction")
	fresh := s.dial("DEPOT-1")
	<-old.gone
	if err := <-done; !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatal(err)
	}
	fresh.accept(id)
	want := release(8, 1000)
	number := fresh.begun(2, s.released(fresh, want), 0)
	if e := s.next(pumps.Began); e.Session != want.Session || int(e.Transaction) != number {
		t.Fatalf("began: %+v", e)
	}
}

// TestStates tells what a charge point says of its connectors, and of itself.
func TestStates(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	state := func(n int) string {
		p := s.station.Pumps()[n-7]
		return fmt.Sprintf("%s|%s", p.Lifted, p.Offline)
	}
	if got := state(7); got != "|not connected" {
		t.Fatal(got)
	}
	if err := s.station.Release(t.Context(), release(7, 1000)); !errors.Is(err, pumps.ErrOffline) {
		t.Fatal(err)
	}
	r := s.dial("DEPOT-1")
	for range 2 {
		s.next(pumps.Back)
	}
	r.status(1, "Preparing", "NoError")
	r.status(1, "Preparing", "NoError")
	if e := s.next(pumps.Lifted, pumps.Hung, pumps.Failed); e.What != pumps.Lifted || state(7) != "electric|" {
		t.Fatal(e, state(7))
	}
	r.status(1, "Available", "NoError")
	if e := s.next(pumps.Lifted, pumps.Hung, pumps.Failed); e.What != pumps.Hung || state(7) != "|" {
		t.Fatal(e, state(7))
	}
	r.status(1, "Faulted", "GroundFailure")
	if e := s.next(pumps.Lifted, pumps.Hung, pumps.Failed); e.Why != "faulted: GroundFailure" || state(7) != "|faulted: GroundFailure" {
		t.Fatal(e, state(7))
	}
	if err := s.station.Release(t.Context(), release(7, 1000)); !errors.Is(err, pumps.ErrOffline) {
		t.Fatal(err)
	}
	r.status(1, "Available", "NoError")
	s.next(pumps.Back)
	r.status(0, "Unavailable", "NoError")
	if e := s.next(pumps.Failed); e.Pump != 7 {
		t.Fatal(e)
	}
	if e := s.next(pumps.Failed); e.Pump != 8 || state(8) != "|unavailable" {
		t.Fatal(e, state(8))
	}
	if state(9) != "|not connected" {
		t.Fatal(state(9))
	}
}

// TestWrongReleases refuses what is no release, and changes nothing.
func TestWrongReleases(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	s.next(pumps.Back)
	good := release(7, 1000)
	for _, c := range []struct {
		name string
		edit func(*pumps.Release)
		want error
	}{
		{"pump", func(r *pumps.Release) { r.Pump = 1 }, pumps.ErrUnknownPump},
		{"product", func(r *pumps.Release) { r.Product = "diesel" }, pumps.ErrProduct},
		{"quantity", func(r *pumps.Release) { r.Most = 0 }, nil},
		{"session", func(r *pumps.Release) { r.Session = pumps.Session{} }, nil},
	} {
		bad := good
		c.edit(&bad)
		if err := s.station.Release(t.Context(), bad); err == nil || (c.want != nil && !errors.Is(err, c.want)) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	s.released(r, good)
	for range 2 {
		if err := s.station.Release(t.Context(), good); err != nil {
			t.Fatal(err)
		}
	}
	for _, edit := range []func(*pumps.Release){func(r *pumps.Release) { r.Most++ }, func(r *pumps.Release) { r.Price++ }, func(r *pumps.Release) { r.Session[0]++ }} {
		other := good
		edit(&other)
		if err := s.station.Release(t.Context(), other); !errors.Is(err, pumps.ErrBusy) {
			t.Errorf("%+v: %v", other, err)
		}
	}
	if len(r.asked) != 0 {
		t.Error("the charge point was asked again")
	}
}

// TestManyLinesLostAtOnce drops the lines of a depot in one moment, time and again, as a
// switch without power does: the charge point that is left is still released and stopped.
func TestManyLinesLostAtOnce(t *testing.T) {
	t.Parallel()
	const many = 100
	s := newStand(t)
	s.stop()
	text := "listen = \"127.0.0.1:0\"\n"
	for i := range many + 1 {
		text += fmt.Sprintf("[[charge_point]]\nid = \"CP-%d\"\npassword_file = \"password\"\nconnectors = { 1 = %d }\n", i, i+1)
	}
	write(t, s.options.File, text)
	s.start()
	left := s.dial("CP-0")
	for range 5 {
		var lost []*raw
		for i := range many {
			lost = append(lost, s.dial(fmt.Sprintf("CP-%d", i+1)))
		}
		for _, r := range lost {
			_ = r.conn.NetConn().Close()
		}
		want := release(1, 1000)
		s.released(left, want)
		if err := s.station.Stop(t.Context(), 1, want.Session); err != nil {
			t.Fatal(err)
		}
		e := s.next(pumps.Ended)
		if err := s.station.Settle(t.Context(), 1, e.Transaction); err != nil || e.Session != want.Session {
			t.Fatal(e, err)
		}
	}
}
