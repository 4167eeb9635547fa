package store_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// carry runs Carry until stop is called or the test ends.
func carry(t testing.TB, s *store.Store, doers map[pay.EffectKind]store.Doer) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := s.Carry(ctx, doers); err != nil {
			t.Errorf("Carry: %v", err)
		}
	})
	stop = func() {
		cancel()
		wg.Wait()
	}
	t.Cleanup(stop)
	return stop
}

// desk is a Doer that notes what it does, in its order.
type desk struct {
	mu       sync.Mutex
	done     []string
	busy     map[pay.Subject]bool
	most     int                                // how many were busy at once
	takes    time.Duration                      // how long each takes
	fails    func(n uint64, e pay.Effect) error // nil: none
	overtook []string
}

func (d *desk) do(ctx context.Context, n uint64, e pay.Effect) ([]byte, error) {
	d.begin(e)
	if d.takes > 0 {
		time.Sleep(d.takes)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.busy, e.Subject)
	if d.fails != nil {
		if err := d.fails(n, e); err != nil {
			return nil, err
		}
	}
	d.done = append(d.done, fmt.Sprintf("%d %s", n, e.Body))
	return []byte("result of " + string(e.Body)), nil
}

func (d *desk) begin(e pay.Effect) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.busy == nil {
		d.busy = map[pay.Subject]bool{}
	}
	if d.busy[e.Subject] {
		d.overtook = append(d.overtook, string(e.Body))
	}
	d.busy[e.Subject] = true
	d.most = max(d.most, len(d.busy))
}

func (d *desk) list() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.done)
}

// Effects of one subject are carried out one after the other, those of others
// meanwhile, and no more at once than the limit.
func TestCarryKeepsTheOrderOfEachSubject(t *testing.T) {
	t.Parallel()
	for _, atOnce := range []int{1, 2, 16} {
		t.Run(fmt.Sprint(atOnce), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				const payments, each = 5, 4
				o := registryOptions()
				o.Now, o.Reactor, o.Limits.Effects = nil, clerk(t), atOnce
				s, stop := start(t, o)
				d := &desk{takes: time.Second}
				for i := range each { // some are there before Carry begins
					if i == 2 {
						defer carry(t, s, map[pay.EffectKind]store.Doer{"acquirer": d.do})()
					}
					for p := range payments {
						do(t, s, ask(effect(p, fmt.Sprintf("%d of %d", i, p))))
					}
				}
				time.Sleep(time.Minute)
				for p := range payments {
					var got []string
					for _, line := range d.list() {
						if strings.HasSuffix(line, fmt.Sprint(" of ", p)) {
							got = append(got, strings.Fields(line)[1])
						}
					}
					if want := []string{"0", "1", "2", "3"}; !slices.Equal(got, want) {
						t.Errorf("effects of payment %d were carried out as %v", p, got)
					}
					if n := counted(t, s, "done "+payment(p).Subject().Short()); n != each {
						t.Errorf("payment %d has %d results", p, n)
					}
				}
				if d.overtook != nil || d.most != min(atOnce, payments) {
					t.Errorf("%d at once, beside another of the same subject: %v", d.most, d.overtook)
				}
				if left := effects(t, s, 0); left != "" {
					t.Errorf("left are %s", left)
				}
				sound(t, s)
				stop()
			})
		})
	}
}

// An effect that fails is tried again after longer and longer pauses, with the
// same number, and holds up only its own subject.
func TestCarryTriesAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(lines)
		o := registryOptions()
		o.Now, o.Reactor, o.Log = nil, clerk(t), slog.New(slog.NewTextHandler(log, nil))
		s, stop := start(t, o)
		var tries []time.Duration
		began := time.Now()
		d := &desk{}
		d.fails = func(n uint64, e pay.Effect) error {
			if n != 1 {
				return nil
			}
			tries = append(tries, time.Since(began))
			if len(tries) < 12 {
				return errors.New("the line is down")
			}
			return nil
		}
		do(t, s, ask(effect(1, "one"), effect(1, "two"), effect(2, "three")))
		halt := carry(t, s, map[pay.EffectKind]store.Doer{"acquirer": d.do})
		time.Sleep(50 * time.Millisecond)
		if got := d.list(); !slices.Equal(got, []string{"3 three"}) {
			t.Errorf("carried out %q at first", got)
		}
		time.Sleep(10 * time.Minute)
		if got := d.list(); !slices.Equal(got, []string{"3 three", "1 one", "2 two"}) {
			t.Errorf("carried out %q", got)
		}
		for i := 1; i < len(tries); i++ {
			longest := min(100*time.Millisecond<<(i-1), time.Minute)
			if pause := tries[i] - tries[i-1]; pause < longest/2 || pause > longest {
				t.Errorf("pause %d was %v, want %v to %v", i, pause, longest/2, longest)
			}
		}
		if got := log.take(); len(got) != 2 || !strings.Contains(got[0], "the line is down") || !strings.Contains(got[1], "failed=11") {
			t.Errorf("log: %q", got)
		}
		halt()
		stop()
	})
}

