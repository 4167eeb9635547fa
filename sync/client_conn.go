package paysync

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// clientConn carries out the effects of one ClientSession. Four goroutines feed
// it, so that none waits for another's disk or network:
//
//	read                 messages in, single entries into the journal
//	follow the outbox    items out of the journal, Push out
//	follow the notes     acknowledgements into the journal, and entries while more follow
//	keepTime             Ping and Seen out, acknowledgements that nothing followed,
//	                     silence noticed
type clientConn struct {
	line[*ClientSession, *NodeEffects]
	client *Client

	upAt          time.Time
	outbox, notes lane
	timeKick      chan struct{}
	wakeAt        time.Time // when keepTime wakes by itself; guarded by mu
}

func newClientConn(c *Client, conn Conn, next pay.Incarnation) *clientConn {
	id := c.opts.identity(conn, c.doubtful)
	id.Holder, id.Next = c.holder, next
	k := &clientConn{
		line:   newLine(conn, c.opts.Seams, NewClientSession(id), NewNodeEffects(c.opts.Journal)),
		client: c, outbox: newLane(), notes: newLane(), timeKick: make(chan struct{}, 1),
	}
	k.do, k.plain, k.stepped = k.carry, isPlain, k.retime
	return k
}

// run keeps the session until it ends. It returns how long the session was up,
// and the cause of its end.
func (k *clientConn) run(ctx context.Context, position pay.Position) (time.Duration, error) {
	k.begin(ctx)
	defer k.stop(nil)
	k.client.looks.through(k)
	defer k.client.looks.through(nil)
	k.step(Connected{Position: position, Arrived: k.conn.Arrived()})
	var wg sync.WaitGroup
	wg.Go(k.read)
	wg.Go(func() { k.follow(&k.outbox, k.client.opts.Journal.Changed()) })
	wg.Go(func() { k.follow(&k.notes, nil) })
	wg.Go(k.keepTime)
	<-k.ctx.Done()
	k.conn.Close(k.closeCode())
	wg.Wait()
	k.store.Close()
	if k.upAt.IsZero() {
		return 0, context.Cause(k.ctx)
	}
	return time.Since(k.upAt), context.Cause(k.ctx)
}

func (k *clientConn) closeCode() CloseCode {
	switch err := context.Cause(k.ctx); {
	case errors.Is(err, wire.ErrMalformed), pay.CodeOf(err) == pay.CodeBadFact:
		return CloseProtocol
	case pay.CodeOf(err) == pay.CodeUnreachable:
		return CloseSilent
	default:
		return CloseDone
	}
}

// carry carries out what needs no other goroutine, in the one that stepped.
func (k *clientConn) carry(effect Effect) error {
	switch e := effect.(type) {
	case Send:
		return k.send(e.Message)
	case WentUp:
		k.wentUp(e)
	case CaughtUp:
		k.client.connected()
	case OpenOutbox, ReadOutbox:
		k.outbox.put(e)
	case NoteAck, NoteChain:
		k.notes.put(e)
	case MirrorEntries:
		if e.Later {
			k.notes.put(e)
		} else {
			k.carryOut(e)
		}
	case NoteOldCopy:
		k.carryOut(e)
		if e.Err != nil {
			k.client.setState(func(s *State) { s.Err = e.Err })
		}
	case Rivalled:
		k.client.rivalled()
	case VehiclesCame:
		k.client.looks.answered(e.Vehicles)
	case End:
		if e.Final {
			return finalError{e.Err}
		}
		return e.Err
	default:
		k.carryOut(effect)
	}
	return nil
}

// isPlain reports whether a node's message is sent without anything beside it.
func isPlain(m wire.Message) bool {
	switch m.(type) {
	case wire.Hello, wire.Push:
		return false
	default:
		return true
	}
}

