package events

import (
	"cmp"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// Cursor is a place in both sources of a node's events. The zero value is before
// everything.
type Cursor struct {
	feed  uint64 // entries read
	start string // names the daemon's start that live counts from
	live  uint64 // live events read
	mark  string // of the last entry read, "" before the first and in cursors of old

	// checked means that this run of the daemon read up to there: such a cursor is not
	// held against the feed again.
	checked bool
}

const (
	startDigits = 8
	markDigits  = 16
)

// String returns the form that ParseCursor reads.
func (c Cursor) String() string {
	s := strconv.FormatUint(c.feed, 10) + "." + cmp.Or(c.start, noStart) + "." + strconv.FormatUint(c.live, 10)
	if c.mark != "" {
		s += "." + c.mark
	}
	return s
}

const noStart = "00000000" // startDigits of them

// ParseCursor reads what String writes; "0" is the beginning. Its error is a
// *pay.Error with CodeUsage.
func ParseCursor(s string) (Cursor, error) {
	bad := pay.NewError(pay.CodeUsage, fmt.Sprintf("%q is no cursor", text.Printable(s)), "give the cursor of an event that was printed, or 0 for the beginning")
	if s == "0" {
		return Cursor{}, nil
	}
	parts := strings.Split(s, ".")
	c := Cursor{}
	switch {
	case len(parts) == 4 && isHex(parts[3], markDigits):
		c.mark = parts[3]
	case len(parts) != 3: // those of old have no mark
		return Cursor{}, bad
	}
	var badFeed, badLive error
	c.feed, badFeed = strconv.ParseUint(parts[0], 10, 63)
	c.live, badLive = strconv.ParseUint(parts[2], 10, 63)
	c.start = parts[1]
	if badFeed != nil || badLive != nil || !isHex(c.start, startDigits) || (c.mark != "" && c.feed == 0) {
		return Cursor{}, bad
	}
	return c, nil
}

func isHex(s string, digits int) bool {
	_, err := hex.DecodeString(s)
	return err == nil && len(s) == digits
}

const (
	// liveEventsMax bounds the ring of live events. Chosen: some minutes of a radio
	// that comes and goes.
	liveEventsMax = 256
	// PageMax bounds one answer. Chosen: a page of text.
	PageMax = 256
)

// Log is both sources of one node. It is safe for concurrent use.
type Log struct {
	clock func() time.Time
	feed  Feed // its read is nil where the node has no feed
	start string

	mu      sync.Mutex
	ring    []numbered
	count   uint64        // live events ever
	changed chan struct{} // closed and replaced with each live event
}

// NewLog returns the events of a node with a clock and a feed. It draws the name of this
// start; nothing has happened live yet.
func NewLog(clock func() time.Time, feed Feed) *Log {
	var start [startDigits / 2]byte
	_, _ = rand.Read(start[:]) // it never fails
	return &Log{clock: clock, feed: feed, start: hex.EncodeToString(start[:]), changed: make(chan struct{})}
}

// Add notes a live event, dated now.
func (l *Log) Add(e api.Event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.count++
	e.V, e.Type, e.At = 1, "event", pay.TimeOf(l.clock()).String()
	if len(l.ring) == liveEventsMax {
		l.ring = slices.Delete(l.ring, 0, 1)
	}
	l.ring = append(l.ring, numbered{n: l.count, e: e})
	close(l.changed)
	l.changed = make(chan struct{})
}

// live returns the live events after a cursor, and a channel that tells of the
// next one.
func (l *Log) live(after Cursor) (list []numbered, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seen := after.live
	if after.start != l.start {
		seen = 0
	}
	for _, e := range l.ring {
		if e.n > seen {
			list = append(list, e)
		}
	}
	return list, l.changed
}

// Now returns the cursor behind all that has happened. Its errors are the store's.
func (l *Log) Now(ctx context.Context) (Cursor, error) {
	l.mu.Lock()
	c := Cursor{start: l.start, live: l.count}
	l.mu.Unlock()
	if l.feed.store == nil {
		return c, nil
	}
	err := l.feed.store.View(ctx, func(v *store.View) (err error) {
		if c.feed, err = l.feed.end(v); err == nil {
			c.mark, err = l.feed.mark(v, c.feed)
		}
		return err
	})
	c.checked = err == nil
	return c, err
}

// page returns up to limit events after a cursor, and the cursor behind them.
// Events of the two sources are told in the order of their times; whichever way
// that goes, each event's cursor covers exactly what was told before it.
func (l *Log) page(ctx context.Context, after Cursor, limit int) ([]api.Event, Cursor, error) {
	live, _ := l.live(after)
	if after.start != l.start {
		after.start, after.live = l.start, 0
	}
	stored, to, err := l.feed.read(ctx, after, limit)
	if err != nil {
		return nil, after, err
	}
	var out []api.Event
	for len(out) < limit && len(stored)+len(live) > 0 {
		var e api.Event
		if len(live) == 0 || (len(stored) > 0 && stored[0].e.At <= live[0].e.At) {
			e, after.feed, after.mark, stored = stored[0].e, stored[0].n, stored[0].mark, stored[1:]
		} else {
			e, after.live, live = live[0].e, live[0].n, live[1:]
		}
		e.Cursor = after.String()
		out = append(out, e)
	}
	if len(stored) == 0 {
		after.feed, after.mark = to.feed, to.mark
	}
	after.checked = true
	return out, after, nil
}

// Read answers the verb `events`: the last events, or those after a cursor, which it
// waits for where it is asked to. Its errors are the store's and *pay.Error: with
// CodeUsage for what is no cursor, with CodeConflict for one of another node or past.
func (l *Log) Read(ctx context.Context, q api.EventsRequest) (api.Events, error) {
	if q.Since == "" {
		return l.last(ctx, min(max(q.Last, 0), PageMax))
	}
	after, err := ParseCursor(q.Since)
	if err != nil {
		return api.Events{}, err
	}
	limit := PageMax
	if q.Limit > 0 {
		limit = min(q.Limit, PageMax)
	}
	items, next, err := l.wait(ctx, after, limit, q.Wait.Std())
	if err != nil {
		return api.Events{}, err
	}
	return api.Events{Items: items, Cursor: next.String()}, nil
}

// wait is page, but waits up to d for something to tell.
func (l *Log) wait(ctx context.Context, after Cursor, limit int, d time.Duration) ([]api.Event, Cursor, error) {
	waiting, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	stored, stop := l.feed.watch()
	defer stop()
	for {
		// Taken before looking, so that nothing slips through between.
		_, live := l.live(after)
		items, next, err := l.page(ctx, after, limit)
		if err != nil || len(items) > 0 || d <= 0 || waiting.Err() != nil {
			return items, next, err
		}
		after = next
		select {
		case <-stored:
		case <-live:
		case <-waiting.Done():
		}
	}
}

// last returns the last n events. Not every entry of a feed is an event, so it
// looks further back until there are enough.
func (l *Log) last(ctx context.Context, n int) (api.Events, error) {
	end, err := l.Now(ctx)
	if err != nil {
		return api.Events{}, err
	}
	for back := uint64(2 * n); ; back *= 4 {
		from := Cursor{feed: end.feed - min(end.feed, back)}
		var all []api.Event
		for at := from; ; {
			items, next, err := l.page(ctx, at, PageMax)
			if err != nil {
				return api.Events{}, err
			}
			all, end = append(all, items...), next
			if len(items) < PageMax {
				break
			}
			at = next
		}
		if len(all) >= n || from.feed == 0 {
			return api.Events{Items: all[max(0, len(all)-n):], Cursor: end.String()}, nil
		}
	}
}

// Tell calls each with what happens behind from, as many events at once as there are,
// until ctx ends, which is no error. When each fails, Tell says so to log and returns nil:
// a daemon whose listener has gone goes on working. Its errors are the store's.
func (l *Log) Tell(ctx context.Context, from Cursor, each func([]api.Event) error, log *slog.Logger) error {
	stored, stop := l.feed.watch()
	defer stop()
	for {
		// Taken before looking, so that nothing slips through between.
		_, live := l.live(from)
		items, next, err := l.page(ctx, from, PageMax)
		switch {
		case ctx.Err() != nil:
			return nil // whoever ends it does not ask
		case err != nil:
			return fmt.Errorf("read events: %w", err)
		}
		if len(items) > 0 {
			if err := each(items); err != nil {
				log.Warn("cannot tell events any more", "error", err)
				return nil
			}
		}
		if from = next; len(items) == PageMax {
			continue
		}
		select {
		case <-stored:
		case <-live:
		case <-ctx.Done():
			return nil
		}
	}
}
