package bench

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// single is how long one payment takes while nothing else happens: until the box
// knows the outcome, until the wallet does, and until both do.
type single struct {
	box, wallet, both []time.Duration
	counts            map[string]api.Counts // by role
	cpu               time.Duration         // of the registry, for all of them
}

func (a *single) add(more single) {
	a.box = append(a.box, more.box...)
	a.wallet = append(a.wallet, more.wallet...)
	a.both = append(a.both, more.both...)
	a.counts = plus(a.counts, more.counts)
	a.cpu += more.cpu
}

// plus returns the sums by role.
func plus(a, b map[string]api.Counts) map[string]api.Counts {
	sum := map[string]api.Counts{}
	maps.Copy(sum, a)
	for role, c := range b {
		sum[role] = sum[role].Plus(c)
	}
	return sum
}

// since returns what was done by role since an earlier count.
func since(before, after map[string]api.Counts) map[string]api.Counts {
	done := map[string]api.Counts{}
	for role, c := range after {
		done[role] = c.Minus(before[role])
	}
	return done
}

// alone makes n payments, one after another, of the first wallet, whose tag goes by
// these words; empty for the one that is nearest.
func (s *shop) alone(ctx context.Context, n int, to pay.Handle) (out single, err error) {
	w := s.wallets[0]
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	events, err := node.AskDaemon(ctx, s.dir(w), api.VerbEvents, api.EventsRequest{Last: 1})
	if err != nil {
		return out, err
	}
	captured := make(chan seen, 1)
	followed := make(chan error, 1)
	go func() { followed <- s.followCaptures(ctx, w, events.Value.Cursor, captured) }()
	spent, err1 := s.spent()
	before, err2 := s.counted(ctx)
	if err := errors.Join(err1, err2); err != nil {
		return out, err
	}
	line := s.line()
	defer line.Close()
	for range n {
		begun := time.Now()
		p, err := s.pay(ctx, line, to)
		box := time.Since(begun)
		if err != nil {
			return out, err
		}
		if p.Outcome != pay.OutcomePaid {
			return out, notPaidError{p.State, p.Reason}
		}
		var at time.Time
		for at.IsZero() {
			select {
			case c := <-captured:
				if c.id == p.ID {
					at = c.at
				}
			case err := <-followed:
				return out, errors.Join(err, ctx.Err())
			}
		}
		wallet := at.Sub(begun)
		out.box, out.wallet, out.both = append(out.box, box), append(out.wallet, wallet), append(out.both, max(box, wallet))
	}
	if err := rest(ctx); err != nil {
		return out, err
	}
	spentNow, err1 := s.spent()
	after, err2 := s.counted(ctx)
	out.counts, out.cpu = since(before, after), spentNow[roleRegistry]-spent[roleRegistry]
	return out, errors.Join(err1, err2)
}

// seen is a payment of which a wallet has said that it is captured.
type seen struct {
	id string
	at time.Time
}

// followCaptures asks a wallet for its events and passes on what was captured, until
// ctx ends.
func (s *shop) followCaptures(ctx context.Context, wallet, cursor string, to chan<- seen) error {
	line := node.NewLine(s.dir(wallet))
	defer line.Close()
	for {
		reply, err := api.AskOn(ctx, line, api.VerbEvents, api.EventsRequest{Since: cursor, Wait: shopWait})
		if ctx.Err() != nil {
			return nil // whoever asked knows by now
		}
		if err != nil {
			return err
		}
		at := time.Now()
		cursor = reply.Value.Cursor
		for _, e := range reply.Value.Items {
			if e.PaymentEvent == nil || e.State != pay.StateCaptured {
				continue
			}
			select {
			case to <- seen{e.PaymentEvent.ID, at}:
			case <-ctx.Done():
				return nil
			}
		}
	}
}
