package store

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// Reactor is the role of a node as the store sees it: what it does about one
// input, inside the transaction that stores the input. React must be
// deterministic, because it may run again, and write only through rows. Refusing
// a claim is a Reaction. An error means that the store or the program is broken;
// one that wraps pay.ErrCannotSign, that nothing can be signed now. On a deadline
// or an effect's result any other error of the role's own, and a panic, sets the
// subject aside.
type Reactor interface {
	React(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error)
}

// Options are what a Store is made of.
type Options struct {
	// Engine keeps the rows. The caller closes it after Run has returned.
	Engine kv.Engine
	// Own is the feed that a node mirrors, or pay.ScopeRegistry for the
	// registry, which is the author of all feeds. It never changes in the life
	// of a store.
	Own pay.Scope
	// Reactor is the node's role; nil reacts to nothing.
	Reactor Reactor
	// Now reads the clock; nil means time.Now.
	Now func() time.Time
	// Boot reads how long the machine has run, suspend included. Nil means that
	// nobody knows: then the monotonic reading of Now counts, and each opening is
	// taken for one after a restart of the machine.
	Boot func() pay.Boot
	// Random makes epochs and incarnations: crypto/rand.Reader outside tests.
	Random io.Reader
	// Authority, at the registry, becomes the first entry of every feed when
	// the feed gets its first entry. A zero fact leaves feeds without one.
	Authority pay.Fact
	// At is called at the points that CrashPoints and CarryCrashPoints list; nil
	// means none.
	At func(point string)
	// Log receives what no caller gets as an error; nil means none.
	Log *slog.Logger
	// Limits bound the store's work; zero fields mean the defaults.
	Limits Limits
}

// Limits bound what the store does at once. A zero field means the default that
// stands beside it. Chosen: a batch of 512 commands or 1 MiB stays below what the
// smallest engine commits at once, 2.4 MiB, and 64 deadlines of a few rows each
// leave room for commands.
type Limits struct {
	Waiting       int // commands that wait before Do blocks without a place: 1024
	BatchCommands int // commands in one engine transaction: 512
	BatchBytes    int // bytes after which a batch takes no further command: 1 MiB
	BatchDue      int // deadlines that fire in one engine transaction: 64
	CachedFacts   int // facts kept in memory, twice: 1024
	Effects       int // effects that Carry carries out at once: 16
	HotBytes      int // of rows that the executor keeps in memory: 8 MiB
}

func (l Limits) withDefaults() Limits {
	def := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	def(&l.Waiting, 1024)
	def(&l.BatchCommands, 512)
	def(&l.BatchBytes, 1<<20)
	def(&l.BatchDue, 64)
	def(&l.CachedFacts, 1024)
	def(&l.Effects, 16)
	def(&l.HotBytes, 8<<20)
	return l
}

// Store is an open store. All methods may be called from any goroutine. Those
// that write wait until Run runs.
type Store struct {
	opts    Options
	clock   *clock
	facts   *factCache
	epoch   pay.Epoch // the registry's; unused on a node
	format  atomic.Uint32
	session atomic.Bool
	old     atomic.Pointer[pay.OldCopy]
	watch   watchers
	changed chan struct{}

	queue   chan *command
	started atomic.Bool
	ended   chan struct{} // closed when Run has returned

	// Step's own: they belong to the goroutine that calls it.
	nextDue pay.Time // earliest deadline, or dueUnknown
	sealed  []byte   // room for the value of the next Put
	hot     hotRows
}

// Open reads a store, or makes a new one when the engine is empty. A store of an
// older format stays of that format until the first Step. The engine is left as it
// is when it holds the store of a newer program (a pay.Error with
// pay.CodeNewerData), that of another node (pay.CodeConfig) or something that is
// not a store (ErrDamaged). Other errors are the engine's, of o.Random, or that
// o.Own cannot name a feed.
func Open(ctx context.Context, o Options) (*Store, error) {
	s := newStore(o)
	if err := s.open(ctx); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	return s, nil
}

func (s *Store) open(ctx context.Context) error {
	own := s.opts.Own
	if err := checkScope(own); err != nil {
		return err
	}
	kept, err := read(ctx, s, func(v *View) (keptMeta, error) { return v.readMeta(own) })
	found := kept.format > 0
	if err == nil && !found {
		kept, err = newMeta(own, s.opts.Random)
	}
	if err == nil {
		err = s.refreshOldCopy(ctx)
	}
	if err != nil {
		return err
	}
	s.epoch = kept.epoch
	s.format.Store(kept.format)
	s.clock = newClock(s.opts, kept.moment, kept.reference)
	rows := []metaRow{{metaClock, s.clock.moment().encode()}}
	if !found {
		rows = append(rows, metaRow{metaOwn, []byte(own)}, metaRow{metaEpoch, kept.epoch[:]}, metaRow{metaOutbox, kept.outbox.encode()})
		rows = append(rows, rowsOfFormat(0)...)
	} else if !kept.outbox.queued() {
		return nil
	}
	// The clock is written where items wait, too: an age that this process has given must
	// not shrink in the next.
	if err := s.writeMeta(ctx, rows...); err != nil {
		return explain(err)
	}
	return nil
}

func newStore(o Options) *Store {
	o.Limits = o.Limits.withDefaults()
	if o.At == nil {
		o.At = func(string) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	o.Log = cmp.Or(o.Log, slog.New(slog.DiscardHandler))
	s := &Store{opts: o, changed: make(chan struct{}, 1), ended: make(chan struct{}), nextDue: dueUnknown}
	s.hot = newHotRows(o.Limits.HotBytes)
	s.facts = newFactCache(o.Limits.CachedFacts)
	s.queue = make(chan *command, o.Limits.Waiting)
	s.watch.by = make(map[topic][]*watcher)
	return s
}

// registry reports whether this store is the author of feeds.
func (s *Store) registry() bool { return s.opts.Own == pay.ScopeRegistry }

// Now returns the store's time: that of the clock, unless it is in doubt; see
// Clock.
func (s *Store) Now() pay.Time { return s.clock.moment().now }

// View runs fn on one consistent snapshot. The View is valid until fn returns. It
// returns fn's error as it is, or that of the engine, such as kv.ErrClosed.
func (s *Store) View(ctx context.Context, fn func(v *View) error) error {
	return s.opts.Engine.View(ctx, func(r kv.Reader) error {
		return fn(&View{s: s, r: r})
	})
}
