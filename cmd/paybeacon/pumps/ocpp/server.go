package ocpp

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"time"

	"github.com/gorilla/websocket"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// subprotocol is what websockets of OCPP 1.6-J are asked for by: OCPP-J 1.6, 3.1.2.
const subprotocol = "ocpp1.6"

// serve takes connections until ctx ends.
func (s *Station) serve(ctx context.Context) {
	server := &http.Server{
		Handler:           http.HandlerFunc(s.admit),
		ReadHeaderTimeout: writeMax,
		IdleTimeout:       writeMax,
		MaxHeaderBytes:    8 << 10,
		ErrorLog:          slog.NewLogLogger(slog.NewTextHandler(io.Discard, nil), slog.LevelError), // strangers say anything
	}
	stop := context.AfterFunc(ctx, func() { _ = server.Close() })
	defer stop()
	if err := server.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.fail(err)
	}
}

// admit makes a connection of a known charge point, which has shown its password, its
// socket. Everybody else gets one and the same answer.
func (s *Station) admit(w http.ResponseWriter, r *http.Request) {
	p := s.known(r)
	if p == nil {
		w.Header().Set("WWW-Authenticate", `Basic realm="charge points"`)
		http.Error(w, "unknown charge point or wrong password", http.StatusUnauthorized)
		return
	}
	up := websocket.Upgrader{Subprotocols: []string{subprotocol}, HandshakeTimeout: writeMax}
	if !slices.Contains(websocket.Subprotocols(r), subprotocol) {
		http.Error(w, "the subprotocol is "+subprotocol, http.StatusBadRequest)
		return
	}
	conn, err := up.Upgrade(w, r, nil)
	if err != nil {
		return // it has answered
	}
	s.mu.Lock()
	if s.ended == nil || s.failed != nil {
		s.mu.Unlock()
		_ = conn.Close()
		return
	}
	s.conns.Add(1)
	s.mu.Unlock()
	defer s.conns.Done()
	s.work(&socket{conn: conn, point: p, done: make(chan struct{})})
}

// known returns the charge point that a request comes from, or nil.
func (s *Station) known(r *http.Request) *point {
	id, err := url.PathUnescape(path.Base(r.URL.EscapedPath()))
	user, password, ok := r.BasicAuth()
	p := s.points[id]
	var want []byte
	if p != nil {
		want = p.config.password
	}
	// Sums, because the time that a comparison takes must not tell the length either.
	given, right := sha256.Sum256([]byte(password)), sha256.Sum256(want)
	same := subtle.ConstantTimeCompare(given[:], right[:]) == 1
	if err != nil || !ok || p == nil || user != id || !same {
		return nil
	}
	return p
}

// work follows the frames of a socket until it ends. It takes the place of the charge
// point's socket before it, which is closed and whose frames are all followed first: the
// old one may be dead, and only this side does not know it yet.
func (s *Station) work(k *socket) {
	defer close(k.done)
	defer func() { _ = k.conn.Close() }() // nothing is left to be said
	s.mu.Lock()
	if s.ended == nil {
		s.mu.Unlock()
		return
	}
	old := k.point.socket
	k.point.socket = k
	for _, r := range s.book.runs {
		if r.Point == k.point.config.id {
			r.asked = 0 // what was asked on the old one may be lost
		}
	}
	s.mu.Unlock()
	if old != nil {
		_ = old.conn.Close()
		<-old.done
	}
	if s.waitForRoom() {
		s.mu.Lock()
		s.refreshAll(k.point)
		s.mu.Unlock()
		k.point.wake()
		stopPings := k.keepAlive()
		s.read(k)
		stopPings()
	}
	s.mu.Lock()
	if k.point.socket == k {
		k.point.socket = nil
		s.refreshAll(k.point)
	}
	s.mu.Unlock()
}

// keepAlive sends pings until the function that it returns is called, and lets what comes
// back prolong the life of the connection.
func (k *socket) keepAlive() (stop func()) {
	alive := func() { _ = k.conn.SetReadDeadline(time.Now().Add(silenceMax)) }
	alive()
	k.conn.SetReadLimit(frameBytesMax)
	k.conn.SetPongHandler(func(string) error { alive(); return nil })
	answer := k.conn.PingHandler()
	k.conn.SetPingHandler(func(data string) error { alive(); return answer(data) })
	ended, finished := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(finished)
		every := time.NewTicker(pingEvery)
		defer every.Stop()
		for {
			select {
			case <-ended:
				return
			case <-every.C:
				_ = k.conn.WriteControl(websocket.PingMessage, nil, time.Now().Add(writeMax))
			}
		}
	}()
	return func() { close(ended); <-finished }
}

// read follows one frame after the other.
func (s *Station) read(k *socket) {
	for faults := 0; faults < faultsMax; {
		kind, data, err := k.conn.ReadMessage()
		if err != nil {
			return
		}
		_ = k.conn.SetReadDeadline(time.Now().Add(silenceMax))
		f, wrong := readFrame(data)
		if wrong == nil && kind != websocket.TextMessage {
			wrong = &fault{code: ocppj.FormatViolationV16, text: "a frame is text"}
		}
		switch {
		case wrong != nil:
			faults++
			err = s.refuse(k, wrong)
		case f.kind == ocppj.CALL:
			err = s.reply(k, f, data)
		default:
			s.answered(k, f, data)
		}
		if err != nil || !s.waitForRoom() {
			return
		}
	}
	_ = k.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.ClosePolicyViolation, "too many unreadable frames"), time.Now().Add(writeMax))
}

// reply follows a call and answers it, on the socket that it came by.
func (s *Station) reply(k *socket, f frame, data []byte) error {
	result, wrong := s.follow(k.point, f, data)
	if wrong != nil {
		wrong.id = f.id
		return s.refuse(k, wrong)
	}
	answer, err := s.endpoint.CreateCallResult(result, f.id)
	if err != nil {
		return s.refuse(k, &fault{f.id, ocppj.InternalError, "there is no answer"})
	}
	out, err := answer.MarshalJSON()
	if err != nil {
		return err
	}
	return k.send(out)
}

// refuse answers a frame with an error, where it is known to what.
func (s *Station) refuse(k *socket, wrong *fault) error {
	if wrong.id == "" {
		return nil
	}
	answer, err := s.endpoint.CreateCallError(wrong.id, wrong.code, wrong.text, nil)
	if err != nil {
		return err
	}
	out, err := answer.MarshalJSON()
	if err != nil {
		return err
	}
	return k.send(out)
}

// waitForRoom waits while too many events are not told yet, and reports whether the
// station still runs.
func (s *Station) waitForRoom() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for len(s.events) >= eventsMax && s.ended != nil && s.failed == nil {
		s.room.Wait()
	}
	return s.ended != nil && s.failed == nil
}

// closeSockets ends all connections.
func (s *Station) closeSockets() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.ended = nil
	for _, p := range s.points {
		if p.socket != nil {
			_ = p.socket.conn.Close()
		}
	}
	s.room.Broadcast()
}
