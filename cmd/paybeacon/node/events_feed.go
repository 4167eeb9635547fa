package node

import (
	"context"
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/store"
)

// numbered is an event and its number in its source.
type numbered struct {
	n uint64
	e api.Event
}

// eventFeed reads events out of a node's own feed. Its zero value has none.
type eventFeed struct {
	store *store.Store
	scope pay.Scope
}

func feedOf(s *store.Store, scope pay.Scope) eventFeed { return eventFeed{s, scope} }

func (f eventFeed) watch() (<-chan struct{}, func()) {
	if f.store == nil {
		return nil, func() {}
	}
	return f.store.Watch(f.scope)
}

// read returns up to limit events after an entry, and the last entry it looked
// at.
func (f eventFeed) read(ctx context.Context, after uint64, limit int) (list []numbered, to uint64, err error) {
	to = after
	if f.store == nil {
		return nil, to, nil
	}
	err = f.store.View(ctx, func(v *store.View) error {
		head, err := v.Head(f.scope)
		if err != nil {
			return err
		}
		if after > head.Cursor.Seq {
			return pay.NewError(pay.CodeConflict, fmt.Sprintf("the cursor is behind entry %d, this node has %d", after, head.Cursor.Seq),
				"give a cursor that this node printed, or 0 for the beginning")
		}
		for to < head.Cursor.Seq && len(list) < limit {
			err := v.Entries(f.scope, to, limit-len(list), func(seq uint64, fact pay.Fact) error {
				to = seq
				e, ok, err := eventOf(v, fact)
				if ok {
					list = append(list, numbered{seq, e})
				}
				return err
			})
			if err != nil {
				return err
			}
		}
		return nil
	})
	return list, to, err
}

// eventOf turns an entry into an event, if it is one: a decision that this node
// took in, or the registry's word on a device.
func eventOf(rows pay.Rows, f pay.Fact) (e api.Event, ok bool, err error) {
	switch f.Kind() {
	case pay.KindDecision:
		d, err := pay.As[pay.Decision](f)
		if err != nil {
			return e, false, nil //nolint:nilerr // whoever mirrored it has noted that it holds nothing
		}
		rec, known, err := history.Get(rows, d.Payment)
		if err != nil || !known || !slices.Contains(rec.Chain, f.ID()) {
			return e, false, err // a finding changes nothing
		}
		return api.Event{V: 1, Type: "event", At: d.At.String(), Kind: api.EventPayment, PaymentEvent: api.NewPaymentEvent(d)}, true, nil
	case pay.KindDevice:
		d, err := pay.As[pay.DeviceStatus](f)
		if err != nil {
			return e, false, nil //nolint:nilerr // as above
		}
		return api.Event{
			V: 1, Type: "event", At: d.At.String(), Kind: api.EventDevice,
			DeviceEvent: &api.DeviceEvent{Device: d.Device.String(), DeviceState: d.State},
		}, true, nil
	default:
		return e, false, nil
	}
}