func (k *clientConn) send(m wire.Message) error {
	switch e := m.(type) {
	case wire.Hello:
		if e.Holder != (wire.Holder{}) { // else it is for a registry that knows no such keys
			e.Clock = pay.TimeOf(k.client.opts.Clock())
		}
		m = e
	case wire.Push:
		k.out.seams.at(atBeforePush)
		defer k.out.seams.at(atAfterPush)
	}
	return k.out.send(k.ctx, m)
}

func (k *clientConn) wentUp(e WentUp) {
	k.upAt = time.Now()
	offset := e.Now.Sub(pay.TimeOf(k.client.opts.Clock()))
	k.client.setState(func(s *State) {
		s.Offset, s.Now, s.NowAt = offset, e.Now, k.upAt
		if !k.conn.Small() {
			s.Stall = nil
		}
	})
	k.client.log.Info("sync: session is up", "offset_ms", int64(offset), "version", k.session.Version(), "behind", e.Behind, "small", k.conn.Small())
	if !e.Behind {
		k.client.connected()
	}
}

func (k *clientConn) read() {
	for k.ctx.Err() == nil {
		m, err := k.in.next()
		if err != nil {
			k.stop(readError(err))
			return
		}
		if _, ok := m.(wire.Welcome); ok {
			k.in.SetLimit(pay.FrameBytesMax)
		}
		k.step(Received{Message: m})
	}
}

// retime wakes keepTime when the session has to be woken before it does. It is
// called with mu held.
func (k *clientConn) retime() {
	if wake := k.session.Wake(); !k.wakeAt.IsZero() && wake.Before(k.wakeAt) {
		kick(k.timeKick)
	}
}

// keepTime gives the session a Tick when it is due.
func (k *clientConn) keepTime() {
	for {
		k.mu.Lock()
		wake := k.session.Wake()
		k.wakeAt = wake
		k.mu.Unlock()
		if wake.IsZero() {
			// The session has ended; the goroutine that ended it calls stop.
			<-k.ctx.Done()
			return
		}
		select {
		case <-time.After(time.Until(wake)):
			k.step(Tick{Arrived: k.conn.Arrived()})
		case <-k.timeKick:
		case <-k.ctx.Done():
			return
		}
	}
}

// follow carries out the effects of one lane, in order, and tells the session when
// changed has a token, until the session ends.
func (k *clientConn) follow(from *lane, changed <-chan struct{}) {
	for {
		select {
		case <-changed:
			k.step(Changed{})
		case <-from.kick:
			for _, effect := range from.take() {
				if k.ctx.Err() != nil {
					return
				}
				k.carryOut(effect)
			}
		case <-k.ctx.Done():
			return
		}
	}
}

// lane holds the effects that wait for one goroutine. There are few: a session asks
// for the next read, and makes the next note, only after the last was answered.
type lane struct {
	mu      sync.Mutex
	waiting []Effect
	kick    chan struct{} // has a token while something waits
}

func newLane() lane { return lane{kick: make(chan struct{}, 1)} }

func (l *lane) put(e Effect) {
	l.mu.Lock()
	l.waiting = append(l.waiting, e)
	l.mu.Unlock()
	kick(l.kick)
}

func (l *lane) take() []Effect {
	l.mu.Lock()
	defer l.mu.Unlock()
	waiting := l.waiting
	l.waiting = nil
	return together(waiting)
}

// together joins entries that wait to be mirrored one after another: what is stored in
// one commit costs one flush. The registry's window bounds what that can be.
func together(effects []Effect) (joined []Effect) {
	for _, effect := range effects {
		e, ok := effect.(MirrorEntries)
		if ok && len(joined) > 0 {
			if before, ok := joined[len(joined)-1].(MirrorEntries); ok {
				before.Facts, before.Ack = append(before.Facts, e.Facts...), before.Ack.And(e.Ack)
				joined[len(joined)-1] = before
				continue
			}
		}
		joined = append(joined, effect)
	}
	return joined
}
