package quicnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"testing"
	"time"

	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/quic-go/quic-go"
)

func TestPathsRememberForAWhile(t *testing.T) {
	t.Parallel()
	var paths, none = new(Paths), (*Paths)(nil)
	start := time.Unix(1_000_000, 0)
	a, b := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")
	none.silent(a, start)
	if none.small(a, start) || paths.small(a, start) {
		t.Error("a path that nobody complained of is small")
	}
	paths.silent(netip.MustParseAddr("::ffff:192.0.2.1"), start)
	for _, c := range []struct {
		addr  netip.Addr
		after time.Duration
		want  bool
	}{
		{a, 0, true}, {a, pathMemory - 1, true}, {a, pathMemory, false}, {b, 0, false},
	} {
		if got := paths.small(c.addr, start.Add(c.after)); got != c.want {
			t.Errorf("%v after %v: small is %v", c.addr, c.after, got)
		}
	}
	paths.silent(a, start.Add(time.Minute))
	if !paths.small(a, start.Add(pathMemory)) {
		t.Error("a second silence does not count")
	}
}

func TestPathsAreBounded(t *testing.T) {
	t.Parallel()
	paths := new(Paths)
	start := time.Unix(1_000_000, 0)
	nth := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
	for n := range pathsMax + 10 {
		paths.silent(nth(n), start.Add(time.Duration(n)))
	}
	if len(paths.until) != pathsMax || paths.small(nth(9), start) || !paths.small(nth(10), start) || !paths.small(nth(pathsMax+9), start) {
		t.Errorf("%d addresses are remembered, or not the latest", len(paths.until))
	}
	paths.silent(nth(pathsMax+10), start.Add(pathMemory+pathsMax))
	if len(paths.until) > 10 {
		t.Errorf("%d addresses are remembered beyond their time", len(paths.until))
	}
}

func TestWhatCountsAsSilence(t *testing.T) {
	t.Parallel()
	silent := quic.ApplicationErrorCode(paysync.CloseSilent)
	for name, c := range map[string]struct {
		cause error
		want  bool
	}{
		"the node got no answer":      {&quic.ApplicationError{Remote: true, ErrorCode: silent}, true},
		"wrapped":                     {fmt.Errorf("read: %w", &quic.ApplicationError{Remote: true, ErrorCode: silent}), true},
		"the node vanished":           {&quic.IdleTimeoutError{}, true},
		"the node left":               {&quic.ApplicationError{Remote: true}, false},
		"this side closed it":         {&quic.ApplicationError{ErrorCode: silent}, false},
		"the handshake did not end":   {&quic.HandshakeTimeoutError{}, false},
		"the listener was closed":     {net.ErrClosed, false},
		"something else":              {errors.New("something"), false},
		"the connection is still one": {nil, false},
	} {
		if got := fellSilent(c.cause); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}

func TestSizesOfProbes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		low, high int
		want      string
	}{
		{5, 6, "[]"}, {5, 7, "[6]"}, {5, 9, "[6 7 8]"},
		{0, 170, "[10 20 30 40 50 60 70 80 90 100 110 120 130 140 150 160]"},
	} {
		if got := fmt.Sprint(between(c.low, c.high)); got != c.want {
			t.Errorf("between %d and %d: %s, want %s", c.low, c.high, got, c.want)
		}
	}
	// Whatever the limit, each round leaves less, and three are enough.
	for limit := probeMin; limit <= probeMax; limit++ {
		low, high, rounds := probeMin-1, probeMax+1, 0
		for ; high-low > 1; rounds++ {
			for _, size := range between(low, high) {
				if size <= limit {
					low = size
				} else {
					high = size
					break
				}
			}
		}
		if low != limit || rounds > 3 {
			t.Fatalf("limit %d is found as %d after %d rounds", limit, low, rounds)
		}
	}
}
