package paysync

import (
	"bytes"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

func TestRedialAfter(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	cases := []struct {
		name     string
		try      int
		away     time.Duration
		from, to time.Duration
	}{
		{"the first try comes at once", 0, 0, 0, 0},
		{"the second soon", 1, 0, 25 * ms, 50 * ms},
		{"then twice as long", 2, 0, 50 * ms, 100 * ms},
		{"and so on", 5, time.Second, 400 * ms, 800 * ms},
		{"up to 2 s", 7, 10 * time.Second, time.Second, 2 * time.Second},
		{"in the first minute", 40, time.Minute, time.Second, 2 * time.Second},
		{"then longer", 50, 2 * time.Minute, 4750 * ms, 9500 * ms},
		{"up to 30 s", 60, time.Hour, 15 * time.Second, 30 * time.Second},
		{"for ever", 1 << 40, 1000 * time.Hour, 15 * time.Second, 30 * time.Second},
		{"a short absence after a long one", 1, time.Hour, 25 * ms, 50 * ms},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if got := redialAfter(c.try, c.away, 0); got != c.from {
				t.Errorf("without jitter %v, want %v", got, c.from)
			}
			if got := redialAfter(c.try, c.away, 0.999999999999); got < c.from || got > c.to || c.to-got > time.Microsecond {
				t.Errorf("with full jitter %v, want just below %v", got, c.to)
			}
		})
	}
}

func TestDialWithin(t *testing.T) {
	t.Parallel()
	for try, want := range map[int]time.Duration{0: 2 * time.Second, 1: 4 * time.Second, 2: 8 * time.Second, 3: 15 * time.Second, 1 << 40: 15 * time.Second} {
		if got := dialWithin(try); got != want {
			t.Errorf("try %d: %v, want %v", try, got, want)
		}
	}
}

func TestJitterFrom(t *testing.T) {
	t.Parallel()
	low, err := jitterFrom(bytes.NewReader(make([]byte, 8)))
	if err != nil || low != 0 {
		t.Errorf("got %v, %v", low, err)
	}
	high, err := jitterFrom(bytes.NewReader(bytes.Repeat([]byte{255}, 8)))
	if err != nil || high >= 1 || high < 0.999999 {
		t.Errorf("got %v, %v", high, err)
	}
	if _, err := jitterFrom(bytes.NewReader(nil)); err == nil {
		t.Error("no randomness, and no error")
	}
}

func TestPingEveryFor(t *testing.T) {
	t.Parallel()
	for nodes, want := range map[int]pay.Millis{0: 2_000, 500: 2_000, 501: 5_000, 2_000: 5_000, 2_001: 25_000, 20_000: 25_000} {
		if got := pingEveryFor(nodes); got != want {
			t.Errorf("%d nodes: %d ms, want %d", nodes, got, want)
		}
	}
}

func TestWindow(t *testing.T) {
	t.Parallel()
	var w window
	w.start(10, 3, 100)
	if !w.fits(1_000) {
		t.Error("alone, any size fits")
	}
	w.send(60)
	if w.fits(41) || !w.fits(40) || w.room() != 2 {
		t.Errorf("room %d", w.room())
	}
	w.send(40)
	if w.room() != 0 || w.fits(0) {
		t.Errorf("a full window has room %d", w.room())
	}
	if w.ack(13) || w.ack(9) || !w.ack(11) || w.bytes != 40 || w.room() != 2 {
		t.Errorf("after one ack: %+v", w)
	}
	for range 2 {
		if !w.ack(12) || w.bytes != 0 || w.sent != 12 {
			t.Errorf("after all acks: %+v", w)
		}
	}
}

func TestKeyringFollowsTheRootAcrossAChangeOfKey(t *testing.T) {
	t.Parallel()
	key := func(seed byte) pay.Key {
		k, err := pay.KeyFromSeed(bytes.Repeat([]byte{seed}, 32))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	sign := func(k pay.Key, b pay.Body) []byte {
		f, err := pay.Sign(k, b)
		if err != nil {
			t.Fatal(err)
		}
		return f.Raw()
	}
	root, first, second, thief := key(1), key(2), key(3), key(4)
	grant := func(by, to pay.Key) []byte {
		return sign(by, pay.Authority{Root: by.Public(), Working: to.Public(), Until: 10})
	}
	ring := newKeyring(root.ID())
	steps := []struct {
		name string
		raw  []byte
		ok   bool
	}{
		{"no key has an authority", sign(first, pay.Refusal{}), false},
		{"the root grants the first key", grant(root, first), true},
		{"the first key signs", sign(first, pay.Refusal{}), true},
		{"the second has no authority yet", sign(second, pay.Refusal{}), false},
		{"a thief's own root grants nothing", grant(thief, thief), false},
		{"an authority in the root's name, signed by another", sign(thief, pay.Authority{Root: root.Public(), Working: thief.Public(), Until: 10}), false},
		{"so the thief signs nothing", sign(thief, pay.Refusal{}), false},
		{"the root grants the second key", grant(root, second), true},
		{"the second key signs", sign(second, pay.Refusal{}), true},
		{"old entries of the first still verify", sign(first, pay.Refusal{}), true},
		{"the root itself decides nothing", sign(root, pay.Refusal{}), false},
	}
	for _, s := range steps {
		if _, _, err := ring.openAll([][]byte{s.raw}); s.ok != (err == nil) {
			t.Errorf("%s: %v", s.name, err)
		}
	}
}
