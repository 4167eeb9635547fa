package badgerkv

import (
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"
)

// Badger's compactors look for work 20 times a second each, also when nothing has been
// written for days. With none of them Badger never merges tables by itself; DB.Flatten
// merges all levels into one when it is called, and then stops. Tables come from
// transfers alone, so an engine without compactors looks after each transfer, and an
// idle one does not wake up.
//
// Flatten rewrites the whole store, where compactors rewrite a part of each level. So a
// store that is large when it is opened has compactors, and so has one with Busy, whose
// processor does not idle.
const (
	// ownMergeMax is the size of a store, in bytes, from which on it is opened with
	// compactors. Chosen: there, tables are rewritten some twelve times before the next
	// ones of level 0 have come, no more than by compactors, in a few seconds.
	ownMergeMax = 1 << 30
	// mergeRatio is how many times larger than level 0 a store may be to be merged with
	// it. Chosen: with ownMergeMax and six full memtables of 16 MiB.
	mergeRatio = 12
	// levelZeroMax is how many tables in level 0 are merged whatever the ratio. Chosen:
	// reading asks each of them; and below levelZeroStall.
	levelZeroMax = 11
	// levelZeroUsual is how many tables level 0 has before anything is merged. Published:
	// Badger's default. With that many and no other level, Flatten does nothing.
	levelZeroUsual = 5
	// fewCompactors is how many a store without Busy has that is so large. Published: the
	// fewest with which Badger opens.
	fewCompactors = 2
	// levelZeroStall is how many tables in level 0 make writing wait. Published: Badger's
	// default.
	levelZeroStall = 15
)

// merger merges tables of an engine without compactors, beside its transactions.
type merger struct {
	own     bool // there are no compactors
	running atomic.Bool
}

// mergeIfDue starts merging if level 0 has become large.
func (e *Engine) mergeIfDue() {
	if !e.merger.own || !mergeDue(e.db.Levels()) || !e.merger.running.CompareAndSwap(false, true) {
		return
	}
	e.beside.Go(func() {
		defer e.merger.running.Store(false)
		if err := e.db.Flatten(1); err != nil {
			e.warn.log.Warn("merging tables failed", "error", err)
		}
	})
}

func mergeDue(levels []badger.LevelInfo) bool {
	all, zero := shapeOf(levels), levels[0]
	return zero.NumTables > levelZeroUsual && (mergeRatio*uint64(zero.Size) >= all.upper+all.lower || zero.NumTables >= levelZeroMax)
}
