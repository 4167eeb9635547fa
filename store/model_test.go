package store_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

var errModel = errors.New("this command fails")

// world is a store beside a simple model of what it should hold. Commands run
// against both; check compares them.
type world struct {
	t      *testing.T
	clock  *hand
	claims []pay.Fact
	o      store.Options
	s      *store.Store
	role   *ward
	stop   func()
	steps  bool // the store is driven by Step, without Run

	// The model.
	now pay.Time
	// elapsed is the time that passed, without the steps back.
	elapsed pay.Millis
	rows    map[string]string
	due     map[pay.Time][]int // payments
	handled int                // deadlines and results that the role took in
	sick    map[int]bool       // payments that the role fails on
	aside   map[int]*modelAside
	effects []modelEffect // all effects ever, by number-1
	log     []pay.FactID
	feeds   map[pay.Scope][]pay.FactID
	queue   []modelItem // all items ever, by number-1
	acked   uint64
	sent    uint64
	open    bool
	first   pay.FactID
}

// modelAside is a payment that is set aside. waits holds the numbers of effects
// whose results wait, and 0 for each deadline.
type modelAside struct {
	tries int
	waits []int
}

type modelEffect struct {
	payment  int
	done     bool // there is a result
	finished bool // the role took it in
}

type modelItem struct {
	facts  []pay.FactID
	stored pay.Millis // as the world's elapsed
}

func newWorld(t *testing.T, o store.Options, claims []pay.Fact, steps bool) *world {
	w := &world{
		t: t, o: o, claims: claims, clock: newHand(noon), now: noon, role: newWard(), steps: steps,
		rows: map[string]string{}, due: map[pay.Time][]int{}, feeds: map[pay.Scope][]pay.FactID{},
		sick: map[int]bool{}, aside: map[int]*modelAside{},
	}
	w.o.Engine = twice(o.Engine)
	w.o.Now, w.o.Reactor, w.o.Limits.BatchDue = w.clock.now, w.role, 2
	w.begin()
	return w
}

func (w *world) begin() {
	w.s, w.stop = open(w.t, w.o), func() {}
	if !w.steps {
		w.stop = run(w.t, w.s)
	}
}

func (w *world) restart() {
	w.stop()
	w.open = false
	w.begin()
	// A time that was seen and led to nothing is forgotten.
	w.now = min(w.now, w.s.Now())
	if !w.steps {
		w.retried(func(int) bool { return true })
	}
}

// do runs a command, through Run or by itself.
func (w *world) do(fn store.Command) error {
	if !w.steps {
		return w.s.Do(w.t.Context(), fn)
	}
	for last := false; ; {
		done, err := w.s.Step(w.t.Context(), w.clock.now(), []store.Command{fn})
		if err != nil || len(done.Errs) == 1 {
			return errors.Join(append(done.Errs, err)...)
		}
		if last {
			return errors.New("the command found no room, and no deadlines were left")
		}
		last = done.Next > w.now
	}
}

// claims returns the facts that a model throws about; to sign them anew for
// each run would take most of the time.
func claims(t testing.TB) (facts []pay.Fact) {
	for n := range 55 {
		facts = append(facts, claim(t, n))
	}
	return facts
}

// pass lets time pass, forward or, as clocks are, back.
func (w *world) pass(by pay.Millis) {
	w.clock.move(by)
	w.elapsed += max(by, 0)
	w.now = max(w.now, pay.TimeOf(w.clock.now()))
}

// settle fires the model's deadlines.
func (w *world) settle() {
	for _, at := range slices.Sorted(maps.Keys(w.due)) {
		if at <= w.now {
			for _, p := range w.due[at] {
				w.comesDue(p, 0)
			}
			delete(w.due, at)
		}
	}
}

// comesDue is a deadline of payment p, or the result of an effect on it.
func (w *world) comesDue(p, effect int) {
	a := w.aside[p]
	switch {
	case a != nil:
		a.waits = append(a.waits, effect)
	case w.sick[p]:
		w.aside[p] = &modelAside{1, []int{effect}}
	default:
		w.take(effect)
	}
}

func (w *world) take(effect int) {
	w.handled++
	if effect > 0 {
		w.effects[effect-1].finished = true
	}
}

