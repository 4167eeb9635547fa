package ocpp_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
)

// TestRepeatsGetTheSameAnswer tells start and end of one transaction again: under other
// message ids, over a new connection, after a restart of the box and after it is settled.
// One beginning and one end are told, and each repeat gets the first answer.
func TestRepeatsGetTheSameAnswer(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 20_000)
	tag := s.released(r, want)
	at := time.Now()
	start := startPayload(1, tag, 5_000, at)
	first := r.call("StartTransaction", start)
	id := transactionOf(t, first)
	if s.next(pumps.Began).Session != want.Session {
		t.Fatal("another session began")
	}
	for _, again := range []func(){func() {}, func() { r.hangUp(); r = s.dial("DEPOT-1") }, func() { s.restart(); r = s.dial("DEPOT-1") }} {
		again()
		if got := r.call("StartTransaction", start); got != first {
			t.Fatalf("the repeat was answered with %s, the first with %s", got, first)
		}
	}
	if e := s.next(pumps.Began); e.Session != want.Session || int(e.Transaction) != id {
		t.Fatalf("after the restart: %+v", e) // of what runs, once
	}
	// The same tag with another timestamp is another transaction, which nobody released.
	if got := r.call("StartTransaction", startPayload(1, tag, 5_000, at.Add(time.Second))); !contains(got, `"Invalid"`) {
		t.Fatalf("a second transaction with the tag: %s", got)
	}
	second := s.next(pumps.Began)
	if second.Session != (pumps.Session{}) {
		t.Fatalf("it was told as %+v", second)
	}
	asked, _ := r.next("RemoteStopTransaction")
	r.accept(asked)
	r.call("StopTransaction", stopPayload(int(second.Transaction), 5_001, at.Add(time.Second)))
	if e := s.next(pumps.Ended); e.Doubt != "not_released" {
		t.Fatalf("it was told as %+v", e)
	}
	if err := s.station.Settle(t.Context(), 7, second.Transaction); err != nil {
		t.Fatal(err)
	}

	stop := stopPayload(id, 5_080, at.Add(time.Minute))
	if got := r.call("StopTransaction", stop); got != "{}" {
		t.Fatalf("stop: %s", got)
	}
	e := s.next(pumps.Ended)
	if e.Doubt != "" || e.Given.Quantity != 80 || e.Session != want.Session {
		t.Fatalf("ended: %+v", e)
	}
	// Doubled, with another reading, late, and over a new connection: the first counts.
	r.call("StopTransaction", stop)
	r.call("StopTransaction", stopPayload(id, 9_999, at.Add(time.Hour)))
	s.restart()
	r = s.dial("DEPOT-1")
	if again := s.next(pumps.Ended); again != e {
		t.Fatalf("told again: %+v", again)
	}
	r.call("StopTransaction", stop)
	if err := s.station.Settle(t.Context(), 7, e.Transaction); err != nil {
		t.Fatal(err)
	}
	if got := r.call("StopTransaction", stop); got != "{}" {
		t.Fatalf("stop after it is settled: %s", got)
	}
	if got := r.call("StartTransaction", start); got != first {
		t.Fatalf("start after it is settled: %s", got)
	}
	s.restart()
	r = s.dial("DEPOT-1")
	r.call("StopTransaction", stop)
	r.call("Heartbeat", `{}`)
	if n := s.count(pumps.Ended); n != 0 {
		t.Fatalf("a settled transaction was told %d times", n)
	}
	if err := s.station.Release(t.Context(), want); err != nil {
		t.Fatalf("the same release after it is settled changes nothing, but: %v", err)
	}
	if err := s.station.Settle(t.Context(), 7, e.Transaction); err != nil {
		t.Fatal(err)
	}
}

// TestEndBeforeItsStart has the end overtake the start: the session ends in doubt, and the
// start that comes then begins nothing.
func TestEndBeforeItsStart(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 20_000)
	tag := s.released(r, want)
	if got := r.call("StopTransaction", fmt.Sprintf(`{"transactionId":0,"idTag":%q,"meterStop":80,"timestamp":"2026-11-29T12:00:00Z"}`, tag)); got != "{}" {
		t.Fatal(got)
	}
	e := s.next(pumps.Ended)
	if e.Doubt == "" || e.Session != want.Session || e.Given.Quantity != 0 {
		t.Fatalf("ended: %+v", e)
	}
	if got := r.call("StartTransaction", startPayload(1, tag, 0, time.Now())); !contains(got, `"Invalid"`) || !contains(got, fmt.Sprintf(`"transactionId":%d`, e.Transaction)) {
		t.Fatalf("its start: %s", got)
	}
	r.call("Heartbeat", `{}`)
	if n := s.count(pumps.Began); n != 0 {
		t.Fatalf("%d began", n)
	}
}