// Several subjects that fail wait each for its own time.
func TestCarryTriesEachSubjectAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const payments = 9
		o := registryOptions()
		o.Now, o.Reactor = nil, clerk(t)
		s, stop := start(t, o)
		tries := map[uint64]int{}
		d := &desk{fails: func(n uint64, _ pay.Effect) error {
			if tries[n]++; tries[n] <= int(n%4) {
				return errors.New("not yet")
			}
			return nil
		}}
		for n := range payments {
			do(t, s, ask(effect(n, "x")))
		}
		halt := carry(t, s, map[pay.EffectKind]store.Doer{"acquirer": d.do})
		time.Sleep(time.Minute)
		if got := d.list(); len(got) != payments || effects(t, s, 0) != "" {
			t.Errorf("carried out %q, left %s", got, effects(t, s, 0))
		}
		halt()
		stop()
	})
}

// A kind that nothing here carries out waits, with what is behind it of its
// subject, and is reported once. A program that knows it goes on.
func TestCarryLeavesUnknownKinds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		log := new(lines)
		o := registryOptions()
		o.Now, o.Reactor, o.Log = nil, clerk(t), slog.New(slog.NewTextHandler(log, nil))
		s, stop := start(t, o)
		pump := func(n int, body string) pay.Effect {
			return pay.Effect{Kind: "pump", Subject: payment(n).Subject(), Body: []byte(body)}
		}
		do(t, s, ask(pump(1, "one"), effect(1, "two"), effect(2, "three"), pump(3, "four")))
		d := &desk{}
		doers := map[pay.EffectKind]store.Doer{"acquirer": d.do}
		halt := carry(t, s, doers)
		time.Sleep(time.Hour)
		if got := d.list(); !slices.Equal(got, []string{"3 three"}) {
			t.Errorf("carried out %q", got)
		}
		if got := effects(t, s, 0); got != "1 one; 2 two; 4 four; " {
			t.Errorf("left are %q", got)
		}
		if got := log.take(); len(got) != 1 || !strings.Contains(got[0], "pump") {
			t.Errorf("log: %q", got)
		}
		halt()
		doers["pump"] = d.do
		halt = carry(t, s, doers)
		synctest.Wait()
		got := d.list()
		slices.Sort(got)
		if want := []string{"1 one", "2 two", "3 three", "4 four"}; !slices.Equal(got, want) {
			t.Errorf("carried out %q", got)
		}
		halt()
		stop()
	})
}

// Effects of a subject that is set aside wait until it is no more.
func TestCarryWaitsForWhatIsSetAside(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		role := newWard(1)
		o := registryOptions()
		o.Now, o.Reactor = nil, role
		s, stop := start(t, o)
		d := &desk{}
		halt := carry(t, s, map[pay.EffectKind]store.Doer{"acquirer": d.do})
		do(t, s, ask(effect(1, "one"), effect(1, "two"), effect(2, "three")))
		time.Sleep(time.Hour)
		got := d.list()
		slices.Sort(got)
		if !slices.Equal(got, []string{"1 one", "3 three"}) || !isAside(t, s, 1) {
			t.Errorf("carried out %q", got)
		}
		role.heal(1)
		if _, err := s.Retry(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if got := d.list(); len(got) != 3 || got[2] != "2 two" || fired(t, s, payment(1)) != 2 {
			t.Errorf("carried out %q", got)
		}
		sound(t, s)
		halt()
		stop()
	})
}

// flaky is an engine of which, once armed, one snapshot fails to read the second
// row about a subject that is set aside.
type flaky struct {
	kv.Engine
	armed atomic.Bool
}

func (e *flaky) View(ctx context.Context, fn func(kv.Reader) error) error {
	return e.Engine.View(ctx, func(r kv.Reader) error { return fn(&flakyReader{Reader: r, of: e}) })
}

type flakyReader struct {
	kv.Reader
	of   *flaky
	seen int
}

func (r *flakyReader) Get(key []byte) ([]byte, bool, error) {
	if key[0] == 'x' {
		if r.seen++; r.seen == 2 && r.of.armed.CompareAndSwap(true, false) {
			return nil, false, errors.New("the disk stutters")
		}
	}
	return r.Reader.Get(key)
}

// Looking for what can be carried out fails after a part of it was read: nothing
// is carried out twice.
func TestCarryLooksAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		role := newWard(1, 2)
		o := registryOptions()
		e := &flaky{Engine: o.Engine}
		o.Now, o.Reactor, o.Engine = nil, role, e
		s, stop := start(t, o)
		d := &desk{}
		halt := carry(t, s, map[pay.EffectKind]store.Doer{"acquirer": d.do})
		do(t, s, ask(effect(1, "one"), effect(1, "two"), effect(2, "three"), effect(2, "four")))
		time.Sleep(time.Hour)
		role.heal(1)
		role.heal(2)
		e.armed.Store(true)
		if done, err := s.Retry(t.Context()); err != nil || len(done.Cleared) != 2 {
			t.Fatalf("retried %+v, %v", done, err)
		}
		time.Sleep(time.Hour)
		got := d.list()
		slices.Sort(got)
		if want := []string{"1 one", "2 two", "3 three", "4 four"}; !slices.Equal(got, want) || e.armed.Load() {
			t.Errorf("carried out %q, want %q", got, want)
		}
		sound(t, s)
		halt()
		stop()
	})
}