// retried is the model of Retry for the payments that which names.
func (w *world) retried(which func(p int) bool) {
	for p, a := range w.aside {
		switch {
		case !which(p):
		case w.sick[p]:
			a.tries++
		default:
			for _, effect := range a.waits {
				w.take(effect)
			}
			delete(w.aside, p)
		}
	}
}

// turn makes a payment sick or well.
func (w *world) turn(rt *rapid.T) {
	w.meet(rt)
	p := rapid.IntRange(0, 30).Draw(rt, "payment")
	if w.sick[p] = !w.sick[p]; w.sick[p] {
		w.role.fails(p, func() error { return errSick })
	} else {
		w.role.heal(p)
	}
}

// retry tries all again, or one.
func (w *world) retry(rt *rapid.T) {
	w.meet(rt)
	p := rapid.IntRange(-1, 30).Draw(rt, "payment")
	which := func(q int) bool { return p < 0 || p == q }
	left := 0
	for q := range w.aside {
		if which(q) && w.sick[q] {
			left++
		}
	}
	if w.steps {
		for q := range w.aside {
			if which(q) {
				if err := w.do(func(tx *store.Tx) error { _, _, err := tx.Retry(payment(q).Subject()); return err }); err != nil {
					rt.Fatal(err)
				}
			}
		}
	} else {
		var only []pay.Subject
		if p >= 0 {
			only = append(only, payment(p).Subject())
		}
		done, err := w.s.Retry(w.t.Context(), only...)
		if err != nil || len(done.Left) != left {
			rt.Fatalf("Retry = %+v, %v, want %d left", done, err, left)
		}
	}
	w.retried(which)
}

// finish hands in the result of an effect that may or may not be there.
func (w *world) finish(rt *rapid.T) {
	w.settle()
	n := rapid.IntRange(0, len(w.effects)+1).Draw(rt, "n")
	var first bool
	err := w.do(func(tx *store.Tx) (err error) {
		first, err = tx.Finish(uint64(n), []byte("result"))
		return err
	})
	if unknown := n == 0 || n > len(w.effects); unknown {
		if err == nil {
			rt.Errorf("effect %d of %d was finished", n, len(w.effects))
		}
		return
	}
	e := &w.effects[n-1]
	if err != nil || first == e.done {
		rt.Errorf("Finish(%d) = %v, %v, done before: %v", n, first, err, e.done)
	}
	if !e.done {
		e.done = true
		w.comesDue(e.payment, n)
	}
}

// command runs a script of single steps as one command, which fails at its end
// when fail is set.
func (w *world) command(rt *rapid.T, steps int, step func(tx *store.Tx) (apply func(), err error), fail bool) {
	w.settle()
	var effects []func()
	err := w.do(func(tx *store.Tx) error {
		effects = nil
		if tx.Now() != w.now {
			rt.Errorf("a command saw %d, want %d", tx.Now(), w.now)
		}
		for range steps {
			apply, err := step(tx)
			if err != nil {
				return err
			}
			effects = append(effects, apply)
		}
		if fail {
			return errModel
		}
		return nil
	})
	switch {
	case fail && !errors.Is(err, errModel), !fail && err != nil:
		rt.Fatalf("command: %v", err)
	case !fail:
		for _, apply := range effects {
			apply()
		}
	}
}

// meet fires all deadlines that have come: no command comes before them.
func (w *world) meet(rt *rapid.T) {
	if err := w.do(func(*store.Tx) error { return nil }); err != nil {
		rt.Fatal(err)
	}
	w.settle()
}

// scriptOf draws a command's steps before it runs, because it may run twice.
func scriptOf[T any](rt *rapid.T, gen *rapid.Generator[T]) (script []T, fail bool) {
	return rapid.SliceOfN(gen, 1, 5).Draw(rt, "script"), rapid.IntRange(0, 3).Draw(rt, "fail") == 0
}

type roleStep struct {
	Verb string
	Key  string
	N    int
	At   pay.Millis
}

func roleSteps() *rapid.Generator[roleStep] {
	return rapid.Custom(func(rt *rapid.T) roleStep {
		return roleStep{
			Verb: rapid.SampledFrom([]string{"put", "delete", "wake", "effect", "post", "post"}).Draw(rt, "verb"),
			Key:  rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key"),
			N:    rapid.IntRange(0, 30).Draw(rt, "n"),
			At:   pay.Millis(rapid.IntRange(-20, 60).Draw(rt, "at")),
		}
	})
}

