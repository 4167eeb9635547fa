package paysync

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// clientConn carries out the effects of one ClientSession. Four goroutines feed
// it, so that none waits for another's disk or network:
//
//	read       messages in, entries into the journal, Seen out
//	runOutbox  items out of the journal, Push out
//	runAcks    acknowledgements into the journal
//	keepTime   Ping out, silence noticed
type clientConn struct {
	client *Client
	conn   Conn
	out    sender
	in     receiver

	ctx  context.Context
	stop context.CancelCauseFunc

	mu      sync.Mutex
	session *ClientSession
	upAt    time.Time
	opened  bool // SessionOpened was called
	outbox  struct {
		open bool
		read *ReadOutbox
	}
	ack *NoteAck

	outboxKick, ackKick, timeKick chan struct{}
}

func newClientConn(c *Client, conn Conn) *clientConn {
	token := func() chan struct{} { return make(chan struct{}, 1) }
	return &clientConn{
		client: c, conn: conn,
		out: sender{conn: conn, seams: c.opts.Seams},
		in:  receiver{wire.NewReader(conn, pay.FirstFrameBytesMax), c.opts.Seams},
		session: NewClientSession(ClientIdentity{
			Scope: c.opts.Scope, Root: c.opts.Root, Working: conn.Peer(),
			Authorities: append([][]byte{conn.Authority()}, c.opts.Authorities...), Versions: c.opts.Versions,
		}),
		outboxKick: token(), ackKick: token(), timeKick: token(),
	}
}

// run keeps the session until it ends, and returns why and how long it was up.
func (k *clientConn) run(ctx context.Context, position pay.Position) (time.Duration, error) {
	k.ctx, k.stop = context.WithCancelCause(ctx)
	defer k.stop(nil)
	k.step(Connected{Position: position})
	var wg sync.WaitGroup
	for _, loop := range []func(){k.read, k.runOutbox, k.runAcks, k.keepTime} {
		wg.Go(loop)
	}
	<-k.ctx.Done()
	k.conn.Close(k.closeCode())
	wg.Wait()
	if k.opened {
		k.client.opts.Journal.SessionClosed()
	}
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

// step gives the session one event and carries out what it wants. Only the
// decision is made under the lock.
func (k *clientConn) step(event Event) {
	k.mu.Lock()
	effects := k.session.Step(time.Now(), event)
	k.mu.Unlock()
	for _, effect := range effects {
		if err := k.do(effect); err != nil {
			k.stop(err)
			return
		}
	}
}

func (k *clientConn) do(effect Effect) error {
	switch e := effect.(type) {
	case Send:
		return k.send(e.Message)
	case WentUp:
		k.wentUp(e.Now)
	case OpenOutbox:
		k.mu.Lock()
		k.outbox.open = true
		k.mu.Unlock()
		kick(k.outboxKick)
	case ReadOutbox:
		k.mu.Lock()
		k.outbox.read = &e
		k.mu.Unlock()
		kick(k.outboxKick)
	case NoteAck:
		k.mu.Lock()
		k.ack = joinAcks(k.ack, e)
		k.mu.Unlock()
		kick(k.ackKick)
	case MirrorEntries:
		return k.mirror(e)
	case End:
		if e.Final {
			return finalError{e.Err}
		}
		return e.Err
	default:
		panic(fmt.Sprintf("paysync: internal error: %T is not for a node", effect))
	}
	return nil
}

func (k *clientConn) send(m wire.Message) error {
	if _, ok := m.(wire.Push); !ok {
		return k.out.send(k.ctx, m)
	}
	k.out.seams.at(atBeforePush)
	err := k.out.send(k.ctx, m)
	k.out.seams.at(atAfterPush)
	return err
}

func (k *clientConn) wentUp(now pay.Time) {
	k.upAt = time.Now()
	k.in.SetLimit(pay.FrameBytesMax)
	offset := now.Sub(pay.TimeOf(k.client.opts.Clock()))
	k.client.setState(func(s *State) { *s = State{Up: true, Since: s.Since, Offset: offset} })
	k.client.log.Info("sync: session is up", "offset_ms", int64(offset))
	kick(k.timeKick)
}

func (k *clientConn) mirror(e MirrorEntries) error {
	k.out.seams.at(atBeforeMirror)
	head, err := k.client.opts.Journal.Mirror(k.ctx, e.From, e.Facts)
	if err != nil {
		return fmt.Errorf("mirror entries: %w", err)
	}
	k.out.seams.at(atAfterMirror)
	k.step(Mirrored{Head: head})
	return nil
}

func (k *clientConn) read() {
	for k.ctx.Err() == nil {
		m, err := k.in.next()
		if err != nil {
			k.stop(readError(err))
			return
		}
		k.step(Received{Message: m})
	}
}

func (k *clientConn) runOutbox() {
	changed := k.client.opts.Journal.Changed()
	for {
		select {
		case <-changed:
			k.step(Changed{})
		case <-k.outboxKick:
		case <-k.ctx.Done():
			return
		}
		if err := k.serveOutbox(); err != nil {
			k.stop(err)
			return
		}
	}
}

// serveOutbox does what the session wants of the outbox. The session is noted
// as open before the first item is read, and so before anything is pushed.
func (k *clientConn) serveOutbox() error {
	k.mu.Lock()
	want := k.outbox
	k.outbox.open, k.outbox.read = false, nil
	k.mu.Unlock()
	if want.open {
		k.opened = true
		if err := k.client.opts.Journal.SessionOpened(k.ctx); err != nil {
			return fmt.Errorf("note session: %w", err)
		}
		k.step(Opened{})
	}
	if want.read != nil {
		items, err := k.client.opts.Journal.Outbox(k.ctx, want.read.After, want.read.Limit)
		if err != nil {
			return fmt.Errorf("read outbox: %w", err)
		}
		k.step(Queued{Items: items})
	}
	return nil
}

func (k *clientConn) runAcks() {
	for {
		select {
		case <-k.ackKick:
		case <-k.ctx.Done():
			return
		}
		k.mu.Lock()
		ack := k.ack
		k.ack = nil
		k.mu.Unlock()
		if ack == nil {
			continue
		}
		if err := k.client.opts.Journal.Acked(k.ctx, ack.Incarnation, ack.N, ack.Refused); err != nil {
			k.stop(fmt.Errorf("note acknowledgement: %w", err))
			return
		}
	}
}

// joinAcks makes one note of two, the second being the later one.
func joinAcks(a *NoteAck, b NoteAck) *NoteAck {
	if a == nil {
		return &b
	}
	joined := *a
	joined.N = b.N
	for n, reason := range b.Refused {
		if joined.Refused == nil {
			joined.Refused = map[uint64]pay.Reason{}
		}
		joined.Refused[n] = reason
	}
	return &joined
}

func (k *clientConn) keepTime() {
	for {
		k.mu.Lock()
		wake := k.session.Wake()
		k.mu.Unlock()
		if wake.IsZero() {
			// The session has ended; stop is on its way.
			<-k.ctx.Done()
			return
		}
		timer := time.NewTimer(time.Until(wake))
		select {
		case <-timer.C:
			k.step(Tick{})
		case <-k.timeKick:
		case <-k.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// kick leaves a token; tokens coalesce.
func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