// A result that cannot be stored at once is kept: what was done is not done
// again.
func TestCarryKeepsTheResultWhileTheDiskIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		o := registryOptions()
		inner := o.Engine
		o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
			if full.Load() {
				return kv.ErrNoSpace
			}
			return inner.Update(ctx, fn)
		}}
		o.Now, o.Reactor = nil, clerk(t)
		s, stop := start(t, o)
		d := &desk{fails: func(uint64, pay.Effect) error { full.Store(true); return nil }}
		do(t, s, ask(effect(1, "one")))
		halt := carry(t, s, map[pay.EffectKind]store.Doer{"acquirer": d.do})
		time.Sleep(time.Minute)
		full.Store(false)
		time.Sleep(time.Minute)
		if got := d.list(); len(got) != 1 || effects(t, s, 0) != "" {
			t.Errorf("carried out %q, left %q", got, effects(t, s, 0))
		}
		halt()
		stop()
	})
}

func TestCarryEndsWithTheStore(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Reactor = clerk(t)
	s, stop := start(t, o)
	do(t, s, ask(effect(1, "one")))
	stop()
	d := &desk{}
	if err := s.Carry(t.Context(), map[pay.EffectKind]store.Doer{"acquirer": d.do}); !errors.Is(err, store.ErrEnded) {
		t.Errorf("Carry = %v", err)
	}
}

// fork returns an engine that holds what e holds now.
func fork(t testing.TB, e kv.Engine) kv.Engine {
	t.Helper()
	rows, copied := rowsOf(t, e), kv.NewMemory()
	write(t, copied, func(tx kv.Tx) error {
		for key, value := range rows {
			if err := tx.Put([]byte(key), []byte(value)); err != nil {
				return err
			}
		}
		return nil
	})
	return copied
}

// A node that dies at any moment of an effect's life carries it out again under
// the same number, if it must, and its result counts once.
func TestEffectSurvivesEveryCrash(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var left []kv.Engine // what a crash at each passage of each point leaves
	var points []string
	run := func(e kv.Engine, at func(string)) (d *desk, s *store.Store, stop func()) {
		o := registryOptions()
		o.Engine, o.Reactor, o.At = e, clerk(t), at
		s, halt := start(t, o)
		d = &desk{}
		idle := carry(t, s, map[pay.EffectKind]store.Doer{"acquirer": d.do})
		return d, s, func() { idle(); halt() }
	}
	settled := func(s *store.Store, results int) {
		told, unwatch := s.WatchEffects()
		defer unwatch()
		for {
			n := 0
			for p := range 2 {
				n += counted(t, s, "done "+payment(p).Subject().Short())
			}
			if n >= results {
				return
			}
			<-told
		}
	}
	original := kv.NewMemory()
	_, s, stop := run(original, func(point string) {
		copied := fork(t, original)
		mu.Lock()
		defer mu.Unlock()
		left, points = append(left, copied), append(points, point)
	})
	do(t, s, func(tx *store.Tx) error {
		return errors.Join(tx.Wake(noon, payment(0).Subject()), tx.Wake(noon, payment(1).Subject()))
	})
	settled(s, 2)
	stop()
	for _, want := range append(store.CrashPoints(), store.CarryCrashPoints()...) {
		if !slices.Contains(points, want) {
			t.Errorf("point %s was not passed: %q", want, points)
		}
	}
	again := 0
	for i, e := range left {
		if len(rowsOf(t, e)) < 7 {
			continue // the deadlines were not stored yet
		}
		d, s, stop := run(e, nil)
		settled(s, 2)
		for _, line := range d.list() {
			if line != "1 capture" && line != "2 capture" {
				t.Errorf("crash %d at %s: carried out %q", i, points[i], line)
			}
		}
		if points[i] == store.CarryCrashPoints()[0] && len(d.list()) > 0 {
			again++
		}
		for p := range 2 {
			if n := counted(t, s, "done "+payment(p).Subject().Short()); n != 1 {
				t.Errorf("crash %d at %s: payment %d has %d results", i, points[i], p, n)
			}
		}
		if len(feed(t, s, "m/a")) != 2 || effects(t, s, 0) != "" {
			t.Errorf("crash %d at %s: feed %v, left %s", i, points[i], feed(t, s, "m/a"), effects(t, s, 0))
		}
		sound(t, s)
		stop()
	}
	if again == 0 {
		t.Error("no effect was carried out again after a crash before its result was stored")
	}
}
