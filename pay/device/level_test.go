package device_test

import (
	"crypto/rand"
	"testing"
	"testing/synctest"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// TestLevelChangesWithTheCode: a level holds from the next code on and never beside
// one that stays, across restarts either.
func TestLevelChangesWithTheCode(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s, _ := boundState(t, 6, 65_282_000)
		s.At = pay.TimeOf(time.Now())
		b := &bench{}
		d := b.open(t, s, time.Now)
		stop := running(t, d, b)
		synctest.Wait()
		beside := map[pay.Code]pay.Level{}
		look := func() {
			t.Helper()
			synctest.Wait()
			_, c := b.air()
			if before, known := beside[c]; known && before != d.Level() {
				t.Fatalf("beside %v the level changed from %d to %d", c, before, d.Level())
			}
			beside[c] = d.Level()
		}
		for n, l := range []pay.Level{4, -4, -4, 0, 4} {
			look()
			was := d.Level()
			from, err := d.Meet(key(t, 1).Public(), exporter).SetLevel(l)
			if err != nil || (from == 0) != (was == l) || from > 66_000 {
				t.Fatalf("change %d to %d: in %d ms, %v", n, l, from, err)
			}
			look()
			if err := stop(); err != nil { // restarted within the step
				t.Fatal(err)
			}
			d = b.open(t, b.kept, time.Now)
			stop = running(t, d, b)
			look()
			time.Sleep(from.Std() + time.Millisecond)
			look()
			if d.Level() != l {
				t.Fatalf("change %d: states %d, want %d", n, d.Level(), l)
			}
		}
		if err := stop(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestWhoMaySetALevel: the wallet that the device is bound to, within the bounds, and
// not where its power was set by who started it. A device that is released or made
// anew goes back to its factory value.
func TestWhoMaySetALevel(t *testing.T) {
	t.Parallel()
	s, _ := boundState(t, 6, 65_282_000)
	b := &bench{}
	d := b.open(t, s, time.Now)
	meet := func(by byte) *device.Session { return d.Meet(key(t, by).Public(), exporter) }
	_, err := meet(2).SetLevel(4)
	wantCode(t, "another wallet", err, pay.CodeBound)
	for _, l := range []pay.Level{1, -2, 8, -8, 12, 127, -128} {
		_, err = meet(1).SetLevel(l)
		wantCode(t, "out of bounds", err, pay.CodeUsage)
	}
	if b.keeps != 0 {
		t.Errorf("refused, and stored %+v", b.kept.Level)
	}
	fixed, err := device.Open(device.Options{State: s, Fixed: true, Now: time.Now, Random: rand.Reader, Keep: b.keep})
	if err != nil {
		t.Fatal(err)
	}
	_, err = fixed.Meet(key(t, 1).Public(), exporter).SetLevel(4)
	wantCode(t, "started with a power of its own", err, pay.CodeNotAvailable)
	_, err = meet(1).SetLevel(4)
	wantCode(t, "its wallet", err, "")
	set := b.kept
	if next, err := set.Forget(rand.Reader, 0); err != nil || next.Level != s.Level {
		t.Errorf("made anew it has %+v, %v", next.Level, err)
	}
	if err := d.Release(key(t, 1).Public()); err != nil {
		t.Fatal(err)
	}
	if got := b.kept; got.Level.Next != 0 {
		t.Errorf("released it goes on to %+v", got.Level)
	}
	_, err = meet(1).SetLevel(0)
	wantCode(t, "unpaired", err, pay.CodePIN)
}
