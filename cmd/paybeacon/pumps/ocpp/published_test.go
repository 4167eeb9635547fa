//go:build ocpp

package ocpp_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
)

// published is a charge point that nobody here wrote: ocpp-rpc of npm, in a process of its
// own. PAYBEACON_OCPP_CLIENT names the folder where it is installed; see "make test-ocpp".
type published struct {
	t     *testing.T
	in    io.WriteCloser
	lines chan happening
	calls int
}

// happening is a line that the charge point says.
type happening struct {
	What   string          `json:"what"`
	ID     int             `json:"id"`
	Method string          `json:"method"`
	Params json.RawMessage `json:"params"`
	Result json.RawMessage `json:"result"`
	Code   string          `json:"code"`
	Text   string          `json:"text"`
}

func (s *stand) published(id, password string) *published {
	s.t.Helper()
	dir := os.Getenv("PAYBEACON_OCPP_CLIENT")
	if dir == "" {
		s.t.Fatal("PAYBEACON_OCPP_CLIENT names no folder with ocpp-rpc; run make test-ocpp")
	}
	cmd := exec.Command("node", filepath.Join(dir, "charge-point.cjs"), "ws://"+s.station.Addr(), id, password)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		s.t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		s.t.Fatal(err)
	}
	p := &published{t: s.t, in: in, lines: make(chan happening, 256)}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for lines := bufio.NewScanner(out); lines.Scan(); {
			var h happening
			if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
				h.What = "unreadable: " + lines.Text()
			}
			p.lines <- h
		}
	}()
	s.t.Cleanup(func() {
		_ = in.Close()
		<-ended
		_ = cmd.Wait()
	})
	return p
}

func (p *published) do(what string, more ...string) {
	p.t.Helper()
	line := fmt.Sprintf(`{"do":%q`, what)
	for _, m := range more {
		line += "," + m
	}
	if _, err := io.WriteString(p.in, line+"}\n"); err != nil {
		p.t.Fatal(err)
	}
}

// wait returns the next line that says this, and drops those before it.
func (p *published) wait(what string) happening {
	p.t.Helper()
	for late := time.After(patience); ; {
		select {
		case h := <-p.lines:
			if h.What == what {
				return h
			}
			if h.What == "invalid" {
				p.t.Fatalf("the answer is not as OCPP 1.6 has it: %s", h.Text)
			}
		case <-late:
			p.t.Fatalf("the charge point did not say %s", what)
		}
	}
}

// send sends a call without waiting for its answer, and returns its number.
func (p *published) send(method, params string) int {
	p.t.Helper()
	p.calls++
	p.do("call", fmt.Sprintf(`"id":%d,"method":%q,"params":%s`, p.calls, method, params))
	return p.calls
}

// call returns the result of a call.
func (p *published) call(method, params string) string {
	p.t.Helper()
	id := p.send(method, params)
	for late := time.After(patience); ; {
		select {
		case h := <-p.lines:
			switch {
			case h.What == "result" && h.ID == id:
				return string(h.Result)
			case h.What == "error" && h.ID == id, h.What == "invalid":
				p.t.Fatalf("%s %s: %s %s", method, params, h.Code, h.Text)
			}
		case <-late:
			p.t.Fatalf("%s was not answered", method)
		}
	}
}

// asked returns the parameters of the next thing that the charge point is asked.
func (p *published) asked(method string) map[string]any {
	p.t.Helper()
	h := p.wait("asked")
	var params map[string]any
	if err := json.Unmarshal(h.Params, &params); err != nil || h.Method != method {
		p.t.Fatalf("asked for %s %s: %v", h.Method, h.Params, err)
	}
	return params
}

func (p *published) connect() {
	p.t.Helper()
	p.do("connect")
	p.wait("open")
	p.call("BootNotification", `{"chargePointVendor":"ocpp-rpc","chargePointModel":"published"}`)
}

