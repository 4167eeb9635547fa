//go:build linux

package bluez

import (
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// limits bound every wait and queue of a radio. Tests shorten the waits.
type limits struct {
	// answer is how long bluetoothd may take to answer one call.
	answer time.Duration
	// settle is how long a bluetoothd or an adapter that just changed is left
	// alone before it is asked for anything.
	settle time.Duration
	// retry is the pause before a failed attempt is repeated. It doubles up to
	// retryMax.
	retry, retryMax time.Duration
	// beat is how often the watchdog looks and the health is told.
	beat time.Duration
	// patience is how long the connection waits for a reader that takes nothing
	// before it drops adverts.
	patience time.Duration
	// watchdog says when silence is deafness.
	watchdog ble.WatchdogLimits
}

func defaultLimits() limits {
	return limits{
		answer:   5 * time.Second,
		settle:   500 * time.Millisecond,
		retry:    time.Second,
		retryMax: 30 * time.Second,
		beat:     time.Second,
		patience: time.Second,
	}
}

const (
	// arrivalsQueued are the signals between the connection and its reader, some
	// seconds' worth.
	arrivalsQueued = 4096
	// foreignBytesMax is how much of a foreign text is ever shown.
	foreignBytesMax = 120
	// adaptersMax bounds the adapters that are listed.
	adaptersMax = 64
	// nameBytesMax bounds the name of an adapter.
	nameBytesMax = 32
	// noticeEvery is the least pause between two notices that something else
	// interfered with the adapter.
	noticeEvery = time.Minute
	// markerInterval is how often a marker is sent.
	markerInterval = 250 * time.Millisecond
)
