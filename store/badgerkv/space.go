package badgerkv

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/kv"
)

const mib = 1 << 20

// shape is the sizes that determine how much room Badger takes to merge tables.
type shape struct {
	upper uint64 // bytes in level 0 and in the level into which it is merged
	lower uint64 // bytes in all levels below
	table uint64 // bytes of a table in the level of the largest tables
	logs  uint64 // memtables that are filled from the logs of a process that did not close the store
}

// shapeOf adds up the levels of an open database.
func shapeOf(levels []badger.LevelInfo) shape {
	var s shape
	baseSeen := false
	for _, l := range levels {
		size := uint64(l.Size)
		switch {
		case l.Level == 0:
			s.upper = size
			continue
		case size == 0:
			continue
		case baseSeen:
			s.lower += size
		default:
			s.upper += size
			baseSeen = true
		}
		s.table = max(s.table, size/uint64(max(1, l.NumTables)))
	}
	return s
}

// reserve computes how much room Badger needs beyond what it occupies already.
// Three properties of Badger determine it:
//
//   - a memtable becomes a table of level 0 before its log is removed;
//   - level 0 is merged with the level below it in one piece, and the old tables
//     are removed only after the new ones are complete;
//   - in lower levels each compactor merges one table with those that overlap it
//     in the next level, about ten, because a level has ten times the size of the
//     one above.
//
// What the engine has Badger merge by itself takes no more room than two compactors:
// the same steps, one after the other.
type reserve struct {
	memtable   uint64 // bytes of a full memtable
	memtables  uint64 // at most full at a time: in use, waiting, being written out
	compactors uint64
}

func newReserve(bo badger.Options) reserve {
	return reserve{
		memtable:   uint64(bo.MemTableSize),
		memtables:  uint64(bo.NumMemtables) + 2,
		compactors: uint64(max(fewCompactors, bo.NumCompactors)),
	}
}

// toOpen returns the bytes that must be free to open a directory: enough to write
// out the logs found there and then to merge level 0. Chosen: 64 MiB more, for
// Badger's other files and two segments of the commit log, each a quarter of a
// memtable, and at least four memtables.
func (r reserve) toOpen(s shape) uint64 {
	return 64*mib + max(4*r.memtable, r.memtable+s.logs*r.memtable+s.upper)
}

// toWrite returns the bytes that must be free for an Update. Half a memtable is
// for the writes until the next check; what the commit log takes until then is in the
// 64 MiB, and what it has taken is not free. Rows that Badger has not got yet were
// counted when the log got them: what they take later, two of Badger's transactions at
// most, is in the 64 MiB too. One compactor merges level 0 or tables of
// lower levels, whichever takes more room; each of the others merges tables of
// lower levels. The sum is never less than what toOpen requires once all
// memtables have been written out, so that a store which stopped writing at this
// limit can be opened again.
func (r reserve) toWrite(s shape) uint64 {
	// tablesPerMerge is how many tables one merge in the lower levels has. Chosen:
	// one and the ten that it overlaps, and one for an uneven overlap.
	const tablesPerMerge = 12
	deep := tablesPerMerge * s.table
	return 64*mib + r.memtable*3/2 + r.memtables*r.memtable +
		max(s.upper, min(s.lower, deep)) + min(s.lower, (r.compactors-1)*deep)
}

// spaceGuard refuses writing when the disk is nearly full. It checks the free
// space again after probeInterval, after a quarter of a memtable was written, and
// each time while it refuses. So less than half a memtable is written after one
// check, and it stops refusing as soon as there is space.
type spaceGuard struct {
	dir   string
	free  func(dir string) (uint64, error)
	need  func() uint64
	now   func() time.Time
	batch int // bytes written between two probes

	probed  time.Time // when the free space was last found enough
	written int       // bytes since then
}

// probeInterval bounds what other programs can write between two checks. Chosen:
// at a gigabyte a second that is less than the smallest reserve.
const probeInterval = 100 * time.Millisecond

// admit returns nil if there is room for one transaction, and otherwise
// kv.ErrNoSpace, or the error of the check.
func (g *spaceGuard) admit() error {
	now := g.now()
	since := now.Sub(g.probed)
	if g.written < g.batch && since >= 0 && since < probeInterval {
		return nil
	}
	if err := checkFree(g.dir, g.free, g.need()); err != nil {
		return err
	}
	g.written, g.probed = 0, now
	return nil
}

// Space returns the bytes that are free for this directory, and the number below
// which the engine refuses to write. It returns the error of Options.FreeBytes.
func (e *Engine) Space() (free, need uint64, err error) {
	if free, err = e.space.free(e.space.dir); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", e.space.dir, err)
	}
	return free, e.space.need(), nil
}

// checkFree returns kv.ErrNoSpace if fewer than need bytes are free at dir, or the
// error of probe.
func checkFree(dir string, probe func(string) (uint64, error), need uint64) error {
	free, err := probe(dir)
	if err != nil {
		return fmt.Errorf("ask for the free space of %s: %w", dir, err)
	}
	if free < need {
		return fmt.Errorf("refuse to write to %s with %d MiB free and %d MiB needed, make room on that disk: %w",
			dir, free/mib, (need+mib-1)/mib, kv.ErrNoSpace)
	}
	return nil
}
