package registry

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// How the tables are laid over time. Chosen: a live table outlasts a few missed
// refreshes on either side of now, and requests that come late find one of the
// past.
const (
	liveBehind   pay.Millis = 4_000   // a live table reaches this far back
	liveAhead    pay.Millis = 36_000  // and this far forward
	liveMargin   pay.Millis = 8_000   // it is replaced this long before its end
	olderSpan    pay.Millis = 120_000 // what one table of the past covers
	wideEvery    pay.Millis = 60_000  // a wide table is built at most this often
	refreshEvery            = 4 * time.Second
)

// How many codes the tables hold. Chosen: those of the past have at most 240 MiB
// together, and few sources are tried one by one.
const (
	olderCodesMax = 12 << 20 // in all tables of the past together
	tailMax       = 1_024    // sources beyond a table that do not yet make it stale
	wideTailMax   = 4_096    // sources tried one by one, only to tell out_of_step from unknown_code
)

// Snapshot runs fn on one consistent snapshot of the role's rows, as a store's
// View does.
type Snapshot func(ctx context.Context, fn func(pay.Rows) error) error

// codes are the tables in memory. Nothing is decided by them alone: they name
// sources to look at, and which sources they know.
type codes struct {
	live atomic.Pointer[liveTables]

	mu      sync.Mutex
	era     era          // of the clock by which sources are dated
	sources []CodeSource // all up to upTo, by number; never changed in place
	dead    map[uint32]struct{}
	upTo    uint32
	older   []*CodeTable // the last used first
	wide    wideTable
}

// liveTables cover now: one table of most sources, and one of those that came
// since it was built.
type liveTables struct {
	main, side *CodeTable
	era        era
}

// wideTable covers all moments within reach of the minute at; its table is nil
// when that would be too many codes.
type wideTable struct {
	at    pay.Time
	reach pay.Millis
	valid bool
	table *CodeTable
	upTo  uint32
}

