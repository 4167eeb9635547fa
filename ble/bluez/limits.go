//go:build linux

package bluez

import (
	"time"

	"github.com/paybeacon/paybeacon/ble"
)

// limits bound every wait and queue of a radio. Tests shorten the waits.
type limits struct {
	// answerMax is how long bluetoothd may take to answer one call. Chosen: far
	// more than an answer needs, and short enough to report a hung bluetoothd
	// soon.
	answerMax time.Duration
	// settleDelay is the pause between a change of bluetoothd or the adapter and
	// the next call. Chosen: several signals follow one change, and one attempt
	// handles them all.
	settleDelay time.Duration
	// retry is the pause before a failed attempt is repeated. It doubles up to
	// retryMax. Chosen: quick after a short failure, little load in a long one.
	retry, retryMax time.Duration
	// beatInterval is how often the watchdog runs and the health is reported.
	// Chosen: the watchdog's limits are whole seconds.
	beatInterval time.Duration
	// readerWait is how long the connection waits for a reader that takes no
	// signal before it drops adverts. Chosen: longer than any pause of a healthy
	// reader, shorter than the watchdog's limits.
	readerWait time.Duration
	// watchdog defines when silence is deafness; zero means ble's defaults.
	watchdog ble.WatchdogLimits
}

func defaultLimits() limits {
	return limits{
		answerMax:    5 * time.Second,
		settleDelay:  500 * time.Millisecond,
		retry:        time.Second,
		retryMax:     30 * time.Second,
		beatInterval: time.Second,
		readerWait:   time.Second,
	}
}

const (
	// arrivalsQueued bounds the signals between the connection and its reader.
	// Chosen: four seconds of the 600 to 1,000 adverts a second above which
	// bluetoothd 5.66 loses signals, as measured in a virtual machine.
	arrivalsQueued = 4096
	// foreignBytesMax is how many bytes of a foreign text are shown. Chosen: a
	// sentence.
	foreignBytesMax = 120
	// adaptersMax bounds the adapters that are listed. Chosen: more than any
	// machine has.
	adaptersMax = 64
	// nameBytesMax bounds the name of an adapter, in bytes. Chosen: names such as
	// hci0 are far shorter.
	nameBytesMax = 32
	// noticeInterval is the shortest pause between two log lines about another
	// program that ended the discovery. Chosen: one that does so all the time
	// must not fill the log.
	noticeInterval = time.Minute
	// markerInterval is how often a marker is sent. Chosen: a dozen markers are
	// sent within ble.MarkerSilenceDefault, so that all but a few may be lost.
	markerInterval = 250 * time.Millisecond
)
