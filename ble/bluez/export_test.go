//go:build linux

package bluez

import (
	"time"

	"github.com/godbus/dbus/v5"
	library "github.com/muka/go-bluetooth/bluez"

	"github.com/paybeacon/paybeacon/ble"
)

// Quicken makes r wait for milliseconds instead of seconds.
func (r *Radio) Quicken() {
	r.limits.settleDelay, r.limits.retry, r.limits.retryMax = time.Millisecond, time.Millisecond, 20*time.Millisecond
}

// SetAnswer sets how long bluetoothd may take to answer.
func (r *Radio) SetAnswer(d time.Duration) { r.limits.answerMax = d }

// Drive makes beats the clock of r's watchdog.
func (r *Radio) Drive(beats <-chan time.Time) {
	r.ticks = func(time.Duration) (<-chan time.Time, func()) { return beats, func() {} }
}

// SetRfkill names the folder in which r reads what rfkill blocks.
func (r *Radio) SetRfkill(dir string) { r.rfkill = dir }

// CloseLibrary ends the connection that go-bluetooth keeps for the process.
func CloseLibrary() error {
	libraryLock.Lock()
	defer libraryLock.Unlock()
	return library.CloseConnections()
}

// EndBus closes the connection that go-bluetooth keeps, as happens when the bus
// ends.
func EndBus() error {
	conn, err := connection()
	if err != nil {
		return err
	}
	return conn.Close()
}

// Connection is the one that go-bluetooth keeps.
func Connection() (*dbus.Conn, error) { return connection() }

// SetPatience sets how long the connection waits for a reader that takes nothing.
func (r *Radio) SetPatience(d time.Duration) { r.limits.readerWait = d }

// ReadAdvert reads a signal of the adapter at path, and reports whether it is an
// advert with data.
func ReadAdvert(s *dbus.Signal, path dbus.ObjectPath, a *ble.Advert) bool {
	return readSignal(s, path, a) == advertHeard
}

// ArrivalsQueued is how many signals wait for the reader.
const ArrivalsQueued = arrivalsQueued

// Lost returns how many signals were dropped.
func (r *Radio) Lost() uint64 { return r.lost.Load() }
