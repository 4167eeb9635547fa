package device_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// running runs a device until the returned function is called, which returns
// Run's error.
func running(t *testing.T, d *device.Device, air device.Broadcaster) (stop func() error) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- d.Run(ctx, air) }()
	return func() error {
		cancel()
		return <-ended
	}
}

func boundState(t *testing.T, k pay.Exponent, counter device.Reading) (device.State, pay.IdentityKey) {
	t.Helper()
	resolver, s := published(t, k, counter)
	s.Binding = &device.Binding{Registry: pay.NodeID{7}, Resolver: resolver, Wallet: key(t, 1).Public(), Type: pay.TypeTag}
	ik, err := s.IdentityKey(resolver)
	if err != nil {
		t.Fatal(err)
	}
	return s, ik
}

func TestRunBroadcastsEachStepOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, ik := boundState(t, 6, 65_282_000)
		s.At = pay.TimeOf(time.Now())
		b := &bench{}
		stop := running(t, b.open(t, s, time.Now), b)
		time.Sleep(10 * 64 * time.Second)
		synctest.Wait()
		codes, now := b.air()
		if err := stop(); err != nil {
			t.Fatal(err)
		}
		if len(codes) != 11 || now != codes[10] {
			t.Fatalf("%d codes in ten steps, %v on the air", len(codes), now)
		}
		for i, c := range codes {
			if want := pay.CodeAt(ik, 6, pay.Step(1020+i)); c != want {
				t.Errorf("code %d is %v, want %v", i, c, want)
			}
		}
		if b.keeps != 11 || b.kept.Counter < 65_282_000+9*64_000 {
			t.Errorf("kept %d times, last at %d", b.keeps, b.kept.Counter)
		}
		if _, now := b.air(); now != (pay.Code{}) {
			t.Error("a code is on the air after Run")
		}
	})
}

func TestRunIsSilentUnlessBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, s := published(t, 6, 0)
		s.At = pay.TimeOf(time.Now())
		b := &bench{}
		r := &rig{bench: b, key: key(t, 1)}
		r.device = r.open(t, s, time.Now)
		stop := running(t, r.device, b)
		time.Sleep(25 * time.Minute)
		synctest.Wait()
		if codes, _ := b.air(); len(codes) != 0 || len(b.events) != 3 {
			t.Fatalf("unpaired for 25 minutes: %d codes, %d PINs", len(codes), len(b.events))
		}
		if _, err := r.pair(t, r.shown(t).PIN, r.key); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, now := b.air(); now == (pay.Code{}) {
			t.Error("bound, and silent")
		}
		if err := r.device.Release(r.key.Public()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if _, now := b.air(); now != (pay.Code{}) {
			t.Error("released, and on the air")
		}
		if last := b.events[len(b.events)-1]; last.Kind != device.EventPairing {
			t.Errorf("after the release the device shows %+v", last)
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// A code must not be sent if the counter could not be stored: a restart might send
// it again, or an older one.
func TestRunKeepsBeforeItBroadcasts(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := boundState(t, 6, 0)
		s.At = pay.TimeOf(time.Now())
		b := &bench{}
		d := b.open(t, s, time.Now)
		ended := make(chan error, 1)
		go func() { ended <- d.Run(t.Context(), b) }()
		synctest.Wait()
		b.mu.Lock()
		b.fail = errDisk
		b.mu.Unlock()
		if err := <-ended; !errors.Is(err, errDisk) {
			t.Fatalf("run ended with %v", err)
		}
		if codes, now := b.air(); len(codes) != 1 || now != (pay.Code{}) {
			t.Errorf("%d codes were sent, %v is on the air", len(codes), now)
		}
	})
}

type deafAir struct{ err error }

func (a deafAir) Broadcast(context.Context, pay.Code) error { return a.err }

func TestRunSaysThatTheAirFailedAtTheStart(t *testing.T) {
	t.Parallel()
	broken := errors.New("radio is gone")
	for _, err := range []error{broken, nil} {
		s, _ := boundState(t, 6, 0)
		b := &bench{}
		got := b.open(t, s, time.Now).Run(t.Context(), deafAir{err})
		if got == nil || err != nil && !errors.Is(got, err) {
			t.Errorf("the air returned %v, Run %v", err, got)
		}
	}
}

// weakAir fails while it is broken, and records each attempt.
type weakAir struct {
	*bench
	broken  error // guarded by the mutex of bench
	breaks  chan struct{}
	refused []pay.Code
}

func (a *weakAir) Broadcast(ctx context.Context, c pay.Code) error {
	a.mu.Lock()
	err := a.broken
	if err != nil {
		a.refused = append(a.refused, c)
	}
	a.mu.Unlock()
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	go func() {
		select {
		case <-a.breaks:
			cancel(errGone)
		case <-ctx.Done():
		}
	}()
	_ = a.bench.Broadcast(ctx, c)
	if cause := context.Cause(ctx); errors.Is(cause, errGone) {
		return cause
	}
	return nil
}

var errGone = errors.New("radio is gone")

func (a *weakAir) set(err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.broken = err
}

// attempts returns the codes that were refused so far.
func (a *weakAir) attempts() []pay.Code {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.refused)
}

func (a *weakAir) told() (n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, e := range a.events {
		if e.Kind == device.EventSilent && errors.Is(e.Err, errGone) {
			n++
		}
	}
	return n
}

