package node

import (
	"context"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// clockLook is how often a node looks whether its clock was set. Chosen: it is
// said before a person wonders, and costs two readings.
const clockLook = time.Second

// watchClock says loudly when the node's clock comes into doubt, once, and when
// it is right again, until ctx ends.
func (b *base) watchClock(ctx context.Context) error {
	registry := b.Dir.Role() == pay.RoleRegistry
	was := store.ClockState{}
	return b.store.WatchClock(ctx, clockLook, func(s store.ClockState) {
		switch {
		case s.Doubt:
			b.Log.Error("THE CLOCK IS IN DOUBT: "+ClockSentence(s), "hint", clockHint(b.Dir, registry, s))
		case s.Past != was.Past && s.Past.To != 0 && (was.Doubt || s.Past.End == store.EndRestarted):
			b.Log.Warn("the clock is no longer in doubt: " + PastSentence(s.Past))
		}
		was = s
	})
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
func clockHint(d Dir, registry bool, s store.ClockState) string {
	if !registry {
		return "set the machine's clock right, for example with timedatectl set-ntp true; payments go on while the registry is up"
	}
	return fmt.Sprintf("no payment is decided until then: set the machine's clock right and it goes on by itself, or if the clock is right now: paybeacon admin clock --data %s --accept", d)
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
		c.Message, c.Hint = ClockSentence(s), clockHint(b.Dir, b.Dir.Role() == pay.RoleRegistry, s)
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
