package bench

import (
	"crypto/rand"
	"slices"
	"time"

	"github.com/oklog/ulid/v2"
)

// quantile returns the value that a share q of the list does not exceed; 0 for an
// empty one.
func quantile(list []time.Duration, q float64) time.Duration {
	if len(list) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(list))
	return sorted[min(len(sorted)-1, int(q*float64(len(sorted))))]
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// newKey returns a key for a charge.
func newKey() string { return ulid.MustNew(ulid.Now(), rand.Reader).String() }
