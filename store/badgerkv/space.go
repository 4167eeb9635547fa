package badgerkv

import (
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/paybeacon/paybeacon/store/kv"
)

const mib = 1 << 20

// shape is what decides how much room Badger takes when it merges tables.
type shape struct {
	young uint64 // bytes in level 0 and in the level it is merged into
	old   uint64 // bytes in all levels below
	table uint64 // bytes of a table in the level of the largest tables
	logs  uint64 // log files left by a process that did not close the store
}

// shapeOf sums up the levels of an open database.
func shapeOf(levels []badger.LevelInfo) shape {
	var s shape
	baseSeen := false
	for _, l := range levels {
		size := uint64(l.Size)
		switch {
		case l.Level == 0:
			s.young = size
			continue
		case size == 0:
			continue
		case baseSeen:
			s.old += size
		default:
			s.young += size
			baseSeen = true
		}
		s.table = max(s.table, size/uint64(max(1, l.NumTables)))
	}
	return s
}

// reserve is how much room Badger needs beside what it already occupies. Its
// parts follow from three habits of Badger:
//
//   - a memtable becomes a table of level 0 before its log is removed;
//   - level 0 is merged with the level below it in one piece, and the old
//     tables go only after the new ones are complete;
//   - deeper down each compactor merges one table with those it overlaps in the
//     next level, about ten, because a level is ten times its predecessor.
type reserve struct {
	memtable   uint64 // bytes of a full memtable
	memtables  uint64 // full at most at a time: in use, waiting, being written out
	compactors uint64
}

func newReserve(bo badger.Options) reserve {
	return reserve{
		memtable:   uint64(bo.MemTableSize),
		memtables:  uint64(bo.NumMemtables) + 2,
		compactors: uint64(bo.NumCompactors),
	}
}

// toOpen returns the bytes that must be free to open a directory: enough to
// write out the logs found there and to merge level 0 then, and in any case
// 64 MiB and four memtables.
func (r reserve) toOpen(s shape) uint64 {
	return 64*mib + max(4*r.memtable, r.memtable+s.logs*r.memtable+s.young)
}

// toWrite returns the bytes that must be free for an Update. Half a memtable is
// for what is written until the next look. One compactor merges level 0 or deep
// tables, whichever takes more; each of the others merges deep tables. The sum
// is never less than what toOpen will ask for when all memtables have been
// written out, so that a store which stopped writing on its own can be opened
// again.
func (r reserve) toWrite(s shape) uint64 {
	const tablesPerMerge = 12
	deep := tablesPerMerge * s.table
	return 64*mib + r.memtable*3/2 + r.memtables*r.memtable +
		max(s.young, min(s.old, deep)) + min(s.old, (r.compactors-1)*deep)
}

// guard refuses writing when the disk is nearly full. It asks for the free
// space again after probeEvery, after a quarter of a memtable was written, and
// each time while it refuses; so less than half a memtable is ever written on
// the strength of one answer, and refusing ends with the shortage.
type guard struct {
	dir   string
	free  func(dir string) (uint64, error)
	need  func() uint64
	now   func() time.Time
	batch int // bytes written between two probes

	probed  time.Time // of the last answer that was enough
	written int       // bytes since then
}

// probeEvery bounds what others can write unnoticed. At a gigabyte a second it
// is less than the smallest reserve.
const probeEvery = 100 * time.Millisecond

// admit returns nil when there is room for one transaction.
func (g *guard) admit() error {
	now := g.now()
	since := now.Sub(g.probed)
	if g.written < g.batch && since >= 0 && since < probeEvery {
		return nil
	}
	if err := enough(g.dir, g.free, g.need()); err != nil {
		return err
	}
	g.written, g.probed = 0, now
	return nil
}

// wrote counts the bytes of a transaction.
func (g *guard) wrote(bytes int) { g.written += bytes }

// Space returns the bytes that are free for this directory, and below which the
// engine refuses to write.
func (e *Engine) Space() (free, need uint64, err error) {
	if free, err = e.space.free(e.space.dir); err != nil {
		return 0, 0, fmt.Errorf("ask for the free space of %s: %w", e.space.dir, err)
	}
	return free, e.space.need(), nil
}

// enough returns kv.ErrNoSpace when fewer than need bytes are free at dir.
func enough(dir string, probe func(string) (uint64, error), need uint64) error {
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