// If the radio fails while the device runs, that is reported once in an episode,
// and broadcasting is tried again, at least with each code.
func TestRunOutlivesAnAirThatFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := boundState(t, 6, 65_282_000)
		s.At = pay.TimeOf(time.Now())
		a := &weakAir{bench: &bench{}, breaks: make(chan struct{})}
		stop := running(t, a.open(t, s, time.Now), a)
		time.Sleep(20 * time.Second)
		for episode := range 3 {
			a.set(errGone)
			a.breaks <- struct{}{}
			before := len(a.attempts())
			time.Sleep(10 * 64 * time.Second)
			synctest.Wait()
			if _, now := a.air(); now != (pay.Code{}) {
				t.Error("a broken radio broadcasts")
			}
			refused := a.attempts()[before:]
			if codes := len(slices.Compact(slices.Clone(refused))); codes < 10 || len(refused) > 60 {
				t.Errorf("episode %d: %d attempts with %d codes in ten steps", episode, len(refused), codes)
			}
			a.set(nil)
			time.Sleep(64 * time.Second)
			synctest.Wait()
			if _, now := a.air(); now == (pay.Code{}) {
				t.Error("the radio is back, and the device silent")
			}
			time.Sleep(64 * time.Second) // until a code has ended well
			if n := a.told(); n != episode+1 {
				t.Errorf("told %d times in %d episodes", n, episode+1)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// A device that is paired while its radio does not work keeps running as well.
func TestRunOutlivesAnAirThatFailsOnceBound(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		_, s := published(t, 6, 0)
		s.At = pay.TimeOf(time.Now())
		a := &weakAir{bench: &bench{}, broken: errGone}
		r := &rig{bench: a.bench, key: key(t, 1)}
		r.device = r.open(t, s, time.Now)
		stop := running(t, r.device, a)
		synctest.Wait()
		if _, err := r.pair(t, r.shown(t).PIN, r.key); err != nil {
			t.Fatal(err)
		}
		time.Sleep(3 * time.Second)
		a.set(nil)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		if _, now := a.air(); now == (pay.Code{}) || a.told() != 1 {
			t.Errorf("%v on the air, told %d times", now, a.told())
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

func TestRunEndsWithTheCounter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := boundState(t, 6, device.ReadingMax-200_000)
		s.At = pay.TimeOf(time.Now())
		b := &bench{}
		err := b.open(t, s, time.Now).Run(t.Context(), b)
		wantCode(t, "after the last step", err, pay.CodeConfig)
		if codes, _ := b.air(); len(codes) < 3 || len(codes) > 5 {
			t.Errorf("%d codes in the last 200 s", len(codes))
		}
	})
}

// life is one run of a device: how long it runs, how wrong its wall clock is
// and how long it is off afterwards.
type life struct{ runs, wrong, off time.Duration }

// stepAir records the step of each code that is sent: that of the stored counter,
// which Run updates just before.
type stepAir struct {
	*bench
	t     *testing.T
	ik    pay.IdentityKey
	steps []pay.Step
}

func (a *stepAir) Broadcast(ctx context.Context, c pay.Code) error {
	a.mu.Lock()
	turn := device.TurnAt(a.ik, a.kept.Exponent, a.kept.Counter)
	a.steps = append(a.steps, turn.Step)
	a.mu.Unlock()
	if c != turn.Code {
		a.t.Errorf("code %v is sent, the kept counter says %v", c, turn.Code)
	}
	<-ctx.Done()
	return nil
}

// TestNoOldCodeAfterRestarts runs devices through crashes and wrong clocks, and
// checks only the codes on the air.
func TestNoOldCodeAfterRestarts(t *testing.T) {
	t.Parallel()
	span := func(low, high time.Duration) *rapid.Generator[time.Duration] {
		return rapid.Map(rapid.Int64Range(int64(low/time.Millisecond), int64(high/time.Millisecond)), func(ms int64) time.Duration {
			return time.Duration(ms) * time.Millisecond
		})
	}
	lives := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) life {
		return life{
			runs:  span(0, 3*time.Minute).Draw(t, "runs"),
			wrong: rapid.OneOf(rapid.Just(time.Duration(0)), span(-10*time.Second, 10*time.Second), span(-20*24*time.Hour, 20*24*time.Hour), rapid.Just(200*365*24*time.Hour)).Draw(t, "wrong"),
			off:   span(0, 3*time.Minute).Draw(t, "off"),
		}
	}), 1, 8)
	rapid.Check(t, func(rt *rapid.T) {
		k := pay.Exponent(rapid.IntRange(4, 7).Draw(rt, "k"))
		story := lives.Draw(rt, "lives")
		var steps []pay.Step
		synctest.Test(t, func(t *testing.T) {
			air := &stepAir{bench: &bench{}, t: t}
			air.kept, air.ik = boundState(t, k, 1_000_000)
			air.kept.At = pay.TimeOf(time.Now())
			for _, l := range story {
				d := air.open(t, air.kept, func() time.Time { return time.Now().Add(l.wrong) })
				stop := running(t, d, air)
				time.Sleep(l.runs)
				synctest.Wait()
				if err := stop(); err != nil {
					t.Errorf("run ended with %v", err)
				}
				time.Sleep(l.off)
			}
			steps = air.steps
		})
		if len(steps) < len(story) {
			rt.Fatalf("%d codes in %d lives", len(steps), len(story))
		}
		if !slices.IsSorted(steps) {
			rt.Fatalf("an older code came after a newer one: steps %v", steps)
		}
	})
}
