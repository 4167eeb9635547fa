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
	byScope map[pay.Scope][]*feedWatcher
	fresh   fresh // entries of the feeds in byScope
	all     []chan struct{}
	log     []chan uint64
	effects []chan struct{}
	byID    map[[idBytes]byte][]*rowWatch
	bySpace map[string][]*rowWatch
	commits uint64
}

// rowWatch is somebody who watches rows. A commit writes many rows of one payment and
// gives one token for all of them: whoever waits in a receive would take each.
type rowWatch struct {
	ch    chan struct{}
	given uint64 // the commit that gave the last token
}

// touched is a row that a commit wrote or removed, as far as watchers ask for it.
type touched struct {
	space string        // what the role's key begins with; "" for other rows
	id    [idBytes]byte // what the key ends with
}

// touchedBySpace is the length of the prefixes that WatchSpace watches.
const touchedBySpace = 1

// touch notes a row for those who watch rows.
func (g *gains) touch(key []byte) {
	if len(key) <= idBytes {
		return
	}
	t := touched{id: [idBytes]byte(key[len(key)-idBytes:])}
	if key[0] == spaceRole {
		t.space = string(key[1 : 1+touchedBySpace])
	}
	g.touched = append(g.touched, t)
}

// WatchIDs returns a channel that gets a token after each commit that wrote or
// removed a row whose key ends with one of the ids: what the store and the role
// keep about a payment, a device or a fact. Tokens coalesce. stop releases the
// channel and may be called again.
func (s *Store) WatchIDs(ids ...[idBytes]byte) (changed <-chan struct{}, stop func()) {
	return addTo(&s.watch, s.watch.byID, ids)
}

// WatchSpace is WatchIDs for all rows of the role whose keys begin with the byte
// prefix and end with an id.
func (s *Store) WatchSpace(prefix byte) (changed <-chan struct{}, stop func()) {
	return addTo(&s.watch, s.watch.bySpace, []string{string(prefix)})
}

// addTo makes a channel that stands in a map under several keys.
func addTo[K comparable](w *watchers, m map[K][]*rowWatch, keys []K) (changed <-chan struct{}, stop func()) {
	x := &rowWatch{ch: make(chan struct{}, 1)}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, k := range keys {
		m[k] = append(m[k], x)
	}
	return x.ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		for _, k := range keys {
			if left := without(m[k], x); len(left) > 0 {
				m[k] = left
			} else {
				delete(m, k)
			}
		}
	}
}

// feedWatcher is told the number of a feed's last entry.
type feedWatcher struct{ grown func(end uint64) }

// WatchFeed calls grown with the number of the last entry after each commit that
// added to the feed of scope. It must not wait, and may not call the store. stop ends
// that, and may be called again; grown is not called any more once it has returned.
func (s *Store) WatchFeed(scope pay.Scope, grown func(end uint64)) (stop func()) {
	w, own := &s.watch, &feedWatcher{grown}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byScope[scope] = append(w.byScope[scope], own)
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		left := without(w.byScope[scope], own)
		if len(left) == 0 {
			delete(w.byScope, scope)
			w.fresh.drop(scope, len(w.fresh.byScope[scope].entries))
			return
		}
		w.byScope[scope] = left
	}
}

// Watch is WatchFeed with a channel. It holds the newest number only: who receives one
// reads on from its own position up to there.
func (s *Store) Watch(scope pay.Scope) (grown <-chan uint64, stop func()) {
	ch := make(chan uint64, 1)
	return ch, s.WatchFeed(scope, func(end uint64) { giveNewest(ch, end) })
}

// WatchAll returns a channel that gets a token after each commit that changed
// anything. Tokens coalesce. stop releases the channel and may be called again.
func (s *Store) WatchAll() (changed <-chan struct{}, stop func()) {
	return add(&s.watch, &s.watch.all)
}

// WatchLog is Watch for the log: it gives the number of its last row.
func (s *Store) WatchLog() (grown <-chan uint64, stop func()) {
	return add(&s.watch, &s.watch.log)
}

// WatchEffects returns a channel that gets a token after each commit that asked
// for effects, finished some, or ended the wait of a subject that was set aside.
// Tokens coalesce. stop releases the channel and may be called again.
func (s *Store) WatchEffects() (changed <-chan struct{}, stop func()) {
	return add(&s.watch, &s.watch.effects)
}

// add makes a channel in one of the lists of w.
func add[T any](w *watchers, list *[]chan T) (changed <-chan T, stop func()) {
	ch := make(chan T, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	*list = append(*list, ch)
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		*list = without(*list, ch)
	}
}

// notify gives a token to the watchers of what a batch changed.
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
	for _, a := range b.appended {
		if len(w.byScope[a.scope]) > 0 {
			w.fresh.add(a)
		}
	}
	for scope, end := range b.grown {
		for _, watcher := range w.byScope[scope] {
			watcher.grown(end)
		}
	}
	w.commits++
	for _, t := range b.touched {
		w.giveRows(w.byID[t.id])
		if t.space != "" {
			w.giveRows(w.bySpace[t.space])
		}
	}
	giveAll(w.all)
	if b.published {
		for _, ch := range w.log {
			giveNewest(ch, b.counted.log.last)
		}
	}
	if b.effects {
		giveAll(w.effects)
	}
}

// giveRows gives those in the list a token who have none of this commit.
func (w *watchers) giveRows(list []*rowWatch) {
	for _, x := range list {
		if x.given != w.commits {
			x.given = w.commits
			give(x.ch)
		}
	}
}

func giveAll(list []chan struct{}) {
	for _, ch := range list {
		give(ch)
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

func without[T comparable](list []T, x T) []T {
	if i := slices.Index(list, x); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
