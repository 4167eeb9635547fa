package ocpp_test

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/ocpp"
	"github.com/paybeacon/paybeacon/pay"
)

var _ pumps.Forecourt = (*ocpp.Station)(nil)

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
