package events

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/store"
)

// numbered is an event and its number in its source.
type numbered struct {
	n    uint64
	e    api.Event
	mark string // of its entry in the feed
}

// Feed reads events out of a node's own feed, or out of the registry's log.
// Its zero value has none.
type Feed struct {
	store *store.Store
	scope pay.Scope // pay.ScopeRegistry: the log of all feeds
}

// FeedOf returns the feed of a scope in a store; pay.ScopeRegistry stands for the log of
// all feeds.
func FeedOf(s *store.Store, scope pay.Scope) Feed { return Feed{s, scope} }

func (f Feed) watch() (<-chan uint64, func()) {
	if f.store == nil {
		return nil, func() {}
	}
	if f.log() {
		return f.store.WatchLog()
	}
	return f.store.Watch(f.scope)
}

func (f Feed) log() bool { return f.scope == pay.ScopeRegistry }

// end returns the number of the last entry.
func (f Feed) end(v *store.View) (uint64, error) {
	if f.log() {
		_, seq, err := v.LogEnd()
		return seq, err
	}
	head, err := v.Head(f.scope)
	return head.Cursor.Seq, err
}

func (f Feed) entries(v *store.View, after uint64, limit int, fn func(seq uint64, fact pay.Fact) error) error {
	if f.log() {
		return v.Log(after, limit, fn)
	}
	return v.Entries(f.scope, after, limit, fn)
}

// markOf is the mark of an entry: the beginning of its fact's name.
func markOf(id pay.FactID) string { return hex.EncodeToString(id[:markDigits/2]) }

// mark returns the mark of an entry, "" for that before the first.
func (f Feed) mark(v *store.View, seq uint64) (mark string, err error) {
	if seq == 0 {
		return "", nil
	}
	err = f.entries(v, seq-1, 1, func(_ uint64, fact pay.Fact) error {
		mark = markOf(fact.ID())
		return nil
	})
	return mark, err
}

// check returns the mark of the entry that a cursor names, or a *pay.Error with
// CodeConflict when the cursor does not fit what is stored here.
func (f Feed) check(v *store.View, c Cursor, end uint64) (mark string, err error) {
	if c.feed > end {
		return "", pay.NewError(pay.CodeConflict, fmt.Sprintf("the cursor is behind entry %d, this node has %d", c.feed, end),
			"give a cursor that this node printed, or 0 for the beginning")
	}
	mark, err = f.mark(v, c.feed)
	if err == nil && c.mark != "" && c.mark != mark {
		err = pay.NewError(pay.CodeConflict, fmt.Sprintf("the cursor is not of this node as it is now: its entry %d is another one here", c.feed),
			"give a cursor that this node printed since it was set up or put back, or 0 for the beginning")
	}
	return mark, err
}

// errPageFull ends the reading of a page.
var errPageFull = errors.New("the page is full")

// read returns up to limit events after a cursor, and the place of the last entry
// that it looked at.
func (f Feed) read(ctx context.Context, after Cursor, limit int) (list []numbered, to Cursor, err error) {
	to = after
	if f.store == nil {
		return nil, to, nil
	}
	err = f.store.View(ctx, func(v *store.View) error {
		if !after.checked {
			end, err := f.end(v)
			if err != nil {
				return err
			}
			if to.mark, err = f.check(v, after, end); err != nil {
				return err
			}
		}
		err := f.entries(v, to.feed, 0, func(seq uint64, fact pay.Fact) error {
			to.feed, to.mark = seq, markOf(fact.ID())
			e, ok, err := f.event(v, fact)
			if ok {
				list = append(list, numbered{seq, e, to.mark})
			}
			if err == nil && len(list) == limit {
				err = errPageFull
			}
			return err
		})
		if errors.Is(err, errPageFull) {
			return nil
		}
		return err
	})
	return list, to, err
}

// event turns an entry into an event, if it is one. What holds no sense is none:
// the role that took it in has noted that.
func (f Feed) event(rows pay.Rows, fact pay.Fact) (e api.Event, ok bool, err error) {
	e = api.Event{V: 1, Type: "event"}
	switch fact.Kind() {
	case pay.KindDecision:
		d, good := bodyOf[pay.Decision](fact)
		if good {
			good, err = f.believes(rows, fact, d)
		}
		e.At, e.Kind, e.PaymentEvent = d.At.String(), api.EventPayment, api.NewPaymentEvent(d)
		return e, good, err
	case pay.KindIncrementOffer:
		o, good := bodyOf[pay.IncrementOffer](fact)
		e.At, e.Kind, e.IncrementEvent = o.At.String(), api.EventMore, api.NewIncrementEvent(fact.ID(), o)
		return e, good, nil
	case pay.KindIncrementEnd:
		i, good := bodyOf[pay.IncrementEnd](fact)
		e.At, e.Kind, e.IncrementEvent = i.At.String(), api.EventMore, api.NewIncrementEndEvent(i)
		return e, good, nil
	case pay.KindRefusal:
		r, good := bodyOf[pay.Refusal](fact)
		e.At, e.Kind, e.RefusalEvent = r.At.String(), api.EventRefusal, api.NewRefusalEvent(r)
		return e, good && !r.Payment.IsZero(), nil
	case pay.KindDevice:
		d, good := bodyOf[pay.DeviceStatus](fact)
		e.At, e.Kind, e.DeviceEvent = d.At.String(), api.EventDevice, &api.DeviceEvent{Device: d.Device.String(), DeviceState: d.State}
		return e, good, nil
	case pay.KindNode:
		n, good := bodyOf[pay.NodeStatus](fact)
		e.At, e.Kind, e.NodeEvent = n.At.String(), api.EventNode, api.NewNodeEvent(n)
		return e, good && f.log(), nil
	case pay.KindTopUp:
		t, good := bodyOf[pay.TopUp](fact)
		e.At, e.Kind, e.TopUpEvent = t.At.String(), api.EventTopUp, api.NewTopUpEvent(t)
		return e, good && f.log(), nil
	case pay.KindPaidOut:
		p, good := bodyOf[pay.PaidOut](fact)
		e.At, e.Kind, e.PaidOutEvent = p.At.String(), api.EventPaidOut, api.NewPaidOutEvent(p)
		return e, good, nil
	case pay.KindMandateStatus:
		s, good := bodyOf[pay.MandateStatus](fact)
		e.At, e.Kind, e.MandateEvent = s.At.String(), api.EventMandate, api.NewMandateEvent(s)
		return e, good, nil
	case pay.KindMoved:
		m, good := bodyOf[pay.Moved](fact)
		e.At, e.Kind, e.MovedEvent = m.At.String(), api.EventMoved, api.NewMovedEvent(m)
		return e, good, nil
	default:
		return e, false, nil
	}
}

func bodyOf[B pay.Body](f pay.Fact) (b B, ok bool) {
	b, err := pay.As[B](f)
	return b, err == nil
}

// believes reports whether a decision counts. A node also keeps those that do not
// fit its payment, as findings; the registry has made its own.
func (f Feed) believes(rows pay.Rows, fact pay.Fact, d pay.Decision) (bool, error) {
	if f.log() {
		return true, nil
	}
	return history.Counts(rows, d.Payment, fact.ID())
}
