package paysync

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

const (
	redialMin   = 50 * time.Millisecond
	redialSoon  = 2 * time.Second  // the longest wait in the first minute
	redialLate  = 30 * time.Second // and ever
	redialEager = time.Minute
	// sessionLong is how long a session lasts before the next one is dialled at
	// once: a registry that greets and fails is not to be dialled in a circle.
	sessionLong = 5 * time.Second

	dialMin = 2 * time.Second
	dialMax = 15 * time.Second
)

// redialAfter returns how long to wait before the given try (0 is the first)
// when the registry has been away for that long. jitter is in [0, 1); the wait
// is between half of the nominal one and all of it, so that nodes which lost
// the same registry do not come back as one.
func redialAfter(try int, away time.Duration, jitter float64) time.Duration {
	if try == 0 {
		return 0
	}
	limit := redialSoon
	if away > redialEager {
		limit = min(redialSoon+(away-redialEager)/8, redialLate)
	}
	wait := min(redialMin<<min(try-1, 16), limit)
	return wait/2 + time.Duration(float64(wait/2)*jitter)
}

// dialWithin returns how long the given try may take. The first ones are short,
// because a registry that was just restarted hears nothing of packets sent to
// it before, and the transport repeats those ever more slowly.
func dialWithin(try int) time.Duration { return min(dialMin<<min(try, 8), dialMax) }

// jitterFrom returns a number in [0, 1) from random.
func jitterFrom(random io.Reader) (float64, error) {
	var raw [8]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return 0, fmt.Errorf("read randomness: %w", err)
	}
	return float64(binary.BigEndian.Uint64(raw[:])>>11) / (1 << 53), nil
}
