package node

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
)

// clockLook is after how long a node looks again whether its clock was set, and
// clockLookDoubt while it is in doubt. Chosen: it is said before a person wonders, and
// the machine sleeps meanwhile.
const (
	clockLook      = 4 * time.Second
	clockLookDoubt = time.Second
)

func clockAfter(doubt bool) time.Duration {
	if doubt {
		return clockLookDoubt
	}
	return clockLook
}

// watchClock says loudly when the node's clock comes into doubt, once, and when
// it is right again, until ctx ends.
func (b *base) watchClock(ctx context.Context) error {
	decides := b.Dir.Role() == pay.RoleRegistry
	was := store.ClockState{}
	return b.store.WatchClock(ctx, clockAfter, func(s store.ClockState) {
		switch {
		case s.Doubt:
			b.Log.Error("THE CLOCK IS IN DOUBT: "+ClockSentence(s), "hint", clockHint(b.Dir, decides))
		case s.Past != was.Past && s.Past.To != 0 && (was.Doubt || s.Past.End == store.EndRestarted):
			b.Log.Warn("the clock is no longer in doubt: " + PastSentence(s.Past))
		}
		was = s
	})
}

// confirmClock compares the clock of a node in doubt with the registry's while
// there is a session, until ctx ends.
func (p peer) confirmClock(ctx context.Context, s *store.Store) error {
	tick := time.NewTicker(clockAfter(false))
	defer tick.Stop()
	for was := false; ; {
		state, changed := p.client.Watch()
		doubt := s.Clock().Doubt
		if doubt != was {
			tick.Reset(clockAfter(doubt))
			was = doubt
		}
		if state.Up && doubt {
			s.ConfirmClock(state.Now.Add(pay.MillisOf(time.Since(state.NowAt))))
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// ClockSentence says what is wrong with a clock in doubt.
func ClockSentence(s store.ClockState) string {
	off := spanOf(s.Off())
	if s.Loose {
		return fmt.Sprintf("it shows %s, %s the time that this directory was last used or later; the machine was restarted since",
			text.Moment(s.Wall.String()), off)
	}
	return fmt.Sprintf("it shows %s, %s where it was and has run to since (%s): it was set at %s or after",
		text.Moment(s.Wall.String()), off, text.Moment(s.Now.String()), text.Moment(s.Since.String()))
}

// PastSentence says what a doubt that ended was.
func PastSentence(d store.ClockDoubt) string {
	from, to := text.Moment(d.From.String()), text.Moment(d.To.String())
	switch d.End {
	case store.EndAgreed:
		return fmt.Sprintf("it was in doubt from %s to %s, and then right again", from, to)
	case store.EndAccepted:
		return fmt.Sprintf("it was in doubt from %s to %s, when the operator accepted it, %s the time before", from, to, spanOf(d.Off))
	case store.EndConfirmed:
		return fmt.Sprintf("it was in doubt from %s to %s, when the registry's clock agreed with it", from, to)
	default:
		return fmt.Sprintf("when the machine was restarted it was %s the time that this directory was last used, and was taken", spanOf(d.Off))
	}
}

// spanOf is a span as people say it: "2h0m0s ahead of", "5s behind".
func spanOf(off pay.Millis) string {
	side := "ahead of"
	if off < 0 {
		off, side = -off, "behind"
	}
	return fmt.Sprintf("%v %s", off.Std().Round(time.Second), side)
}

// clockHint is what to do about a clock in doubt.
func clockHint(d datadir.Dir, decides bool) string {
	if !decides {
		return "set the machine's clock right, for example with timedatectl set-ntp true; payments go on while the registry is up"
	}
	return fmt.Sprintf("set the machine's clock right and payments go on by themselves; if it is right now: paybeacon admin clock --data %s --accept", d)
}

// clockObject is what the store thinks of its clock.
func (b *base) clockObject() api.Clock {
	s := b.store.Clock()
	c := api.Clock{
		V: 1, Type: "clock", Doubt: s.Doubt, Earliest: s.Doubt && s.Loose,
		Wall: s.Wall.String(), Time: s.Now.String(), Off: s.Off(),
	}
	if s.Doubt {
		c.Since = s.Since.String()
		c.Message, c.Hint = ClockSentence(s), clockHint(b.Dir, b.Dir.Role() == pay.RoleRegistry)
	}
	if p := s.Past; p.To != 0 {
		c.Last = &api.ClockDoubt{From: p.From.String(), To: p.To.String(), Off: p.Off, End: string(p.End), Message: PastSentence(p)}
	}
	return c
}

// Clock is what the node thinks of its clock.
func (b *base) Clock() api.Clock { return b.clockObject() }

// clockError is why a registry whose clock is in doubt cannot decide, or nil.
func (b *base) clockError() error {
	c := b.clockObject()
	if !c.Doubt {
		return nil
	}
	return pay.NewError(pay.CodeClock, "the clock is in doubt: "+c.Message, c.Hint)
}

// Clock is what the registry thinks of its clock, and what the clocks of its nodes
// say of that.
func (n *Registry) Clock() api.Clock {
	c := n.clockObject()
	if n.server != nil {
		c.Nodes = nodeClocks(n.store.Clock(), n.server.Clocks())
	}
	return c
}

// nodeClocks compares the clocks of nodes with the registry's two; nil without any.
func nodeClocks(s store.ClockState, clocks map[pay.NodeID]pay.Time) *api.NodeClocks {
	if len(clocks) == 0 {
		return nil
	}
	c := api.NodeClocks{Connected: len(clocks)}
	var offs []pay.Millis
	for _, at := range clocks {
		offs = append(offs, at.Sub(s.Now))
		if beyond(at.Sub(s.Wall), pay.ClockFollow) == 0 {
			c.LikeWall++
		}
		if beyond(at.Sub(s.Now), pay.ClockFollow) == 0 {
			c.LikeTime++
		}
	}
	if 2*c.LikeTime < c.Connected {
		slices.Sort(offs)
		c.Message = fmt.Sprintf("of %s, %d agree with the registry's time; their clocks are %s it, as a rule",
			text.Count(c.Connected, "connected node"), c.LikeTime, spanOf(offs[len(offs)/2]))
	}
	return &c
}

// acceptClock takes the operator's word that the registry's clock is right.
func (n *Registry) acceptClock(ctx context.Context, _ api.Nothing) (api.Clock, error) {
	accepted := false
	_, err := n.store.AcceptClock(ctx, func(tx *store.Tx, s store.ClockState) error {
		r, err := n.role.AcceptClock(tx, registry.Accepted{Was: s.Now, Now: s.Wall, Since: s.Since, From: s.Began, Loose: s.Loose})
		if err != nil {
			return err
		}
		accepted = true
		return tx.Publish(r)
	})
	n.role.ClockMoved()
	if err != nil {
		return api.Clock{}, err
	}
	c := n.Clock()
	c.Accepted = accepted
	return c, n.role.RefreshCodes(ctx, n.snapshot, n.store.Now())
}

// clockStepsMax bounds the steps that an audit names. Chosen: a person reads no
// more.
const clockStepsMax = 20

// clockSteps names the places in the registry's log where what it signed goes
// back in time and no operator's word explains it. Registries of old kept a wrong
// time without one, and their books are right all the same. It carries on from the
// steps that it found up to the row after.
func clockSteps(ctx context.Context, v *store.View, s steps, after uint64, pause func()) (steps, error) {
	s.Sentences = slices.Clone(s.Sentences)
	s.before = func(id pay.FactID) (pay.Decision, bool) {
		f, ok, err := v.Fact(id)
		if !ok || err != nil {
			return pay.Decision{}, false
		}
		d, err := pay.As[pay.Decision](f)
		return d, err == nil
	}
	err := v.Log(after, 0, func(_ uint64, f pay.Fact) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if pause != nil {
			pause()
		}
		return s.next(f)
	})
	return s, err
}

// steps are the places found so far, and what the next ones are found by.
type steps struct {
	Last      pay.Time `cbor:"1,keyasint"`
	Sentences []string `cbor:"2,keyasint,omitempty"`
	More      int      `cbor:"3,keyasint,omitempty"`

	open   map[pay.PaymentID]pay.Time // when each open payment was last decided on
	before func(pay.FactID) (pay.Decision, bool)
}

// sentences are for a person.
func (s *steps) sentences() []string {
	if s.More == 0 {
		return s.Sentences
	}
	return append(slices.Clone(s.Sentences), fmt.Sprintf("the clock went back %d times more", s.More))
}

// next takes in the next fact of the log.
func (s *steps) next(f pay.Fact) error {
	row, ok := pay.LookupKind(f.Kind())
	if !ok || row.Author != pay.RoleRegistry {
		return nil
	}
	at, err := row.SignedAt(f)
	if err != nil || s.ordered(f, at) {
		return err
	}
	if f.Kind() != pay.KindClock && at < s.Last.Add(-pay.ClockFollow) {
		if len(s.Sentences) < clockStepsMax {
			s.Sentences = append(s.Sentences, fmt.Sprintf("the clock went back from %s to %s, and nobody had accepted that: %s %s",
				text.Moment(s.Last.String()), text.Moment(at.String()), f.Kind(), f.ID().String()[:10]))
		} else {
			s.More++
		}
	}
	s.Last = at
	return nil
}

// ordered reports whether a decision has its date only because none is dated
// before the one that it follows.
func (s *steps) ordered(f pay.Fact, at pay.Time) bool {
	if f.Kind() != pay.KindDecision {
		return false
	}
	d, err := pay.As[pay.Decision](f)
	if err != nil {
		return false
	}
	before, follows := s.open[d.Payment]
	if !follows && d.Seq > 1 { // it was open before the first row that was read
		var prev pay.Decision
		if prev, follows = s.before(d.Prev); follows {
			before = prev.At
		}
	}
	if s.open == nil {
		s.open = make(map[pay.PaymentID]pay.Time)
	}
	delete(s.open, d.Payment)
	if !d.State.Final() {
		s.open[d.Payment] = at
	}
	return follows && before == at && at > s.Last
}
