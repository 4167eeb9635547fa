package paysync

import (
	"slices"
	"testing"
	"time"
)

// pinged runs a pinger from one moment to another with a registry that answers at
// once, and returns when it pinged, since the beginning.
func pinged(t *testing.T, p *pinger, begin time.Time, from, to time.Duration) (at []time.Duration) {
	t.Helper()
	for now := begin.Add(from); ; {
		if wake := p.wake(); wake.After(now) {
			now = wake
		}
		if now.After(begin.Add(to)) {
			return at
		}
		nonce, due, dead := p.tick(now, 0)
		if !due || dead || !p.pong(now, nonce) {
			t.Fatalf("at %v: due %v, dead %v", now.Sub(begin), due, dead)
		}
		at = append(at, now.Sub(begin))
	}
}

// gaps returns the intervals between moments.
func gaps(at []time.Duration) (between []time.Duration) {
	for i := range at[1:] {
		between = append(between, at[i+1]-at[i])
	}
	return between
}

func TestQuietWalletPingsLess(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_000, 0)
	const every, clock = 2 * time.Second, 700 // the registry's clock is 700 ms behind a whole second
	var p pinger
	p.start(begin, every, quietFor("w/ada"), clock)
	at := pinged(t, &p, begin, 0, 24*time.Hour)
	t.Logf("%d Pings in a day, the first at %v", len(at), at[:20])
	intervals := gaps(at)
	if !slices.IsSortedFunc(intervals[:8], func(a, b time.Duration) int { return int(a - b) }) || intervals[0] != every {
		t.Errorf("the intervals begin with %v", intervals[:8])
	}
	if longest := slices.Max(intervals); longest > quietEvery || longest < quietEvery-time.Second {
		t.Errorf("the longest interval is %v", longest)
	}
	for _, last := range at[len(at)-1000:] {
		if (last+clock*time.Millisecond)%time.Second != 0 {
			t.Fatalf("a Ping at %v, which is no whole second of the registry's clock", last)
		}
	}

	// What happens brings the next Ping forward, and makes them frequent again.
	day := 24 * time.Hour
	p.happened(begin.Add(day))
	if at = pinged(t, &p, begin, day, day+20*time.Second); at[0] > day+every || len(at) < 5 {
		t.Errorf("after something happened it pings at %v", at)
	}

	// Where nothing answers, a Ping soon follows the first one, then the end.
	now := p.wake()
	for at = nil; ; now = p.wake() {
		_, due, dead := p.tick(now, 0)
		if dead {
			break
		}
		if due {
			at = append(at, now.Sub(begin))
		}
	}
	if silent := now.Sub(begin) - at[0]; silent != (pingMisses-1)*every {
		t.Errorf("Pings at %v were not answered, and it ended %v after the first", at, silent)
	}
}

func TestBoxPingsAsToldWhateverHappens(t *testing.T) {
	t.Parallel()
	begin := time.Unix(1_000, 0)
	var p pinger
	p.start(begin, 2*time.Second, quietFor("m/cafe"), 700)
	at := pinged(t, &p, begin, 0, time.Hour)
	if intervals := gaps(at); len(at) != 1_800 || slices.Max(intervals) != 2*time.Second {
		t.Errorf("%d Pings in an hour, the longest interval is %v", len(at), slices.Max(intervals))
	}
}