// TestPublishedFuelling gives at a published charge point: plugged in, released, begun,
// read, stopped, settled.
func TestPublishedFuelling(t *testing.T) {
	s := newStand(t)
	p := s.published("DEPOT-1", password)
	p.connect()
	p.call("StatusNotification", `{"connectorId":1,"errorCode":"NoError","status":"Preparing"}`)
	if e := s.next(pumps.Lifted); e.Pump != 7 {
		t.Fatal(e)
	}
	want := release(7, 30_000)
	if err := s.station.Release(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	tag := p.asked("RemoteStartTransaction")["idTag"].(string)
	if got := p.call("Authorize", fmt.Sprintf(`{"idTag":%q}`, tag)); got != `{"idTagInfo":{"status":"Accepted"}}` {
		t.Fatal(got)
	}
	at := time.Now()
	number := transactionOf(t, p.call("StartTransaction", startPayload(1, tag, 910_000, at)))
	s.next(pumps.Began)
	p.call("MeterValues", fmt.Sprintf(`{"connectorId":1,"transactionId":%d,"meterValue":[{"timestamp":"2026-11-29T12:00:00Z","sampledValue":[{"value":"910.040","unit":"kWh"}]}]}`, number))
	if e := s.next(pumps.Metered); e.Given.Quantity != 40 {
		t.Fatal(e)
	}
	if err := s.station.Stop(t.Context(), 7, want.Session); err != nil {
		t.Fatal(err)
	}
	if id := p.asked("RemoteStopTransaction")["transactionId"]; id != float64(number) {
		t.Fatal(id)
	}
	p.call("StopTransaction", stopPayload(number, 910_080, at.Add(time.Minute)))
	e := s.next(pumps.Ended)
	if e.Doubt != "" || e.Given.Quantity != 80 || e.Session != want.Session {
		t.Fatalf("%+v", e)
	}
	if err := s.station.Settle(t.Context(), 7, e.Transaction); err != nil {
		t.Fatal(err)
	}
	p.call("StatusNotification", `{"connectorId":1,"errorCode":"NoError","status":"Available"}`)
	s.next(pumps.Hung)
	p.do("close")
	s.next(pumps.Failed)
}

// TestPublishedReconnects drops the line in mid-transaction, with the start unanswered: the
// client tells its caller that the call failed, and does not repeat it. Told again by the
// caller, it is the same transaction. Its end is told late, twice, and after a restart.
func TestPublishedReconnects(t *testing.T) {
	s := newStand(t)
	p := s.published("DEPOT-1", password)
	p.connect()
	want := release(7, 30_000)
	if err := s.station.Release(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	tag := p.asked("RemoteStartTransaction")["idTag"].(string)
	at := time.Now()
	start := startPayload(1, tag, 5_000, at)
	p.do("deaf")
	lost := p.send("StartTransaction", start)
	e := s.next(pumps.Began)
	p.do("drop")
	if h := p.wait("error"); h.ID != lost {
		t.Fatalf("%+v", h)
	}
	p.wait("open")
	number := transactionOf(t, p.call("StartTransaction", start))
	if number != int(e.Transaction) {
		t.Fatalf("number %d, and %d began", number, e.Transaction)
	}
	p.do("drop")
	p.wait("open")
	s.pass(3 * time.Hour)
	stop := stopPayload(number, 6_000, at.Add(30*time.Minute))
	for range 2 {
		if got := p.call("StopTransaction", stop); got != "{}" {
			t.Fatal(got)
		}
	}
	p.do("raw", fmt.Sprintf(`"text":%q`, fmt.Sprintf(`[2,"1","StopTransaction",%s]`, stop)))
	e = s.next(pumps.Ended)
	if e.Doubt != "" || e.Given.Quantity != 1_000 || e.Given.Took != 30*60_000 || e.Session != want.Session {
		t.Fatalf("%+v", e)
	}
	p.call("Heartbeat", `{}`)
	if s.count(pumps.Began) != 1 || s.count(pumps.Ended) != 1 {
		t.Fatalf("%+v", s.events)
	}
}

// TestPublishedOtherWay has the same charge point say the register of the meter's life
// after a start at 0, and be refused with a wrong password.
func TestPublishedOtherWay(t *testing.T) {
	s := newStand(t)
	wrong := s.published("DEPOT-2", "guess")
	wrong.do("connect")
	wrong.wait("refused")
	p := s.published("DEPOT-2", password)
	p.connect()
	want := release(9, 30_000)
	if err := s.station.Release(t.Context(), want); err != nil {
		t.Fatal(err)
	}
	tag := p.asked("RemoteStartTransaction")["idTag"].(string)
	number := transactionOf(t, p.call("StartTransaction", startPayload(1, tag, 0, time.Now())))
	if err := s.station.Release(t.Context(), release(9, 1000)); !errors.Is(err, pumps.ErrBusy) {
		t.Fatal(err)
	}
	p.call("StopTransaction", stopPayload(number, 910_080, time.Now().Add(time.Hour)))
	if e := s.next(pumps.Ended); e.Doubt != "meter_start_zero" || e.Session != want.Session {
		t.Fatalf("%+v", e)
	}
}
