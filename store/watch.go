package store

import (
	"slices"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// watchers holds the channels that get a token after a commit. A channel holds
// one token, so tokens coalesce and giving one never blocks the executor.
type watchers struct {
	mu      sync.Mutex
	byScope map[pay.Scope][]chan struct{}
	all     []chan struct{}
	log     []chan struct{}
	effects []chan struct{}
}

// Watch returns a channel that gets a token after each commit that added to the
// feed of scope. Tokens coalesce: who receives one reads on from its own position
// until nothing is left. stop releases the channel and may be called
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
	return s.watch.add(&s.watch.all)
}

// WatchLog returns a channel that gets a token after each commit that added to
// the log. Tokens coalesce. stop releases the channel and may be called again.
func (s *Store) WatchLog() (changed <-chan struct{}, stop func()) {
	return s.watch.add(&s.watch.log)
}

// WatchEffects returns a channel that gets a token after each commit that asked
// for effects, finished some, or ended the wait of a subject that was set aside.
// Tokens coalesce. stop releases the channel and may be called again.
func (s *Store) WatchEffects() (changed <-chan struct{}, stop func()) {
	return s.watch.add(&s.watch.effects)
}

// add makes a channel in one of the lists of w.
func (w *watchers) add(list *[]chan struct{}) (changed <-chan struct{}, stop func()) {
	ch := make(chan struct{}, 1)
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
	for _, scope := range b.scopes {
		giveAll(w.byScope[scope])
	}
	giveAll(w.all)
	if b.published {
		giveAll(w.log)
	}
	if b.effects {
		giveAll(w.effects)
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

func without(list []chan struct{}, ch chan struct{}) []chan struct{} {
	if i := slices.Index(list, ch); i >= 0 {
		return slices.Delete(list, i, i+1)
	}
	return list
}
