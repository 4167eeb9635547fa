package paysync

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// A box at pumps asks which vehicles it hears. The question waits for nothing else that
// the session does, and nothing is kept of it on either side: one that is lost is asked
// again.

// lookTimeout is how long a box waits for the answer. Chosen: many round trips.
const lookTimeout = 5 * time.Second

type (
	// LookAsked is an event of a ClientSession: its node asks.
	LookAsked struct{ Look wire.Look }
	// VehiclesCame is an effect of a ClientSession: what the registry has answered.
	VehiclesCame struct{ Vehicles wire.Vehicles }
	// FindVehicles is an effect of a ServerSession: it reads what a box may know.
	FindVehicles struct{ Look wire.Look }
	// VehiclesFound answers FindVehicles.
	VehiclesFound struct{ Vehicles wire.Vehicles }
)

func (LookAsked) event()     {}
func (VehiclesFound) event() {}
func (VehiclesCame) effect() {}
func (FindVehicles) effect() {}

// lookMeter counts the codes that a session has asked of within a minute.
type lookMeter struct {
	since time.Time
	codes int
}

// looked answers a question of the box, or has the answer read.
func (s *ServerSession) looked(m wire.Look) []Effect {
	if s.now.Sub(s.looks.since) >= time.Minute {
		s.looks = lookMeter{since: s.now}
	}
	s.looks.codes += len(m.Codes)
	switch {
	case !s.fuel:
		return []Effect{Send{wire.Vehicles{N: m.N, Refused: pay.ReasonWrongClass}}}
	case s.looks.codes > pay.LookCodesPerMinute:
		return []Effect{Send{wire.Vehicles{N: m.N, Refused: pay.ReasonTooMany}}}
	default:
		return []Effect{FindVehicles{Look: m}}
	}
}

// looks are the questions of a Client that have no answer yet.
type looks struct {
	mu      sync.Mutex
	conn    *clientConn // nil: there is no session
	last    uint64
	waiting map[uint64]chan wire.Vehicles
}

// through lets questions go through a session, until it is told nil.
func (l *looks) through(k *clientConn) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.conn = k
}

// answered hands an answer to who waits for it, if somebody does.
func (l *looks) answered(v wire.Vehicles) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if c := l.waiting[v.N]; c != nil {
		c <- v // it has room for one
		delete(l.waiting, v.N)
	}
}

// begin returns the session, a number for one more question, and where the answer will be.
func (l *looks) begin() (*clientConn, uint64, <-chan wire.Vehicles) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.waiting == nil {
		l.waiting = make(map[uint64]chan wire.Vehicles)
	}
	l.last++
	c := make(chan wire.Vehicles, 1)
	l.waiting[l.last] = c
	return l.conn, l.last, c
}

func (l *looks) end(n uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.waiting, n)
}

// Look asks the registry which of the codes that this box hears are those of vehicles, at
// most pay.LookCodesMax of them. Codes of no vehicle are left out of the answer. Its errors
// are that of ctx, when that ends first, and *pay.Error: CodeUnreachable without a session
// or an answer, CodeUpgrade when the registry answers no such question to this node,
// CodeNotAllowed when the node is no box at pumps, CodeTooMany when it asks too often.
func (c *Client) Look(ctx context.Context, codes []pay.CodeHeard) ([]pay.VehicleHeard, error) {
	if len(codes) == 0 {
		return nil, nil
	}
	k, n, came := c.looks.begin()
	defer c.looks.end(n)
	unreachable := pay.NewError(pay.CodeUnreachable, "the registry does not say which vehicles are here", "it is asked again once it is reached")
	if k == nil {
		return nil, unreachable
	}
	live, answers := k.looks()
	switch {
	case !live:
		return nil, unreachable
	case !answers:
		return nil, pay.NewError(pay.CodeUpgrade, "the registry says to this box of no vehicle that it is here", "it is older than this box, or the box was not invited with --class fuel")
	}
	k.step(LookAsked{wire.Look{N: n, Codes: codes}})
	select {
	case v := <-came:
		return v.Vehicles, lookRefused(v.Refused)
	case <-time.After(lookTimeout):
		return nil, unreachable
	case <-k.ctx.Done():
		return nil, unreachable
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// looks reports whether the session is live, and whether the registry answers Look.
func (k *clientConn) looks() (live, answers bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.session.phase == phaseLive, k.session.welcome.Looks
}

func lookRefused(r pay.Reason) error {
	switch r {
	case "":
		return nil
	case pay.ReasonTooMany:
		return pay.NewError(pay.CodeTooMany, "this box asks of too many codes in a minute", "it is asked again in a minute")
	default:
		return pay.NewError(pay.CodeNotAllowed, fmt.Sprintf("the registry tells this box of no vehicle (%s)", r), "only boxes that were invited with --class fuel are told")
	}
}