// TestAnswerLostInMidTransaction drops the line between a start and its answer. The charge
// point then knows no number, and ends with none: the idTag says which one it is, in
// doubt; a start that is told again gets its number.
func TestAnswerLostInMidTransaction(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 20_000)
	tag := s.released(r, want)
	r.send(fmt.Sprintf(`[2,"lost","StartTransaction",%s]`, startPayload(1, tag, 5_000, time.Now())))
	s.next(pumps.Began)
	r.hangUp()
	r = s.dial("DEPOT-1")
	for _, number := range []string{`0`, `-1`, `null`, `"x"`} {
		if got := r.call("StopTransaction", fmt.Sprintf(`{"transactionId":%s,"meterStop":5080,"timestamp":"2026-11-29T12:00:00Z"}`, number)); got != "{}" {
			t.Fatal(got)
		}
	}
	if got := r.call("StopTransaction", fmt.Sprintf(`{"transactionId":-1,"idTag":%q,"meterStop":5080,"timestamp":"2026-11-29T12:00:00Z"}`, tag)); got != "{}" {
		t.Fatal(got)
	}
	e := s.next(pumps.Ended)
	if e.Doubt == "" || e.Given.Quantity != 80 || e.Session != want.Session || s.count(pumps.Ended) != 1 {
		t.Fatalf("ended: %+v", e)
	}
}

// TestReleaseWithoutAnswer loses the answer to a release. Nobody knows then, a no to the
// second try included: the charge point may be following the first. The start is the fact.
func TestReleaseWithoutAnswer(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	want := release(7, 20_000)
	done := make(chan error, 1)
	go func() { done <- s.station.Release(t.Context(), want) }()
	_, payload := r.next("RemoteStartTransaction")
	tag := payload["idTag"].(string)
	r.hangUp()
	if err := <-done; !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatalf("the line dropped: %v", err)
	}
	if err := s.station.Release(t.Context(), want); !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatalf("while it is gone: %v", err)
	}
	s.restart()
	r = s.dial("DEPOT-1")
	s.next(pumps.Back)
	go func() { done <- s.station.Release(t.Context(), want) }()
	id, payload := r.next("RemoteStartTransaction")
	if payload["idTag"] != tag {
		t.Fatalf("the second try has tag %v, the first had %s", payload["idTag"], tag)
	}
	r.send(fmt.Sprintf(`[3,%q,{"status":"Rejected"}]`, id))
	if err := <-done; !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatalf("a no to the second try: %v", err)
	}
	if err := s.station.Release(t.Context(), release(7, 1000)); !errors.Is(err, pumps.ErrBusy) {
		t.Fatalf("another session meanwhile: %v", err)
	}
	number := r.begun(1, tag, 5_000)
	if e := s.next(pumps.Began); e.Session != want.Session || int(e.Transaction) != number {
		t.Fatalf("began: %+v", e)
	}
	if err := s.station.Release(t.Context(), want); err != nil {
		t.Fatalf("once it has begun: %v", err)
	}
}

// TestReleaseRefused takes each plain no for one: by status, by an error of any code, also
// one that the library does not know. The next session gets the pump, and the idTag of the
// refused one works no more.
func TestReleaseRefused(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	r := s.dial("DEPOT-1")
	s.next(pumps.Back)
	for _, answer := range []string{
		`[3,%q,{"status":"Rejected"}]`,
		`[4,%q,"InternalError","",{}]`,
		`[4,%q,"OccurenceConstraintViolation","",{}]`,
		`[4,%q,"NoSuchCode",null]`,
	} {
		done := make(chan error, 1)
		go func() { done <- s.station.Release(t.Context(), release(7, 1000)) }()
		id, payload := r.next("RemoteStartTransaction")
		r.send(fmt.Sprintf(answer, id))
		if err := <-done; !errors.Is(err, pumps.ErrOffline) || errors.Is(err, pumps.ErrNoAnswer) {
			t.Fatalf("%s: %v", answer, err)
		}
		if got := r.call("StartTransaction", startPayload(1, payload["idTag"].(string), 0, time.Now())); !contains(got, `"Invalid"`) {
			t.Fatalf("a start after %s: %s", answer, got)
		}
		id, _ = r.next("RemoteStopTransaction") // of what nobody released
		r.accept(id)
		if e := s.next(pumps.Began); e.Session != (pumps.Session{}) {
			t.Fatalf("it was told as %+v", e)
		}
	}
}

// TestUnreadableAnswers leaves a release in doubt, and the next call waits for its own
// answer: one that comes late, or names another call, is nobody's.
func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	s := newStand(t)
	s.stop()
	s.options.Answer = 50 * time.Millisecond
	s.start()
	r := s.dial("DEPOT-1")
	s.next(pumps.Back)
	one := release(7, 1000)
	done := make(chan error, 1)
	go func() { done <- s.station.Release(t.Context(), one) }()
	late, _ := r.next("RemoteStartTransaction")
	r.send(`[3,"another",{"status":"Accepted"}]`)
	if err := <-done; !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatalf("no answer in time: %v", err)
	}
	two := release(8, 1000)
	go func() { done <- s.station.Release(t.Context(), two) }()
	id, _ := r.next("RemoteStartTransaction")
	r.send(fmt.Sprintf(`[3,%q,{"status":"Accepted"}]`, late)) // of the first
	r.send(fmt.Sprintf(`[3,%q,{"status":"yes"}]`, id))
	if err := <-done; !errors.Is(err, pumps.ErrNoAnswer) {
		t.Fatalf("an answer that says nothing known: %v", err)
	}
}