// work runs one command of a role.
func (w *world) work(rt *rapid.T) {
	script, fail := scriptOf(rt, roleSteps())
	next := 0
	w.command(rt, len(script), func(tx *store.Tx) (func(), error) {
		st := script[next%len(script)]
		next++
		switch st.Verb {
		case "put":
			value := fmt.Sprint(st.N)
			return func() { w.rows[st.Key] = value }, tx.Put([]byte(st.Key), []byte(value))
		case "delete":
			return func() { delete(w.rows, st.Key) }, tx.Delete([]byte(st.Key))
		case "wake":
			at := tx.Now().Add(st.At)
			return func() { w.due[at] = append(w.due[at], st.N) }, tx.Wake(at, payment(st.N).Subject())
		case "effect":
			r := pay.Reaction{Effects: []pay.Effect{effect(st.N, st.Key)}}
			return func() { w.effects = append(w.effects, modelEffect{payment: st.N}) }, tx.Publish(r)
		default:
			f, scopes := w.claims[st.N], modelScopes(st.N)
			return func() { w.post(f.ID(), scopes) }, tx.Publish(postings(scopes, f))
		}
	}, fail)
}

func modelScopes(n int) []pay.Scope {
	return [][]pay.Scope{{"m/a"}, {"m/a", "w/b"}, {"s"}, {"w/b", "w/b"}}[n%4]
}

// post is the model of Tx.Post.
func (w *world) post(id pay.FactID, scopes []pay.Scope) {
	if w.o.Own == pay.ScopeRegistry {
		for _, scope := range scopes {
			w.publish(scope, id)
		}
		w.logged(id)
		return
	}
	for _, it := range w.queue[w.acked:] {
		if slices.Contains(it.facts, id) {
			return
		}
	}
	if slices.Contains(w.feeds[w.o.Own], id) {
		return
	}
	w.queue = append(w.queue, modelItem{[]pay.FactID{id}, w.elapsed})
	if w.open {
		w.sent = uint64(len(w.queue))
	}
}

func (w *world) publish(scope pay.Scope, id pay.FactID) {
	if slices.Contains(w.feeds[scope], id) {
		return
	}
	if len(w.feeds[scope]) == 0 && !w.first.IsZero() {
		w.feeds[scope] = append(w.feeds[scope], w.first)
		w.logged(w.first)
	}
	w.feeds[scope] = append(w.feeds[scope], id)
}

func (w *world) logged(id pay.FactID) {
	if !slices.Contains(w.log, id) {
		w.log = append(w.log, id)
	}
}

// check compares the store with the model.
func (w *world) check(rt *rapid.T) {
	w.meet(rt)
	if now := w.s.Now(); now != w.now {
		rt.Errorf("now %d, want %d", now, w.now)
	}
	rows, fired := map[string]string{}, 0
	view(w.t, w.s, func(v *store.View) error {
		return v.Scan(nil, nil, 0, func(key, value []byte) bool {
			if len(key) == 1 {
				rows[string(key)] = string(value)
			} else {
				fired += int(value[0])<<8 | int(value[1])
			}
			return true
		})
	})
	if fired != w.handled || !maps.Equal(rows, w.rows) {
		rt.Errorf("rows %v and %d deadlines and results, want %v and %d", rows, fired, w.rows, w.handled)
	}
	if got := logOf(w.t, w.s, 0); !slices.Equal(got, w.log) {
		rt.Errorf("log %v, want %v", got, w.log)
	}
	w.checkAside(rt)
	for _, scope := range []pay.Scope{"m/a", "w/b", "s", boxScope} {
		if got := feed(w.t, w.s, scope); !slices.Equal(got, w.feeds[scope]) {
			rt.Errorf("feed %s = %v, want %v", scope, got, w.feeds[scope])
		}
	}
	w.checkOutbox(rt)
	if findings, err := verified(w.t.Context(), w.s, nil); err != nil || len(findings) > 0 {
		rt.Errorf("Verify = %q, %v", findings, err)
	}
}

