package ocpp_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
)

// raw is a charge point of the test's own, which sends whatever it is told to.
type raw struct {
	t    *testing.T
	conn *websocket.Conn
	// asked holds what the central system asks; nothing answers it.
	asked chan []json.RawMessage
	// answers holds what comes for the raw's own calls.
	answers chan []json.RawMessage
	gone    chan struct{}
	ids     int
}

// dial connects a charge point.
func (s *stand) dial(id string) *raw {
	s.t.Helper()
	c, err := s.tryDial(id, id, password, "ocpp1.6")
	if err != nil {
		s.t.Fatal(err)
	}
	r := &raw{t: s.t, conn: c, asked: make(chan []json.RawMessage, 64), answers: make(chan []json.RawMessage, 64), gone: make(chan struct{})}
	go r.read()
	s.t.Cleanup(r.hangUp)
	r.call("Heartbeat", `{}`) // by the answer the station knows of the connection
	return r
}

func (r *raw) read() {
	defer close(r.gone)
	for {
		_, data, err := r.conn.ReadMessage()
		if err != nil {
			return
		}
		var parts []json.RawMessage
		if json.Unmarshal(data, &parts) != nil || len(parts) < 3 {
			continue
		}
		to := r.answers
		switch {
		case string(parts[0]) == "2":
			to = r.asked
		case strings.HasPrefix(string(parts[1]), `"unread-`):
			continue
		}
		select {
		case to <- parts:
		default: // a test that looks for it says so
		}
	}
}

// hangUp drops the connection without a word.
func (r *raw) hangUp() {
	_ = r.conn.NetConn().Close()
	<-r.gone
}

func (r *raw) send(frame string) {
	r.t.Helper()
	if err := r.conn.WriteMessage(websocket.TextMessage, []byte(frame)); err != nil {
		r.t.Fatal(err)
	}
}

// call sends a call and returns its result, or "CODE" of its error.
func (r *raw) call(action, payload string) string {
	r.t.Helper()
	r.ids++
	id := fmt.Sprintf("c%d", r.ids)
	r.send(fmt.Sprintf(`[2,%q,%q,%s]`, id, action, payload))
	return r.answer(id)
}

// answer returns the result of a call, or the code of its error.
func (r *raw) answer(id string) string {
	r.t.Helper()
	late := time.After(patience)
	for {
		select {
		case parts := <-r.answers:
			if string(parts[1]) != fmt.Sprintf("%q", id) {
				continue
			}
			if string(parts[0]) == "4" {
				var code string
				_ = json.Unmarshal(parts[2], &code)
				return code
			}
			return string(parts[2])
		case <-r.gone:
			r.t.Fatalf("the connection ended before the answer to %s", id)
		case <-late:
			r.t.Fatalf("no answer to %s", id)
		}
	}
}

// next returns the next call of the central system: its id, and the fields of its payload.
func (r *raw) next(action string) (id string, payload map[string]any) {
	r.t.Helper()
	select {
	case parts := <-r.asked:
		if string(parts[2]) != fmt.Sprintf("%q", action) {
			r.t.Fatalf("the central system asked for %s, not %s", parts[2], action)
		}
		_ = json.Unmarshal(parts[1], &id)
		_ = json.Unmarshal(parts[3], &payload)
		return id, payload
	case <-time.After(patience):
		r.t.Fatalf("the central system asked for no %s", action)
	}
	return "", nil
}

func (r *raw) accept(id string) {
	r.t.Helper()
	r.send(fmt.Sprintf(`[3,%q,{"status":"Accepted"}]`, id))
}

// begun starts a transaction and returns its number.
func (r *raw) begun(connector int, tag string, meterStart any) int {
	r.t.Helper()
	return r.startedAt(connector, tag, meterStart, time.Now())
}

func (r *raw) startedAt(connector int, tag string, meterStart any, at time.Time) int {
	r.t.Helper()
	return transactionOf(r.t, r.call("StartTransaction", startPayload(connector, tag, meterStart, at)))
}

func startPayload(connector int, tag string, meterStart any, at time.Time) string {
	meter, err := json.Marshal(meterStart)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"connectorId":%d,"idTag":%q,"meterStart":%s,"timestamp":%q}`, connector, tag, meter, at.UTC().Format(time.RFC3339Nano))
}

func transactionOf(t *testing.T, result string) int {
	t.Helper()
	var a struct {
		TransactionID int `json:"transactionId"`
		IDTagInfo     struct{ Status string }
	}
	if err := json.Unmarshal([]byte(result), &a); err != nil || a.IDTagInfo.Status != "Accepted" || a.TransactionID <= 0 || a.TransactionID >= 1<<31 {
		t.Fatalf("StartTransaction was answered with %s", result)
	}
	return a.TransactionID
}

func stopPayload(transaction, meterStop any, at time.Time) string {
	meter, err := json.Marshal(meterStop)
	if err != nil {
		panic(err)
	}
	return fmt.Sprintf(`{"transactionId":%v,"meterStop":%s,"timestamp":%q}`, transaction, meter, at.UTC().Format(time.RFC3339Nano))
}

func (r *raw) meter(connector, transaction int, value, unit string) {
	r.t.Helper()
	if unit != "" {
		unit = fmt.Sprintf(`,"unit":%q`, unit)
	}
	got := r.call("MeterValues", fmt.Sprintf(`{"connectorId":%d,"transactionId":%d,"meterValue":[{"timestamp":"2026-11-29T12:00:00Z","sampledValue":[{"value":%q%s}]}]}`,
		connector, transaction, value, unit))
	if got != "{}" {
		r.t.Fatalf("MeterValues was answered with %s", got)
	}
}

func (r *raw) status(connector int, status, code string) {
	r.t.Helper()
	if got := r.call("StatusNotification", fmt.Sprintf(`{"connectorId":%d,"status":%q,"errorCode":%q}`, connector, status, code)); got != "{}" {
		r.t.Fatalf("StatusNotification was answered with %s", got)
	}
}