// RunCodes keeps the tables of codes ahead of time until ctx ends. Without it
// every code is still found, but by trying all devices.
func (r *Registry) RunCodes(ctx context.Context, view Snapshot, now func() pay.Time) error {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		if err := r.RefreshCodes(ctx, view, now()); err != nil && ctx.Err() == nil {
			r.log.Warn("refresh codes", "err", err)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// RefreshCodes reads the sources that are new in the snapshot and builds the
// tables that are missing for now. Call it once before the first request.
func (r *Registry) RefreshCodes(ctx context.Context, view Snapshot, now pay.Time) error {
	c := &r.codes
	c.mu.Lock()
	since, dated := c.upTo, c.era
	c.mu.Unlock()
	var fresh []sourceRow
	var upTo uint32
	err := view(ctx, func(rows pay.Rows) error {
		moves, err := r.moves(rows)
		if err != nil {
			return err
		}
		if moves.era() != dated { // the clock was moved: all anchors are read anew
			since, dated = 0, moves.era()
		}
		fresh, upTo, err = r.sourcesAfter(rows, since)
		return err
	})
	if err != nil {
		return fmt.Errorf("refresh codes: %w", err)
	}
	c.add(fresh, upTo, dated)
	c.rebuild(now)
	return nil
}

// sourcesAfter reads the sources with numbers above since, and the newest
// number that was ever given.
func (r *Registry) sourcesAfter(rows pay.Rows, since uint32) (fresh []sourceRow, upTo uint32, err error) {
	if upTo, _, err = newestRow.Get(rows); err != nil || upTo <= since {
		return nil, since, err
	}
	err = r.eachSource(rows, since, 0, func(s sourceRow) bool {
		fresh = append(fresh, s)
		return true
	})
	return fresh, upTo, err
}

func (c *codes) add(fresh []sourceRow, upTo uint32, dated era) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if dated != c.era {
		c.era, c.sources, c.dead, c.upTo, c.older, c.wide = dated, nil, nil, 0, nil, wideTable{}
		c.live.Store(nil)
	}
	if c.dead == nil {
		c.dead = make(map[uint32]struct{})
	}
	for _, s := range fresh {
		if s.replaces != 0 {
			c.dead[s.replaces] = struct{}{}
		}
		c.sources = append(c.sources, s.CodeSource)
	}
	c.upTo = max(c.upTo, upTo)
}

// rebuild publishes a new main table when the present one is missing, nearly
// over or left behind, else a new side table when there are new sources.
func (c *codes) rebuild(now pay.Time) {
	c.mu.Lock()
	c.compact()
	sources, upTo, dated := c.sources, c.upTo, c.era
	c.mu.Unlock()
	l := c.live.Load()
	if l == nil || now < l.main.from || now >= l.main.to.Add(-liveMargin) || int(upTo-l.main.upTo) > tailMax+len(sources)/16 {
		main := NewCodeTable(sources, now.Add(-liveBehind), now.Add(liveAhead))
		main.upTo = upTo
		c.live.Store(&liveTables{main: main, side: main, era: dated})
		return
	}
	if upTo == l.side.upTo {
		return
	}
	side := NewCodeTable(above(sources, l.main.upTo), l.main.from, l.main.to)
	side.upTo = upTo
	c.live.Store(&liveTables{main: l.main, side: side, era: dated})
}

// compact forgets replaced sources once they are many.
func (c *codes) compact() {
	if len(c.dead) <= tailMax+len(c.sources)/8 {
		return
	}
	kept := make([]CodeSource, 0, len(c.sources))
	for _, s := range c.sources {
		if _, dead := c.dead[s.Number]; !dead {
			kept = append(kept, s)
		}
	}
	c.sources, c.dead = kept, make(map[uint32]struct{})
}

// above returns the sources with numbers above n.
func above(sources []CodeSource, n uint32) []CodeSource {
	i := len(sources)
	for i > 0 && sources[i-1].Number > n {
		i--
	}
	return sources[i:]
}

// find appends to dst the numbers of known sources whose code this may be at
// the moment, and returns up to which number sources are known: none when they
// are dated by another clock.
func (c *codes) find(dst []uint32, code pay.Code, at pay.Time, dated era) (numbers []uint32, upTo uint32) {
	if l := c.live.Load(); l != nil && l.era == dated && l.main.covers(at) {
		dst = l.main.Numbers(dst, code)
		if l.side != l.main {
			dst = l.side.Numbers(dst, code)
		}
		return dst, l.side.upTo
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if t := c.past(at); t != nil && c.era == dated {
		return t.Numbers(dst, code), t.upTo
	}
	return dst, 0
}

// past returns a table of the past that covers the moment, building it when
// there is none. The tables used last stay.
func (c *codes) past(at pay.Time) *CodeTable {
	if len(c.sources) == 0 {
		return nil
	}
	for i, t := range c.older {
		if t.covers(at) && int(c.upTo-t.upTo) <= tailMax {
			copy(c.older[1:i+1], c.older[:i])
			c.older[0] = t
			return t
		}
	}
	from := pay.Time(floorDiv(int64(at), int64(olderSpan)) * int64(olderSpan))
	t := NewCodeTable(c.sources, from, from.Add(olderSpan))
	t.upTo = c.upTo
	kept, held := []*CodeTable{t}, t.Len()
	for _, old := range c.older {
		if held += old.Len(); held <= olderCodesMax && !old.covers(at) && len(kept) < int(pay.RequestTTLMax/olderSpan)+2 {
			kept = append(kept, old)
		}
	}
	c.older = kept
	return t
}

// findWide is find for all moments within reach of now: pay.OutOfStepReachMax where
// the devices are few, else pay.OutOfStepReach. One table serves a minute, so that
// garbage cannot make the registry work; reach is 0 when the codes would be more
// than pay.OutOfStepCodesMax.
func (c *codes) findWide(dst []uint32, code pay.Code, now pay.Time, dated era) (numbers []uint32, upTo uint32, reach pay.Millis) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.era != dated {
		return dst, 0, pay.OutOfStepReach
	}
	minute := pay.Time(floorDiv(int64(now), int64(wideEvery)) * int64(wideEvery))
	if !c.wide.valid || c.wide.at != minute {
		c.wide = c.newWide(minute)
	}
	if c.wide.table == nil {
		return dst, c.wide.upTo, 0
	}
	return c.wide.table.Numbers(dst, code), c.wide.upTo, c.wide.reach
}

func (c *codes) newWide(minute pay.Time) wideTable {
	w := wideTable{at: minute, valid: true, upTo: c.upTo}
	for _, try := range []struct {
		reach pay.Millis
		codes int
	}{{pay.OutOfStepReachMax, pay.OutOfStepCodesFew}, {pay.OutOfStepReach, pay.OutOfStepCodesMax}} {
		from, to := minute.Add(-try.reach), minute.Add(wideEvery+try.reach)
		if codesWithin(c.sources, from, to) <= try.codes {
			w.reach, w.table = try.reach, NewCodeTable(c.sources, from, to)
			break
		}
	}
	return w
}
