package paysync

import (
	"context"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// line is what the shells of both sides have in common: a connection, the
// session that decides, and the store on which its effects are carried out. The
// goroutines of a shell call step with what happened; nothing else connects
// them.
type line[S stepper, D doer] struct {
	conn Conn
	out  sender
	in   receiver

	ctx  context.Context
	stop context.CancelCauseFunc // the first cause is why the session ended

	mu      sync.Mutex // guards session
	session S
	stepped func() // called after each Step, with mu held; nil: nothing
	store   D
	// do carries out an effect, or puts it into the lane of the goroutine that
	// does. Its errors end the session.
	do func(Effect) error
	// plain reports whether sending a message is all that do would do.
	plain func(wire.Message) bool
}

// stepper is a ClientSession or a ServerSession.
type stepper interface {
	Step(now time.Time, event Event) []Effect
}

// doer is what NodeEffects and RegistryEffects have in common.
type doer interface {
	Do(ctx context.Context, effect Effect) (Event, error)
}

// newLine returns the start of a conversation over conn, in which the peer may
// send one frame of pay.FirstFrameBytesMax.
func newLine[S stepper, D doer](conn Conn, seams Seams, session S, store D) line[S, D] {
	return line[S, D]{
		conn: conn, session: session, store: store,
		out: sender{conn: conn, seams: seams},
		in:  receiver{wire.NewReader(conn, pay.FirstFrameBytesMax), seams},
	}
}

// begin starts the life of the session, which stop ends.
func (l *line[S, D]) begin(ctx context.Context) { l.ctx, l.stop = context.WithCancelCause(ctx) }

// step gives the session one event and carries out what it wants. Only the
// decision is made under the lock.
func (l *line[S, D]) step(event Event) {
	l.mu.Lock()
	effects := l.session.Step(time.Now(), event)
	if l.stepped != nil {
		l.stepped()
	}
	l.mu.Unlock()
	for len(effects) > 0 {
		n, err := l.sendRun(effects)
		if n == 0 && err == nil {
			n, err = 1, l.do(effects[0])
		}
		if err != nil {
			l.stop(err)
			return
		}
		effects = effects[n:]
	}
}

// sendRun sends the messages that effects begin with in one write, when there are
// two or more, and returns how many that were. What is written together leaves in
// few packets.
func (l *line[S, D]) sendRun(effects []Effect) (n int, err error) {
	run := make([]wire.Message, 0, 8)
	for _, effect := range effects {
		e, ok := effect.(Send)
		if !ok || !l.plain(e.Message) {
			break
		}
		run = append(run, e.Message)
	}
	if len(run) < 2 {
		return 0, nil
	}
	return len(run), l.out.send(l.ctx, run...)
}

// carryOut has the store carry out one effect and gives the session the answer.
func (l *line[S, D]) carryOut(effect Effect) {
	before, done := crashPoints(effect)
	l.out.seams.at(before)
	answer, err := l.store.Do(l.ctx, effect)
	if err != nil {
		l.stop(err)
		return
	}
	l.out.seams.at(done)
	if answer != nil {
		l.step(answer)
	}
}

// kick leaves a token; tokens coalesce.
func kick(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
