package paysync

import (
	"encoding/binary"
	"fmt"
	"io"
	"time"
)

const (
	// redialMin is the wait before the second try. Chosen: longer than a restart
	// of the transport, too short for a person to notice.
	redialMin = 50 * time.Millisecond
	// redialSoon is the longest wait in the first redialEager. Chosen: a registry
	// that is restarted by hand is found again within two seconds.
	redialSoon  = 2 * time.Second
	redialEager = time.Minute
	// redialLate is the longest wait of all. Chosen: 20,000 nodes that wait for
	// one registry then try less than 1,400 times a second.
	redialLate = 30 * time.Second
	// sessionLong is how long a session lasts before the next one is dialled at
	// once. Chosen: a registry that fails right after Welcome is dialled with
	// growing waits.
	sessionLong = 5 * time.Second

	// dialMin and dialMax bound the time of one try. Chosen: the first covers a
	// handshake over a slow line, the second one whose packets were lost twice.
	dialMin = 2 * time.Second
	dialMax = 15 * time.Second
)

// redialAfter returns how long to wait before the given try (0 is the first)
// when the registry has been away for that long. jitter is in [0, 1); the wait
// is between half of the nominal one and all of it, so that nodes which lost
// the same registry do not all come back in the same moment.
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

// dialWithin returns how long the given try may take. The first ones are short:
// a registry that was just restarted has lost the packets sent to it before, and
// the transport repeats those ever more slowly.
func dialWithin(try int) time.Duration { return min(dialMin<<min(try, 8), dialMax) }

// jitterFrom returns a number in [0, 1) from random, and its error.
func jitterFrom(random io.Reader) (float64, error) {
	var raw [8]byte
	if _, err := io.ReadFull(random, raw[:]); err != nil {
		return 0, fmt.Errorf("read randomness: %w", err)
	}
	return float64(binary.BigEndian.Uint64(raw[:])>>11) / (1 << 53), nil
}
