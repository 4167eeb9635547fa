package kvtest

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/store/kv"
)

// model is the expected content of the engine. It is as simple as possible: a map
// that is sorted when an order is needed.
type model map[string]string

func (m model) keys(from, to *string, limit int) []string {
	keys := []string{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if from != nil && key < *from || to != nil && key >= *to {
			continue
		}
		if limit > 0 && len(keys) == limit {
			break
		}
		keys = append(keys, key)
	}
	return keys
}

func (m model) scan(from, to *string, limit int) []string {
	pairs := m.keys(from, to, limit)
	for i, key := range pairs {
		pairs[i] = key + "=" + m[key]
	}
	return pairs
}

// step is one operation inside a transaction. They are drawn before the
// transaction runs, because its function may run more than once.
type step struct {
	op       string
	key      string
	value    string
	from, to *string
	limit    int
}

// keys are drawn from few short strings, so that steps often use the same key.
func keys() *rapid.Generator[string] {
	return rapid.StringOfN(rapid.SampledFrom([]rune{0, 'a', 'b', 0x7f}), 0, 3, -1)
}

func steps(ops ...string) *rapid.Generator[[]step] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
		return step{
			op:    rapid.SampledFrom(ops).Draw(t, "op"),
			key:   keys().Draw(t, "key"),
			value: rapid.StringN(0, 3, -1).Draw(t, "value"),
			from:  rapid.Ptr(keys(), true).Draw(t, "from"),
			to:    rapid.Ptr(keys(), true).Draw(t, "to"),
			limit: rapid.IntRange(-1, 4).Draw(t, "limit"),
		}
	}), 0, 12)
}

func bytesOf(s *string) []byte {
	if s == nil {
		return nil
	}
	return []byte(*s)
}

// read performs a reading step and compares the answer with the model's.
func (st step) read(r kv.Reader, m model) error {
	if st.op == "get" {
		value, there := m[st.key]
		return get(r, map[bool]string{true: st.key + "=" + value, false: "-" + st.key}[there])
	}
	got, err := scan(r, bytesOf(st.from), bytesOf(st.to), st.limit, 0)
	if want := m.scan(st.from, st.to, st.limit); err == nil && !slices.Equal(got, want) {
		err = fmt.Errorf("scan [%q, %q) limit %d = %q, want %q",
			bytesOf(st.from), bytesOf(st.to), st.limit, got, want)
	}
	return err
}

func (st step) run(tx kv.Tx, m model) error {
	switch st.op {
	case "put":
		m[st.key] = st.value
		return tx.Put([]byte(st.key), []byte(st.value))
	case "delete":
		delete(m, st.key)
		return tx.Delete([]byte(st.key))
	case "sweep":
		return st.sweep(tx, m)
	}
	return st.read(tx, m)
}

// sweep deletes a range from inside a Scan over it and puts the step's key for
// each key of the range.
func (st step) sweep(tx kv.Tx, m model) error {
	for _, key := range m.keys(st.from, st.to, st.limit) {
		delete(m, key)
		m[st.key] = st.value
	}
	var inner error
	err := tx.Scan(bytesOf(st.from), bytesOf(st.to), st.limit, func(key, _ []byte) bool {
		inner = errors.Join(tx.Delete(key), tx.Put([]byte(st.key), []byte(st.value)))
		return inner == nil
	})
	return errors.Join(err, inner)
}

// checkedEngine is an engine and its expected content.
type checkedEngine struct {
	engine kv.Engine
	model  model
}

// update runs the steps in one transaction, which commits, or fails if commit is
// false.
func (w *checkedEngine) update(steps []step, commit bool) error {
	var after model
	undo := errors.New("undo")
	err := w.engine.Update(context.Background(), func(tx kv.Tx) error {
		after = maps.Clone(w.model)
		for _, st := range steps {
			if err := st.run(tx, after); err != nil {
				return err
			}
		}
		if err := w.view(nil); err != nil {
			return fmt.Errorf("beside an update: %w", err)
		}
		if !commit {
			return undo
		}
		return nil
	})
	if !commit && errors.Is(err, undo) {
		return nil
	}
	w.model = after
	return err
}

// view runs the reading steps and compares the whole content.
func (w *checkedEngine) view(steps []step) error {
	return w.engine.View(context.Background(), func(r kv.Reader) error {
		return w.compare(r, w.model, steps)
	})
}

// hold opens a view, commits an update at the same time and then checks that the
// view is unchanged.
func (w *checkedEngine) hold(writes, reads []step) error {
	return w.engine.View(context.Background(), func(r kv.Reader) error {
		before := w.model
		if err := w.update(writes, true); err != nil {
			return err
		}
		return w.compare(r, before, reads)
	})
}

func (w *checkedEngine) compare(r kv.Reader, m model, steps []step) error {
	for _, st := range append(steps, step{op: "scan"}) {
		if err := st.read(r, m); err != nil {
			return err
		}
	}
	return nil
}

func testModel(t *testing.T, s suite) {
	w := &checkedEngine{engine: s.open(t)}
	defer func() { _ = w.engine.Close() }()
	actions := []string{"commit", "commit", "commit", "fail", "view", "hold"}
	if s.reopen != nil {
		actions = append(actions, "reopen")
	}
	writing := steps("put", "put", "put", "delete", "delete", "get", "scan", "scan", "sweep")
	reading := steps("get", "scan")
	rapid.Check(t, func(rt *rapid.T) {
		w.model = model{}
		err := w.engine.Update(context.Background(), clearAll)
		for range rapid.IntRange(1, 6).Draw(rt, "transactions") {
			if err != nil {
				break
			}
			switch rapid.SampledFrom(actions).Draw(rt, "action") {
			case "commit":
				err = w.update(writing.Draw(rt, "steps"), true)
			case "fail":
				err = w.update(writing.Draw(rt, "steps"), false)
			case "hold":
				err = w.hold(writing.Draw(rt, "writes"), reading.Draw(rt, "reads"))
			case "reopen":
				w.engine = s.reopen(t, w.engine)
			}
			if err == nil {
				err = w.view(reading.Draw(rt, "reads"))
			}
		}
		if err != nil {
			rt.Fatal(err)
		}
	})
}
