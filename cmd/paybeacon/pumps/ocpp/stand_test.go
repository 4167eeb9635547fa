package ocpp_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/ocpp"
	"github.com/paybeacon/paybeacon/pay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what must come.
const patience = 20 * time.Second

// password is every charge point's.
const password = "correct horse battery"

// stand is a station with what it told. Its charge points are DEPOT-1, with connectors 1
// and 2 as pumps 7 and 8, and DEPOT-2 with connector 1 as pump 9.
type stand struct {
	t       *testing.T
	station *ocpp.Station
	options ocpp.Options

	mu     sync.Mutex
	events []pumps.Event
	read   int           // how many of them were looked at
	told   chan struct{} // holds one when there are more
	gate   chan struct{} // nil, or nothing is taken until it is closed

	offset time.Duration // of the station's clock
	stop   func()
}

func newStand(t *testing.T) *stand {
	t.Helper()
	dir := t.TempDir()
	write(t, filepath.Join(dir, "password"), password+"\n")
	write(t, filepath.Join(dir, "station.toml"), `
listen = "127.0.0.1:0"
[[charge_point]]
id = "DEPOT-1"
password_file = "password"
connectors = { 1 = 7, 2 = 8 }
power_kw = { 1 = 22 }
[[charge_point]]
id = "DEPOT-2"
password_file = "password"
connectors = { 1 = 9 }
`)
	s := &stand{t: t, told: make(chan struct{}, 1)}
	s.options = ocpp.Options{File: filepath.Join(dir, "station.toml"), Folder: dir, Now: s.now}
	s.start()
	t.Cleanup(func() { s.stop() })
	return s
}

func (s *stand) now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return time.Now().Add(s.offset)
}

// pass lets time pass on the station's clock.
func (s *stand) pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.offset += d
}

func (s *stand) start() {
	s.t.Helper()
	station, err := ocpp.New(s.options)
	if err != nil {
		s.t.Fatal(err)
	}
	s.station = station
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- station.Run(ctx, s.tell) }()
	s.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			s.t.Errorf("Run ended with %v", err)
		}
		if err := station.Close(); err != nil {
			s.t.Error(err)
		}
	})
}

// restart ends the station and starts it from what its folder holds. What was told is
// forgotten.
func (s *stand) restart() {
	s.t.Helper()
	s.stop()
	s.mu.Lock()
	s.events, s.read = nil, 0
	s.mu.Unlock()
	s.start()
}

func (s *stand) tell(e pumps.Event) {
	s.mu.Lock()
	gate := s.gate
	s.mu.Unlock()
	if gate != nil {
		<-gate
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
	select {
	case s.told <- struct{}{}:
	default:
	}
}

// next returns the next event of one of these kinds, and drops those before it.
func (s *stand) next(kinds ...pumps.What) pumps.Event {
	s.t.Helper()
	late := time.After(patience)
	for {
		s.mu.Lock()
		for s.read < len(s.events) {
			e := s.events[s.read]
			s.read++
			for _, kind := range kinds {
				if e.What == kind {
					s.mu.Unlock()
					return e
				}
			}
		}
		s.mu.Unlock()
		select {
		case <-s.told:
		case <-late:
			s.t.Fatalf("nobody told %v; all that was told: %+v", kinds, s.events)
		}
	}
}

// count returns how often an event of a kind was told so far.
func (s *stand) count(kind pumps.What) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.What == kind {
			n++
		}
	}
	return n
}

// release returns a release of a pump for a session of its own, and its error.
func release(n pay.PumpNumber, most pay.Quantity) pumps.Release {
	r := pumps.Release{Pump: n, Product: "electric", Price: 490, Most: most}
	rand.Read(r.Session[:])
	return r
}

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

func (s *stand) tryDial(id, user, password, protocol string) (*websocket.Conn, error) {
	return dialAt("ws://"+s.station.Addr()+"/ocpp/"+id, user, password, protocol, nil)
}

// dialAt connects to an address as a user.
func dialAt(url, user, password, protocol string, roots *x509.CertPool) (*websocket.Conn, error) {
	h := http.Header{"Authorization": {"Basic " + base64.StdEncoding.EncodeToString([]byte(user+":"+password))}}
	d := websocket.Dialer{Subprotocols: []string{protocol}, HandshakeTimeout: patience, TLSClientConfig: &tls.Config{RootCAs: roots}}
	c, answer, err := d.Dial(url, h)
	if answer != nil {
		_ = answer.Body.Close()
		if err != nil {
			err = fmt.Errorf("%w: %s", err, answer.Status)
		}
	}
	return c, err
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

// released releases a pump at a charge point that says yes, and returns the idTag.
func (s *stand) released(r *raw, want pumps.Release) string {
	s.t.Helper()
	done := make(chan error, 1)
	go func() { done <- s.station.Release(s.t.Context(), want) }()
	id, payload := r.next("RemoteStartTransaction")
	r.accept(id)
	if err := <-done; err != nil {
		s.t.Fatal(err)
	}
	return payload["idTag"].(string)
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

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// hexTag is an idTag that nobody was given.
func hexTag() string {
	var raw [10]byte
	rand.Read(raw[:])
	return hex.EncodeToString(raw[:])
}
