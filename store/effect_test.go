package store_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/kv"
)

// effect is one on payment n.
func effect(n int, body string) pay.Effect {
	return pay.Effect{Kind: "acquirer", Subject: payment(n).Subject(), Body: []byte(body)}
}

func ask(effects ...pay.Effect) func(tx *store.Tx) error {
	return func(tx *store.Tx) error { return tx.Publish(pay.Reaction{Effects: effects}) }
}

func finish(t testing.TB, s *store.Store, n uint64, result string) (first bool) {
	t.Helper()
	first, err := s.Finish(t.Context(), n, []byte(result))
	if err != nil {
		t.Fatal(err)
	}
	return first
}

// effects returns those without a result, as number, payment and body.
func effects(t testing.TB, s *store.Store, after uint64) (text string) {
	t.Helper()
	view(t, s, func(v *store.View) error {
		return v.Effects(after, func(n uint64, e pay.Effect) error {
			text += fmt.Sprintf("%d %s; ", n, e.Body)
			return nil
		})
	})
	return text
}

// clerk is a registry's role that asks for an effect for each deadline and
// publishes a fact for each result.
func clerk(t testing.TB) reactor {
	return func(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
		switch in := in.(type) {
		case pay.DeadlineReached:
			return pay.Reaction{Effects: []pay.Effect{{Kind: "acquirer", Subject: in.Subject, Body: []byte("capture")}}}, nil
		case pay.EffectDone:
			if err := rows.Put([]byte("result "+in.Effect.Subject.Short()), in.Result); err != nil {
				return pay.Reaction{}, err
			}
			p, _ := in.Effect.Subject.Payment()
			f := sign(t, 1, pay.Cancel{Payment: p, Created: 77})
			return postings([]pay.Scope{"m/a", "w/b"}, f), count(rows, "done "+in.Effect.Subject.Short())
		}
		return pay.Reaction{}, nil
	}
}

// An effect is stored with what asks for it, and its result with what follows
// from it.
func TestEffectIsAskedForAndFinished(t *testing.T) {
	t.Parallel()
	o := registryOptions()
	o.Engine, o.Reactor = twice(o.Engine), clerk(t)
	s, stop := start(t, o)
	told, unwatch := s.WatchEffects()
	defer unwatch()
	do(t, s, wake(noon, payment(1)))
	do(t, s, wake(noon, payment(2)))
	do(t, s, func(*store.Tx) error { return nil })
	if got := effects(t, s, 0); got != "1 capture; 2 capture; " || !given(told) {
		t.Errorf("effects %q", got)
	}
	errNo := errors.New("no")
	if err := s.Do(t.Context(), func(tx *store.Tx) error { return errors.Join(ask(effect(3, "in vain"))(tx), errNo) }); !errors.Is(err, errNo) {
		t.Fatal(err)
	}
	if given(told) {
		t.Error("a command that failed gave a token")
	}
	do(t, s, ask(effect(3, "three"), effect(3, "four")))
	if got := effects(t, s, 1); got != "2 capture; 3 three; 4 four; " {
		t.Errorf("effects %q", got)
	}
	given(told)
	if !finish(t, s, 2, "paid") {
		t.Error("finishing was not the first time")
	}
	if !given(told) || effects(t, s, 0) != "1 capture; 3 three; 4 four; " {
		t.Errorf("effects %q", effects(t, s, 0))
	}
	stop()
	s, _ = start(t, o)
	for range 2 {
		if finish(t, s, 2, "refused") {
			t.Error("finishing again was taken for the first time")
		}
	}
	if n := counted(t, s, "done "+payment(2).Subject().Short()); n != 1 {
		t.Errorf("the role saw the result %d times", n)
	}
	view(t, s, func(v *store.View) error {
		got, _, err := v.Get([]byte("result " + payment(2).Subject().Short()))
		if string(got) != "paid" {
			t.Errorf("result %q", got)
		}
		return err
	})
	if len(feed(t, s, "m/a")) != 1 || len(logOf(t, s, 0)) != 1 {
		t.Errorf("feed %v, log %v", feed(t, s, "m/a"), logOf(t, s, 0))
	}
	for n, result := range map[uint64]string{0: "", 5: "", 1: strings.Repeat("x", pay.EffectBytesMax+1)} {
		if _, err := s.Finish(t.Context(), n, []byte(result)); err == nil {
			t.Errorf("effect %d was finished with %d bytes", n, len(result))
		}
	}
	if !finish(t, s, 1, strings.Repeat("x", pay.EffectBytesMax)) {
		t.Error("the largest result was not taken")
	}
	for _, bad := range []pay.Effect{{}, {Kind: "acquirer"}, {Kind: "acquirer", Subject: payment(1).Subject(), Body: make([]byte, pay.EffectBytesMax+1)}} {
		if err := s.Do(t.Context(), ask(bad)); err == nil {
			t.Errorf("effect %+v was stored", bad)
		}
	}
	sound(t, s)
}

