package node

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// base is what registry, box and wallet have in common: a key and a store.
type base struct {
	process.Env
	key    pay.Key
	engine *badgerkv.Engine
	store  *store.Store
}

// storeOptions say whose store is opened: the scope of its own feed and the role
// that takes in what comes.
type storeOptions struct {
	own       pay.Scope
	reactor   store.Reactor
	authority pay.Fact
	busy      bool
}

func openBase(ctx context.Context, s process.Env, key pay.Key, o storeOptions) (base, error) {
	if err := process.CheckMemory(); err != nil {
		return base{}, err
	}
	if err := s.Dir.LeadsSomewhere("store"); err != nil {
		return base{}, err
	}
	engine, err := badgerkv.Open(s.Dir.Path("store"), badgerkv.Options{Busy: o.busy, Log: s.Log})
	if err != nil {
		return base{}, explainEngine(err)
	}
	if s.Seams.Fails != nil {
		o.reactor = failing{o.reactor, s.Seams.Fails}
	}
	st, err := store.Open(ctx, store.Options{
		Engine: engine, Own: o.own, Reactor: o.reactor, Now: s.Now, Boot: s.Boot, Random: rand.Reader,
		Authority: o.authority, At: s.Seams.At, Log: s.Log,
	})
	if err != nil {
		_ = engine.Close()
		return base{}, explainStore(err)
	}
	return base{Env: s, key: key, engine: engine, store: st}, nil
}

// explainEngine gives an engine's error the code and hint a person needs.
func explainEngine(err error) error {
	switch {
	case errors.Is(err, kv.ErrNoSpace):
		return pay.Wrap(err, pay.CodeNoSpace, "open the store", "free some space on that disk; nothing is lost")
	case errors.Is(err, kv.ErrNoMemory):
		return pay.Wrap(err, pay.CodeNoMemory, "open the store", process.HintMemory)
	case errors.Is(err, unix.EMFILE), errors.Is(err, unix.ENFILE):
		return pay.Wrap(err, pay.CodeConfig, "open the store", "let it have more open files (ulimit -n, LimitNOFILE= of systemd); nothing is damaged")
	case errors.Is(err, unix.EACCES), errors.Is(err, unix.EPERM), errors.Is(err, unix.EROFS):
		return pay.Wrap(err, pay.CodeConfig, "open the store", "run it as the owner of the directory, on a file system that can be written; nothing is damaged")
	case errors.Is(err, badgerkv.ErrInUse):
		return pay.Wrap(err, pay.CodeInUse, "open the store", "stop the process that has it open")
	default:
		return pay.Wrap(err, pay.CodeConfig, "open the store", "if the directory is damaged, restore it from a backup")
	}
}

// explainStore does the same for what keeps an engine from being a store.
func explainStore(err error) error {
	var known *pay.Error
	if errors.As(err, &known) || errors.Is(err, context.Canceled) {
		return err
	}
	return pay.Wrap(err, pay.CodeConfig, "open the store", "if the directory is damaged, restore it from a backup")
}

// Close closes the store. Nothing of the node may run any more.
func (b *base) Close() {
	if err := b.engine.Close(); err != nil {
		b.Log.Error("closing the store failed", "error", err)
	}
}

// commit has f change the rows of a store and publishes what follows from it, in
// one transaction. It returns what f returned, durably, or its error or that of the
// store. f may run more than once.
func commit[T any](ctx context.Context, s *store.Store, f func(tx *store.Tx) (T, pay.Reaction, error)) (made T, err error) {
	err = s.Do(ctx, func(tx *store.Tx) error {
		var r pay.Reaction
		var err error
		if made, r, err = f(tx); err != nil {
			return err
		}
		return tx.Publish(r)
	})
	return made, err
}

// read returns what f reads from one state of a store.
func read[T any](ctx context.Context, s *store.Store, f func(v *store.View) (T, error)) (found T, err error) {
	err = s.View(ctx, func(v *store.View) error {
		var err error
		found, err = f(v)
		return err
	})
	return found, err
}

// Watch calls again after each commit until it returns true or an error, and
// returns that error, or that of ctx when ctx ends before. It is how a verb waits
// for something to be decided.
func (b *base) Watch(ctx context.Context, again func() (ok bool, err error)) error {
	changed, stop := b.store.WatchAll()
	defer stop()
	for {
		ok, err := again()
		if ok || err != nil || b.Offline {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// await looks at the payment with the given id again after each commit that concerns
// it, and when its deadline has come, until it is over or wait has passed. Then show
// reads it, from the same state of the store. Where another is shown in its place, that
// one counts too.
func (b *base) await(ctx context.Context, wait pay.Millis, id pay.PaymentID, look func(v *store.View) (history.Wait, error), show func(v *store.View) error) error {
	ctx, cancel := context.WithTimeout(ctx, wait.Std())
	defer cancel()
	shown := id
	changed, stop := b.store.WatchIDs(id)
	defer func() { stop() }()
	for {
		var at history.Wait
		ended := false
		err := b.store.View(context.WithoutCancel(ctx), func(v *store.View) (err error) {
			if at, err = look(v); err != nil {
				return err
			}
			if ended = at.Over || b.Offline || ctx.Err() != nil; ended {
				return show(v)
			}
			return nil
		})
		if err != nil || ended {
			return err
		}
		if at.Shown != shown { // look again under the new watch
			stop()
			shown = at.Shown
			changed, stop = b.store.WatchIDs(id, shown)
			continue
		}
		select {
		case <-changed:
		case <-b.timeUp(at.Deadline): // each decision may move it
		case <-ctx.Done():
		}
	}
}

// clockAgain bounds how long a wait trusts its timer: nothing tells it that the clock
// was set. Chosen: soon enough for a person who waits.
const clockAgain = 5 * time.Second

// timeUp returns a channel that receives once a deadline has come, or may have; nil
// for one that has come already.
func (b *base) timeUp(deadline pay.Time) <-chan time.Time {
	left := deadline.Sub(b.store.Now())
	if left <= 0 {
		return nil
	}
	return time.After(min(left.Std(), clockAgain))
}

// Store is the node's store. Whoever runs the node in place of its daemon, such
// as a simulator, runs the store, too.
func (b *base) Store() *store.Store { return b.store }

// Key is the node's key.
func (b *base) Key() pay.Key { return b.key }

// Space is the room on the disk of the store.
func (b *base) Space() (api.Space, error) {
	free, need, err := b.engine.Space()
	return api.Space{Free: free, Need: need}, err
}

// Position is up to where the node has read its feed, and what it has queued.
func (b *base) Position(ctx context.Context) (pay.Position, error) {
	return b.store.Journal().Position(ctx)
}

// health is what a store's daemon has in common.
func (b *base) health() api.Health {
	clock := b.clockObject()
	h := api.Health{V: 1, Type: "health", Clock: &clock}
	if free, need, err := b.engine.Space(); err == nil {
		h.Space = &api.Space{Free: free, Need: need}
	}
	return h
}
