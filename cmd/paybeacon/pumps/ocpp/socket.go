package ocpp

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/gorilla/websocket"
	"github.com/lorenzodonini/ocpp-go/ocpp"
	"github.com/lorenzodonini/ocpp-go/ocppj"
)

// What became of a call, other than its result.
var (
	errNotSent   = errors.New("ocpp: the charge point is not connected")
	errRefused   = errors.New("ocpp: the charge point refuses")
	errNoReading = errors.New("ocpp: the charge point has not answered")
)

// socket is one connection of a charge point.
type socket struct {
	conn  *websocket.Conn
	point *point
	done  chan struct{} // closed when its last frame was followed

	writing sync.Mutex
	waiting *waiting // for an answer; guarded by the station's mu
}

// waiting is a call that was sent on a socket.
type waiting struct {
	id     string
	state  ocppj.ClientState
	answer chan answer // holds one
}

type answer struct {
	result ocpp.Response
	err    error
}

// send writes a frame.
func (k *socket) send(data []byte) error {
	k.writing.Lock()
	defer k.writing.Unlock()
	if err := k.conn.SetWriteDeadline(time.Now().Add(writeMax)); err != nil {
		return err
	}
	return k.conn.WriteMessage(websocket.TextMessage, data)
}

// call asks a charge point and returns its result, or errNotSent where nothing can have
// reached it, errRefused where it answered with an error, errNoReading where nobody knows
// whether it does what it was asked. The point's calls are held.
func (s *Station) call(ctx context.Context, p *point, request ocpp.Request) (ocpp.Response, error) {
	k, w, data, err := s.prepare(p, request)
	if err != nil {
		return nil, err
	}
	defer func() {
		s.mu.Lock()
		k.waiting = nil
		s.mu.Unlock()
	}()
	if err := k.send(data); err != nil {
		_ = k.conn.Close() // whatever of it arrived
		return nil, fmt.Errorf("%w: %w", errNoReading, err)
	}
	late := time.NewTimer(s.options.Answer)
	defer late.Stop()
	select {
	case a := <-w.answer:
		return a.result, a.err
	case <-k.done:
	case <-late.C:
	case <-ctx.Done():
	}
	return nil, errNoReading
}

// prepare makes a call for a charge point's socket.
func (s *Station) prepare(p *point, request ocpp.Request) (*socket, *waiting, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	k := p.socket
	if k == nil {
		return nil, nil, nil, errNotSent
	}
	call, err := s.endpoint.CreateCall(request)
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	var raw [messageIDMax / 3]byte
	rand.Read(raw[:])
	call.UniqueId = hex.EncodeToString(raw[:])
	data, err := call.MarshalJSON()
	if err != nil {
		return nil, nil, nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	w := &waiting{call.UniqueId, ocppj.NewClientState(), make(chan answer, 1)}
	w.state.AddPendingRequest(call.UniqueId, request)
	k.waiting = w
	return k, w, data, nil
}

// answered gives the answer to a call to who waits for it. An answer to anything else, or
// to the call before, is dropped.
func (s *Station) answered(k *socket, f frame, data []byte) {
	s.mu.Lock()
	w := k.waiting
	if w == nil || w.id != f.id {
		s.mu.Unlock()
		return
	}
	k.waiting = nil
	s.mu.Unlock()
	// Every error is a no: the library knows some codes alone, and 1.6 spells one of them
	// another way.
	a := answer{err: errRefused}
	if f.kind == ocppj.CALL_RESULT {
		a.err = errNoReading
		if message, err := s.parse(data, w.state); err == nil {
			if result, ok := message.(*ocppj.CallResult); ok {
				a = answer{result: result.Payload}
			}
		}
	}
	w.answer <- a
}

// parse has the library read a frame, by its own rules.
func (s *Station) parse(data []byte, state ocppj.ClientState) (ocppj.Message, error) {
	parts, err := ocppj.ParseRawJsonMessage(data)
	if err != nil {
		return nil, err
	}
	return s.endpoint.ParseMessage(parts, state)
}

// limited is a listener with at most connsMax connections at a time.
type limited struct {
	net.Listener
	free chan struct{}
}

func newLimited(l net.Listener) *limited {
	return &limited{l, make(chan struct{}, connsMax)}
}

// Accept returns the next connection; what is above the limit is closed.
func (l *limited) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		select {
		case l.free <- struct{}{}:
			return &counted{Conn: c, done: func() { <-l.free }}, nil
		default:
			_ = c.Close()
		}
	}
}

// counted is a connection that makes room when it is closed.
type counted struct {
	net.Conn
	once sync.Once
	done func()
}

// Close closes the connection; only the first call makes room.
func (c *counted) Close() error {
	c.once.Do(c.done)
	return c.Conn.Close()
}
