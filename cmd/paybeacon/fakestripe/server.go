package fakestripe

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Server is the account, as an http.Handler. Its methods may be called from any number of
// goroutines.
type Server struct {
	key string

	mu      sync.Mutex
	now     time.Time
	intents []*Intent
	refunds []*Refund
	keys    map[string]*kept
	fault   Fault
	silent  bool
	count   int // requests
}

// Fault is what goes wrong with the next request that writes.
type Fault int

// The faults.
const (
	FaultNone        Fault = iota
	FaultLost              // the work is done, the connection breaks before the answer
	FaultErrorAfter        // the work is done, the answer is 500, now and under this key for ever
	FaultErrorBefore       // nothing is done, the answer is 500, now and under this key for ever
	FaultOverloaded        // nothing is done, the answer is 503 and is not kept
	FaultLimited           // nothing is done, the answer is 429
	FaultRubbish           // the work is done, the answer is not JSON
	FaultPending           // a refund is pending for an hour
)

// kept is what stands under an idempotency key.
type kept struct {
	request [32]byte
	running bool
	status  int
	body    []byte
	at      time.Time
}

// keyLife is how long a key is kept.
const keyLife = 24 * time.Hour

// New returns an account without payments that the API key opens. It is now there; see
// Pass.
func New(key string, now time.Time) *Server {
	return &Server{key: key, now: now, keys: map[string]*kept{}}
}

// Next has something go wrong with the next request that writes.
func (s *Server) Next(f Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fault = f
}

// Silence has the server break every connection without doing anything, while it is true.
func (s *Server) Silence(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = on
}

// Pass lets time pass.
func (s *Server) Pass(d time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.now = s.now.Add(d)
}

// Now is the server's time.
func (s *Server) Now() time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.now
}

// Requests returns how many requests came.
func (s *Server) Requests() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}

// Intents returns a copy of all PaymentIntents, oldest first.
func (s *Server) Intents() (list []Intent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, pi := range s.intents {
		list = append(list, *pi)
	}
	return list
}

// Refunds returns a copy of all Refunds, oldest first.
func (s *Server) Refunds() (list []Refund) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.refunds {
		list = append(list, *r)
	}
	return list
}

// failure is an error object of Stripe's.
type failure struct {
	Status      int     `json:"-"`
	Type        string  `json:"type"`
	Code        string  `json:"code,omitempty"`
	DeclineCode string  `json:"decline_code,omitempty"`
	Message     string  `json:"message"`
	Param       string  `json:"param,omitempty"`
	Intent      *Intent `json:"payment_intent,omitempty"`
	// invalid means that the request was refused before it began to run, so that nothing
	// is kept under its key.
	invalid bool
}

func invalid(code, param, message string) *failure {
	return &failure{Status: http.StatusBadRequest, Type: "invalid_request_error", Code: code, Param: param, Message: message, invalid: true}
}

var internal = &failure{Status: http.StatusInternalServerError, Type: "api_error", Message: "An unknown error occurred"}

// ServeHTTP implements http.Handler.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.count++
	silent := s.silent
	s.mu.Unlock()
	if silent {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Request-Id", fmt.Sprintf("req_%d", s.Requests()))
	if r.Header.Get("Authorization") != "Bearer "+s.key {
		write(w, http.StatusUnauthorized, failed(&failure{Type: "invalid_request_error", Message: "Invalid API Key provided"}))
		return
	}
	if err := r.ParseForm(); err != nil {
		write(w, http.StatusBadRequest, failed(invalid("", "", "the form cannot be read")))
		return
	}
	if r.Method == http.MethodGet {
		status, body := s.read(r)
		write(w, status, body)
		return
	}
	s.change(w, r)
}

func write(w http.ResponseWriter, status int, body []byte) {
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

func failed(f *failure) []byte { return encode(map[string]*failure{"error": f}) }

func encode(v any) []byte {
	raw, err := json.Marshal(v)
	if err != nil {
		panic("fakestripe: internal error: " + err.Error())
	}
	return raw
}

// change carries out a request that writes, once for each key.
func (s *Server) change(w http.ResponseWriter, r *http.Request) {
	k, replay, refusal := s.begin(r)
	switch {
	case refusal != nil:
		write(w, refusal.Status, failed(refusal))
		return
	case replay:
		w.Header().Set("Idempotent-Replayed", "true")
		write(w, k.status, k.body)
		return
	}
	s.mu.Lock()
	fault := s.fault
	s.fault = FaultNone
	var body any
	var fail *failure
	if fault == FaultErrorBefore || fault == FaultOverloaded || fault == FaultLimited {
		fail = internal
	} else {
		body, fail = s.route(r.URL.Path, r.PostForm, fault)
	}
	status := http.StatusOK
	var raw []byte
	switch {
	case fault == FaultErrorAfter:
		fail = internal
		fallthrough
	case fail != nil:
		status, raw = fail.Status, failed(fail)
	default:
		raw = encode(body)
	}
	key := r.Header.Get("Idempotency-Key")
	if fault == FaultOverloaded || fault == FaultLimited || (fail != nil && fail.invalid) {
		delete(s.keys, key)
	} else {
		k.running, k.status, k.body, k.at = false, status, raw, s.now
	}
	s.mu.Unlock()
	switch fault {
	case FaultLost:
		panic(http.ErrAbortHandler)
	case FaultOverloaded:
		status = http.StatusServiceUnavailable
	case FaultLimited:
		status, raw = http.StatusTooManyRequests, failed(&failure{Type: "invalid_request_error", Code: "rate_limit", Message: "Too many requests"})
	case FaultRubbish:
		raw = []byte("<html>")
	}
	write(w, status, raw)
}

// begin takes the key of a request that writes: replay is true when its answer is known.
func (s *Server) begin(r *http.Request) (k *kept, replay bool, refusal *failure) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := r.Header.Get("Idempotency-Key")
	request := sha256.Sum256([]byte(r.URL.Path + "?" + r.PostForm.Encode()))
	k = s.keys[key]
	if k != nil && !k.running && s.now.Sub(k.at) >= keyLife {
		k = nil // forgotten
	}
	switch {
	case key == "":
		return &kept{}, false, nil
	case k == nil:
		k = &kept{request: request, running: true}
		s.keys[key] = k
		return k, false, nil
	case k.request != request:
		return k, false, &failure{Status: http.StatusBadRequest, Type: "idempotency_error",
			Message: "Keys for idempotent requests can only be used with the same parameters they were first used with"}
	case k.running:
		return k, false, &failure{Status: http.StatusConflict, Type: "invalid_request_error", Code: "idempotency_key_in_use",
			Message: "There is currently another in-progress request using this Idempotent Key"}
	default:
		return k, true, nil
	}
}

// route carries out a request that writes.
func (s *Server) route(path string, form url.Values, fault Fault) (any, *failure) {
	parts := strings.Split(strings.TrimPrefix(path, "/v1/"), "/")
	switch {
	case path == "/v1/payment_intents":
		return s.create(form)
	case path == "/v1/refunds":
		return s.refund(form, fault == FaultPending)
	case len(parts) == 3 && parts[0] == "payment_intents" && parts[2] == "capture":
		return s.capture(parts[1], form)
	case len(parts) == 3 && parts[0] == "payment_intents" && parts[2] == "cancel":
		return s.cancel(parts[1])
	default:
		return nil, &failure{Status: http.StatusNotFound, Type: "invalid_request_error", Message: "Unrecognized request URL", invalid: true}
	}
}