// A result that the role fails on sets its subject aside and is kept: the effect
// is not carried out again, and the role gets the result when it is tried again.
func TestResultThatFailsIsSetAside(t *testing.T) {
	t.Parallel()
	role := newWard(1)
	o := registryOptions()
	o.Engine, o.Reactor = twice(o.Engine), role
	s, stop := start(t, o)
	do(t, s, ask(effect(1, "one"), effect(2, "two"), effect(1, "three")))
	if !finish(t, s, 1, "paid") || !finish(t, s, 2, "paid") {
		t.Error("finishing was not the first time")
	}
	if list := asides(t, s); len(list) != 1 || list[0].Subject != payment(1).Subject() || !strings.Contains(list[0].Err, errSick.Error()) {
		t.Errorf("set aside: %+v", list)
	}
	if finish(t, s, 1, "again") {
		t.Error("a result that waits was replaced")
	}
	do(t, s, wake(noon, payment(1)))
	if !finish(t, s, 3, "paid") {
		t.Error("a result behind one that waits was not taken")
	}
	if got := effects(t, s, 0); got != "" {
		t.Errorf("effects %q", got)
	}
	if list := asides(t, s); len(list) != 1 || list[0].Waiting != 3 {
		t.Errorf("set aside: %+v", list)
	}
	sound(t, s)
	stop()
	role.heal(1)
	s, _ = start(t, o)
	told, unwatch := s.WatchEffects()
	defer unwatch()
	do(t, s, func(*store.Tx) error { return nil })
	given(told)
	if n := fired(t, s, payment(1)); n != 3 || len(asides(t, s)) != 0 {
		t.Errorf("the role took %d in, set aside %+v", n, asides(t, s))
	}
	view(t, s, func(v *store.View) error {
		if n, err := v.OpenEffects(); n != 0 || err != nil {
			t.Errorf("%d effects are open, %v", n, err)
		}
		return nil
	})
	sound(t, s)
}

// A result whose consequences no transaction can hold is set aside as well.
func TestResultThatIsTooBigIsSetAside(t *testing.T) {
	t.Parallel()
	const most = 8
	o := registryOptions()
	inner := o.Engine
	o.Engine = &engine{inner, func(ctx context.Context, fn func(kv.Tx) error) error {
		return inner.Update(ctx, func(tx kv.Tx) error {
			few := &fewRows{Tx: tx, left: most}
			return errors.Join(fn(few), tooMany(few))
		})
	}}
	o.Reactor = reactor(func(rows pay.WritableRows, _ pay.Time, in pay.Input) (r pay.Reaction, err error) {
		if _, ok := in.(pay.EffectDone); ok {
			for n := range most {
				err = errors.Join(err, rows.Put([]byte(fmt.Sprint(n)), nil))
			}
		}
		return r, err
	})
	s, _ := start(t, o)
	do(t, s, ask(effect(1, "one")))
	if !finish(t, s, 1, "paid") || finish(t, s, 1, "paid") || !isAside(t, s, 1) {
		t.Error("the result is not set aside")
	}
	sound(t, s)
}

func tooMany(f *fewRows) error {
	if f.left < 0 {
		return kv.ErrTooBig
	}
	return nil
}
