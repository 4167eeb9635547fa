package store

import "github.com/paybeacon/paybeacon/pay"

// freshBytesMax bounds the entries that are kept for those who follow a feed.
// Chosen: far more than all payments in flight make between two readings.
const freshBytesMax = 1 << 20

// fresh holds the entries of the registry's feeds that were appended lately, for those
// who watch the feeds: whoever keeps up needs no reading of what was just written.
// Every run is without a gap and ends where its feed ends. What is not here is
// read from the engine. Its lock is that of the watchers.
type fresh struct {
	byScope map[pay.Scope]freshRun
	bytes   int
}

type freshRun struct {
	first   uint64 // number of the first entry
	entries []freshEntry
}

type freshEntry struct {
	raw   []byte
	chain pay.Chain // after it
}

// appended is an entry that a command added to a feed.
type appended struct {
	scope pay.Scope
	seq   uint64
	freshEntry
}

// add takes over an entry that is durable.
func (f *fresh) add(a appended) {
	if f.bytes += len(a.raw); f.bytes > freshBytesMax || f.byScope == nil {
		*f = fresh{byScope: make(map[pay.Scope]freshRun), bytes: len(a.raw)}
	}
	run := f.byScope[a.scope]
	if run.first+uint64(len(run.entries)) != a.seq {
		f.drop(a.scope, len(run.entries))
		run = freshRun{first: a.seq}
	}
	run.entries = append(run.entries, a.freshEntry)
	f.byScope[a.scope] = run
}

// drop forgets the first n entries of a run.
func (f *fresh) drop(scope pay.Scope, n int) {
	run := f.byScope[scope]
	for _, e := range run.entries[:n] {
		f.bytes -= len(e.raw)
	}
	if n == len(run.entries) {
		delete(f.byScope, scope)
		return
	}
	f.byScope[scope] = freshRun{first: run.first + uint64(n), entries: run.entries[n:]}
}

// fresh returns entries as View.Feed does; ok is false where the engine has to be
// read. What the only watcher of a feed has read is forgotten.
func (s *Store) fresh(scope pay.Scope, after uint64, limit int) (raws [][]byte, chains []pay.Chain, ok bool) {
	w := &s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	run, ok := w.fresh.byScope[scope]
	if !ok || limit <= 0 || after+1 < run.first {
		return nil, nil, false
	}
	skip := after + 1 - run.first
	if skip >= uint64(len(run.entries)) {
		return nil, nil, false
	}
	entries := run.entries[skip:]
	entries = entries[:min(limit, len(entries))]
	for _, e := range entries {
		raws, chains = append(raws, e.raw), append(chains, e.chain)
	}
	if len(w.by[feedTopic(scope)]) == 1 {
		w.fresh.drop(scope, int(skip)+len(entries))
	}
	return raws, chains, true
}
