package store

import (
	"slices"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// watchers holds who is told after a commit. A channel holds one token, so tokens
// coalesce and giving one never blocks the executor.
type watchers struct {
	mu      sync.Mutex
	by      map[topic][]*watcher
	fresh   fresh // entries of the feeds that are watched
	commits uint64
}

// topic is what somebody watches.
type topic struct {
	about topicKind
	name  string        // of a feed the scope, of a space what the role's keys begin with
	id    [idBytes]byte // what keys end with
}

type topicKind byte

const (
	aboutAll topicKind = iota
	aboutFeed
	aboutLog
	aboutEffects
	aboutID
	aboutSpace
)

// watcher is somebody who watches. A commit writes many rows of one payment and tells
// of all of them once: whoever waits in a receive would take each token.
type watcher struct {
	tell func(n uint64) // the number of the last entry or row, 0 where there is none
	told uint64         // the last commit of which it was told
}

// touchedBySpace is the length of the prefixes that WatchSpace watches.
const touchedBySpace = 1

// touch notes a row that was written for those who watch rows, which are nodes.
func (tx *Tx) touch(key []byte, bytes int) {
	tx.wrote += len(key) + bytes
	if len(key) <= idBytes || tx.s.registry() {
		return
	}
	tx.touched = append(tx.touched, topic{about: aboutID, id: [idBytes]byte(key[len(key)-idBytes:])})
	if key[0] == spaceRole {
		tx.touched = append(tx.touched, topic{about: aboutSpace, name: string(key[1 : 1+touchedBySpace])})
	}
}

// watchFor calls tell after each commit that concerns one of the topics, once; it must
// not wait. stop ends that, and may be called again.
func (s *Store) watchFor(tell func(n uint64), topics ...topic) (stop func()) {
	w, own := &s.watch, &watcher{tell: tell}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, t := range topics {
		w.by[t] = append(w.by[t], own)
	}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, t := range topics {
			left := slices.DeleteFunc(w.by[t], func(x *watcher) bool { return x == own })
			if w.by[t] = left; len(left) > 0 {
				continue
			}
			delete(w.by, t)
			if t.about == aboutFeed {
				w.fresh.drop(pay.Scope(t.name), len(w.fresh.byScope[pay.Scope(t.name)].entries))
			}
		}
	}
}

// tokens is watchFor with a channel that gets tokens.
func (s *Store) tokens(topics ...topic) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
	return ch, s.watchFor(func(uint64) { give(ch) }, topics...)
}

// newest is watchFor with a channel that holds the newest number only.
func (s *Store) newest(t topic) (grown <-chan uint64, stop func()) {
	ch := make(chan uint64, 1)
	return ch, s.watchFor(func(n uint64) { giveNewest(ch, n) }, t)
}

// WatchIDs returns a channel that gets a token after each commit that wrote or
// removed a row whose key ends with one of the ids: what the store and the role
// keep about a payment, a device or a fact. Tokens coalesce. stop releases the
// channel and may be called again.
func (s *Store) WatchIDs(ids ...[idBytes]byte) (changed <-chan struct{}, stop func()) {
	topics := make([]topic, len(ids))
	for i, id := range ids {
		topics[i] = topic{about: aboutID, id: id}
	}
	return s.tokens(topics...)
}

// WatchSpace is WatchIDs for all rows of the role whose keys begin with the byte
// prefix and end with an id.
func (s *Store) WatchSpace(prefix byte) (changed <-chan struct{}, stop func()) {
	return s.tokens(topic{about: aboutSpace, name: string(prefix)})
}

// WatchFeed calls grown with the number of the last entry after each commit that
// added to the feed of scope. It must not wait, and may not call the store. stop ends
// that, and may be called again; grown is not called any more once it has returned.
func (s *Store) WatchFeed(scope pay.Scope, grown func(end uint64)) (stop func()) {
	return s.watchFor(grown, feedTopic(scope))
}

func feedTopic(scope pay.Scope) topic { return topic{about: aboutFeed, name: string(scope)} }

// Watch is WatchFeed with a channel. It holds the newest number only: who receives one
// reads on from its own position up to there.
func (s *Store) Watch(scope pay.Scope) (grown <-chan uint64, stop func()) {
	return s.newest(feedTopic(scope))
}

// WatchAll returns a channel that gets a token after each commit that changed
// anything. Tokens coalesce. stop releases the channel and may be called again.
func (s *Store) WatchAll() (changed <-chan struct{}, stop func()) {
	return s.tokens(topic{about: aboutAll})
}

// WatchLog is Watch for the log: it gives the number of its last row.
func (s *Store) WatchLog() (grown <-chan uint64, stop func()) {
	return s.newest(topic{about: aboutLog})
}

// WatchEffects returns a channel that gets a token after each commit that asked
// for effects, finished some, or ended the wait of a subject that was set aside.
// Tokens coalesce. stop releases the channel and may be called again.
func (s *Store) WatchEffects() (changed <-chan struct{}, stop func()) {
	return s.tokens(topic{about: aboutEffects})
}

// notify tells the watchers of what a batch changed.
func (s *Store) notify(b *batch) {
	if b.outbox {
		give(s.changed)
	}
	if b.wrote == 0 {
		return
	}
	w := &s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	w.commits++
	for _, a := range b.appended {
		if len(w.by[feedTopic(a.scope)]) > 0 {
			w.fresh.add(a)
		}
	}
	for scope, end := range b.grown {
		w.tell(feedTopic(scope), end)
	}
	for _, t := range b.touched {
		w.tell(t, 0)
	}
	w.tell(topic{about: aboutAll}, 0)
	if b.published {
		w.tell(topic{about: aboutLog}, b.counted.log.last)
	}
	if b.effects {
		w.tell(topic{about: aboutEffects}, 0)
	}
}

// tell tells those who watch a topic and were told nothing of this commit.
func (w *watchers) tell(t topic, n uint64) {
	for _, x := range w.by[t] {
		if x.told != w.commits {
			x.told = w.commits
			x.tell(n)
		}
	}
}

func give(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

// giveNewest leaves the number n in ch, in place of an older one. Only the executor
// puts numbers in, under the lock.
func giveNewest(ch chan uint64, n uint64) {
	select {
	case <-ch:
	default:
	}
	ch <- n
}

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
