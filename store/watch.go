package store

import (
	"slices"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// watchers holds the channels that get a token after a commit. A channel holds
// one token, so tokens coalesce and telling never blocks the executor.
type watchers struct {
	mu      sync.Mutex
	byScope map[pay.Scope][]chan struct{}
	all     []chan struct{}
}

// Watch returns a channel that gets a token after each commit that added to the
// feed of scope. Tokens coalesce: whoever receives one reads on from its own
// position until nothing is left. stop releases the channel and may be called
// again.
func (s *Store) Watch(scope pay.Scope) (changed <-chan struct{}, stop func()) {
	w, ch := &s.watch, make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.byScope[scope] = append(w.byScope[scope], ch)
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		left := without(w.byScope[scope], ch)
		if len(left) == 0 {
			delete(w.byScope, scope)
			return
		}
		w.byScope[scope] = left
	}
}

// WatchAll returns a channel that gets a token after each commit that changed
// anything. Tokens coalesce. stop releases the channel and may be called again.
func (s *Store) WatchAll() (changed <-chan struct{}, stop func()) {
	w, ch := &s.watch, make(chan struct{}, 1)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.all = append(w.all, ch)
	return ch, func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.all = without(w.all, ch)
	}
}

// Changed returns the channel that gets a token after each commit that added to
// the outbox. It is the same channel in every call, for the one session that a
// node has.
func (s *Store) Changed() <-chan struct{} { return s.changed }

// tell passes on what a batch changed.
func (s *Store) tell(b *batch) {
	if b.outbox {
		give(s.changed)
	}
	if !b.wrote {
		return
	}
	w := &s.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, scope := range b.scopes {
		for _, ch := range w.byScope[scope] {
			give(ch)
		}
	}
	for _, ch := range w.all {
		give(ch)
	}
}

func give(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}

func without(list []chan struct{}, ch chan struct{}) []chan struct{} {
	if i := slices.Index(list, ch); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