func (w *world) checkAside(rt *rapid.T) {
	list := asides(w.t, w.s)
	for _, a := range list {
		p := int(binary.BigEndian.Uint32(a.Subject.ID[:])) - 1
		if want := w.aside[p]; want == nil || a.Tries != want.tries || a.Waiting != len(want.waits) {
			rt.Errorf("set aside: %+v, want %+v", a, want)
		}
	}
	if len(list) != len(w.aside) {
		rt.Errorf("%d payments are set aside, want %d", len(list), len(w.aside))
	}
	var got, want []uint64
	unfinished := uint64(0)
	for i, e := range w.effects {
		if !e.done {
			want = append(want, uint64(i)+1)
		}
		if !e.finished {
			unfinished++
		}
	}
	view(w.t, w.s, func(v *store.View) error {
		if n, err := v.OpenEffects(); err != nil || n != unfinished {
			rt.Errorf("%d effects are open, %v, want %d", n, err, unfinished)
		}
		return v.Effects(0, func(n uint64, e pay.Effect) error {
			got = append(got, n)
			if e.Subject != payment(w.effects[n-1].payment).Subject() {
				rt.Errorf("effect %d is on %s", n, e.Subject)
			}
			return nil
		})
	})
	if !slices.Equal(got, want) {
		rt.Errorf("effects %v, want %v", got, want)
	}
}

func (w *world) checkOutbox(rt *rapid.T) {
	p := position(w.t, w.s)
	if p.Last != uint64(len(w.queue)) || p.Acked != w.acked || p.Head.Cursor.Seq != uint64(len(w.feeds[w.o.Own])) {
		rt.Errorf("position %+v, want %d of %d acknowledged", p, w.acked, len(w.queue))
	}
	got := outbox(w.t, w.s)
	if len(got) != len(w.queue[w.acked:]) {
		rt.Fatalf("%d items queued, want %d", len(got), len(w.queue[w.acked:]))
	}
	for i, it := range w.queue[w.acked:] {
		if got[i].N != w.acked+uint64(i)+1 || !slices.Equal(ids(got[i].Facts...), it.facts) {
			rt.Errorf("item %d is %v, want %v", got[i].N, ids(got[i].Facts...), it.facts)
		}
		if got[i].Age < 0 || got[i].Age > w.elapsed-it.stored {
			rt.Errorf("item %d is %d old, stored %d ago", got[i].N, got[i].Age, w.elapsed-it.stored)
		}
	}
}

func TestRegistryAgainstModel(t *testing.T) {
	t.Parallel()
	o, known := registryOptions(), claims(t)
	o.Authority = authority(t)
	rapid.Check(t, func(rt *rapid.T) {
		o := o
		o.Engine, o.Random = kv.NewMemory(), seeded(1)
		w := newWorld(t, o, known, rapid.Bool().Draw(rt, "steps"))
		defer w.stop()
		w.first = o.Authority.ID()
		applied, past := map[pay.Incarnation]uint64{}, map[pay.Incarnation]bool{}
		last := pay.Incarnation{}
		rt.Repeat(map[string]func(*rapid.T){
			"work":    w.work,
			"turn":    w.turn,
			"retry":   w.retry,
			"finish":  w.finish,
			"restart": func(*rapid.T) { w.restart() },
			"pass":    func(rt *rapid.T) { w.pass(pay.Millis(rapid.IntRange(-30, 50).Draw(rt, "by"))) },
			"apply": func(rt *rapid.T) {
				w.settle()
				inc := pay.Incarnation{byte(rapid.IntRange(1, 9).Draw(rt, "incarnation"))}
				first := rapid.Uint64Range(1, 5).Draw(rt, "first")
				var items []pay.Item
				for n := range rapid.Uint64Range(0, 4).Draw(rt, "items") {
					items = append(items, pay.Item{N: first + n, Facts: []pay.Fact{known[first+n]}})
				}
				have := applied[inc]
				if inc != last {
					have = 0
				}
				var done pay.Applied
				err := w.do(func(tx *store.Tx) (err error) {
					done, err = tx.Apply(pay.NodeID{1}, inc, items)
					return err
				})
				if past[inc] {
					if (err == nil) != (len(items) == 0) || err != nil && !errors.Is(err, pay.ErrReplaced) {
						rt.Fatalf("Apply of a replaced incarnation: %v", err)
					}
					return
				}
				if gap := len(items) > 0 && first > have+1; gap != errors.Is(err, pay.ErrGap) || (err != nil && !gap) {
					rt.Fatalf("Apply from %d with %d applied: %v", first, have, err)
				}
				if err != nil {
					return
				}
				if want := max(have, first+uint64(len(items))-1); len(items) > 0 && done.N != want {
					rt.Errorf("applied %d, want %d", done.N, want)
				}
				if done.N > have {
					if inc != last && applied[last] > 0 {
						past[last] = true
					}
					last = inc
					applied = map[pay.Incarnation]uint64{inc: done.N}
				}
				w.settle()
			},
			"": func(rt *rapid.T) { w.check(rt) },
		})
	})
}

