package bench

import (
	"context"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// benchQueue is how many charges a box takes while its registry is away.
type benchQueue struct{ charges int }

const (
	// queueTarget is how many charges a second are to be forwarded. Chosen: 10,000 in
	// five seconds.
	queueTarget = 10_000 / 5
	// queueWait bounds the wait for the outcome of all. Chosen: the longest time to pay.
	queueWait = pay.RequestTTLMax
)

// run measures how fast what waited at an offline box is paid once its registry is
// back, and whether all of it is: beside what the same shop does with 64 in flight.
func (b benchQueue) run(ctx context.Context, dir string) (figures []figure, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	s, err := openShop(ctx, "this", exe, shopDir(dir, "queue"))
	if err != nil {
		return nil, err
	}
	defer s.Close()
	usual, err := s.drive(ctx, payInFlight, 2*time.Second, s.bySocket)
	if err != nil {
		return nil, err
	}
	s.Kill(shopRegistry)
	ids, err := s.queue(ctx, b.charges)
	if err != nil {
		return nil, err
	}
	now, err := node.AskDaemon(ctx, s.dir(shopBox), api.VerbEvents, api.EventsRequest{})
	if err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := s.Again(shopRegistry, nil); err != nil {
		return nil, err
	}
	if _, err := s.Ready(shopRegistry); err != nil {
		return nil, err
	}
	started := time.Since(begun)
	paid, lost, err := s.outcomes(ctx, ids, now.Value.Cursor)
	if err != nil {
		return nil, err
	}
	took := time.Since(begun)
	audit, err := node.AskDaemon(ctx, s.dir(shopRegistry), api.VerbAudit, api.AuditRequest{})
	if err != nil {
		return nil, err
	}
	if err := s.Conserved(); err != nil {
		return nil, err
	}
	none := lost == 0
	once := audit.Value.OK && audit.Value.Duplicates == 0
	rate := float64(paid) / took.Seconds()
	fast := rate >= queueTarget
	return []figure{
		{
			What: fmt.Sprintf("%d queued charges, paid a second", b.charges), Value: rate, Unit: "/s", Yardstick: usual.rate(), Against: "64 in flight", Ratio: rate / usual.rate(),
			Target: fmt.Sprintf(">= %d/s", queueTarget), Met: &fast,
		},
		{What: "from the registry's start until all have ended", Value: took.Seconds(), Unit: "s"},
		{What: "of it until the registry is ready", Value: started.Seconds(), Unit: "s"},
		{What: "queued charges that were not paid", Value: float64(lost), Target: "none", Met: &none},
		{What: "charges that were paid twice", Value: float64(audit.Value.Duplicates), Target: "none", Met: &once},
	}, nil
}

// queue makes charges at a box whose registry is away, and returns their ids.
func (s *shop) queue(ctx context.Context, n int) (ids []string, err error) {
	var mu sync.Mutex
	group, ctx := errgroup.WithContext(ctx)
	for c := range payInFlight {
		group.Go(func() error {
			for i := c; i < n; i += payInFlight {
				reply, err := node.AskDaemon(ctx, s.dir(shopBox), api.VerbCharge, api.ChargeRequest{
					Amount: shopPrice, To: s.handles[s.wallets[i%len(s.wallets)]], TTL: pay.RequestTTLMax, Key: pay.IdempotencyKey(newKey()),
				})
				if err != nil {
					return err
				}
				mu.Lock()
				ids = append(ids, reply.Value.ID)
				mu.Unlock()
			}
			return nil
		})
	}
	return ids, group.Wait()
}

// outcomes follows the box's events behind a cursor until all of these payments have
// ended. Like a script of a till's, it asks once for all of them: a question for each
// would cost the box more than the payments.
func (s *shop) outcomes(ctx context.Context, ids []string, cursor string) (paid, lost int, err error) {
	open := make(map[string]bool, len(ids))
	for _, id := range ids {
		open[id] = true
	}
	for len(open) > 0 {
		reply, err := node.AskDaemon(ctx, s.dir(shopBox), api.VerbEvents, api.EventsRequest{Since: cursor, Limit: events.PageMax, Wait: queueWait})
		if err != nil {
			return paid, lost, err
		}
		if len(reply.Value.Items) == 0 {
			return paid, lost, fmt.Errorf("%d queued charges have no outcome", len(open))
		}
		for _, e := range reply.Value.Items {
			if e.PaymentEvent == nil || !open[e.PaymentEvent.ID] || e.Outcome == pay.OutcomePending {
				continue
			}
			delete(open, e.PaymentEvent.ID)
			if e.Outcome == pay.OutcomePaid {
				paid++
			} else {
				lost++
			}
		}
		cursor = reply.Value.Cursor
	}
	return paid, lost, nil
}