func TestNodeAgainstModel(t *testing.T) {
	t.Parallel()
	known := claims(t)
	facts := known[15:] // the registry's feed: some of it is the node's own
	history := []pay.Cursor{{Epoch: pay.Epoch{1}}}
	for n, f := range facts {
		c := history[n]
		history = append(history, pay.Cursor{Epoch: c.Epoch, Seq: c.Seq + 1, Chain: c.Chain.Next(f.ID())})
	}
	rapid.Check(t, func(rt *rapid.T) {
		w := newWorld(t, nodeOptions(), known, rapid.Bool().Draw(rt, "steps"))
		defer w.stop()
		rt.Repeat(map[string]func(*rapid.T){
			"work":    w.work,
			"turn":    w.turn,
			"retry":   w.retry,
			"finish":  w.finish,
			"restart": func(*rapid.T) { w.restart() },
			"pass":    func(rt *rapid.T) { w.pass(pay.Millis(rapid.IntRange(-30, 50).Draw(rt, "by"))) },
			"session": func(rt *rapid.T) {
				w.settle()
				if err := w.do((*store.Tx).SessionOpened); err != nil {
					rt.Fatal(err)
				}
				w.open, w.sent = true, uint64(len(w.queue))
				if rapid.Bool().Draw(rt, "close") {
					w.s.Journal().SessionClosed()
					w.open = false
				}
			},
			"ack": func(rt *rapid.T) {
				w.settle()
				n := rapid.Uint64Range(0, uint64(len(w.queue))).Draw(rt, "n")
				inc := position(t, w.s).Incarnation
				for more := true; more; {
					err := w.do(func(tx *store.Tx) (err error) {
						more, err = tx.Acked(pay.Acked{Incarnation: inc, N: n})
						return err
					})
					if err != nil {
						rt.Fatal(err)
					}
				}
				w.acked = max(w.acked, n)
				w.sent = max(w.sent, n)
			},
			"attach": func(rt *rapid.T) {
				w.settle()
				w.attach(rt, known[rapid.IntRange(0, 30).Draw(rt, "to")], known[rapid.IntRange(0, 30).Draw(rt, "fact")])
			},
			"mirror": func(rt *rapid.T) {
				w.settle()
				from := rapid.IntRange(0, len(facts)).Draw(rt, "from")
				to := min(from+rapid.IntRange(0, 6).Draw(rt, "entries"), len(facts))
				have := len(w.feeds[boxScope])
				err := w.do(func(tx *store.Tx) error {
					_, err := tx.Mirror(history[from], facts[from:to])
					return err
				})
				if gap := from > have; gap != errors.Is(err, store.ErrFeed) || (err != nil && !gap) {
					rt.Fatalf("Mirror from %d with %d there: %v", from, have, err)
				}
				if err == nil && to > have {
					w.feeds[boxScope] = ids(facts[:to]...)
				}
			},
			"": func(rt *rapid.T) { w.check(rt) },
		})
	})
}

func (w *world) attach(rt *rapid.T, to, f pay.Fact) {
	want := false
	for n := w.acked; n < uint64(len(w.queue)); n++ {
		it := &w.queue[n]
		if !slices.Contains(it.facts, to.ID()) || n < w.sent {
			continue
		}
		switch held := w.holds(f.ID()); {
		case held == n+1:
			want = true
		case held == 0 && len(it.facts) < pay.ItemFactsMax:
			it.facts = append(it.facts, f.ID())
			want = true
		}
		break
	}
	var got bool
	err := w.do(func(tx *store.Tx) (err error) {
		got, err = tx.Attach(to.ID(), f)
		return err
	})
	if err != nil && pay.CodeOf(err) != pay.CodeTooMany {
		rt.Fatal(err)
	}
	if got != want {
		rt.Errorf("Attach = %v, want %v", got, want)
	}
}

// holds returns the number of the queued item with a fact, 0 if none.
func (w *world) holds(id pay.FactID) uint64 {
	for n := w.acked; n < uint64(len(w.queue)); n++ {
		if slices.Contains(w.queue[n].facts, id) {
			return n + 1
		}
	}
	return 0
}
