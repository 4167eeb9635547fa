package air

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	// pathBytesMax is what a socket's path may measure everywhere.
	pathBytesMax = 100
	// peersMax bounds the sockets that one advert is sent to.
	peersMax = 1024
	// intervalMin is the shortest interval that Bluetooth knows.
	intervalMin = 20 * time.Millisecond

	suffix    = ".air"
	nameBytes = 6
)

// Options say where the air is and how a sender is heard in it.
type Options struct {
	// Dir is the folder that is shared; Open makes it if it is missing.
	Dir string
	// RSSI is the strength at which others receive what Advertise sends.
	RSSI pay.RSSI
	// Now stamps what is heard; nil is the system's clock.
	Now func() time.Time
	// Random makes addresses and the socket's name; nil is crypto/rand.
	Random io.Reader
}

// Air is one station in the shared air. Its methods may be called at the same
// time.
type Air struct {
	dir, name string
	rssi      pay.RSSI
	now       func() time.Time
	conn      *net.UnixConn
	raw       syscall.RawConn
	garbage   atomic.Uint64

	mu     sync.Mutex // guards random
	random io.Reader
}

// Open joins the air in o.Dir. From then on adverts reach this station; until
// Scan takes them they wait in the socket's short queue. The caller closes it.
func Open(o Options) (*Air, error) {
	a := &Air{dir: o.Dir, rssi: o.RSSI, now: o.Now, random: o.Random}
	if a.now == nil {
		a.now = time.Now
	}
	if a.random == nil {
		a.random = rand.Reader
	}
	var id [nameBytes]byte
	if err := a.fill(id[:]); err != nil {
		return nil, err
	}
	a.name = hex.EncodeToString(id[:]) + suffix
	if o.Dir == "" {
		return nil, pay.NewError(pay.CodeConfig, "open air: no folder given", "name one, such as --radio air:/tmp/air")
	}
	if n := len(filepath.Join(a.dir, a.name)); n > pathBytesMax {
		return nil, pay.NewError(pay.CodeConfig, fmt.Sprintf("open air: socket path in %s has %d bytes, more than %d", a.dir, n, pathBytesMax),
			"use a folder with a shorter path")
	}
	if err := a.bind(); err != nil {
		return nil, pay.Wrap(err, pay.CodeRadio, "open air", "check that "+a.dir+" is a folder that you may write to")
	}
	return a, nil
}

// bind makes the socket and shows it to the others only once it receives.
func (a *Air) bind() error {
	if err := os.MkdirAll(a.dir, 0o700); err != nil {
		return err
	}
	final := filepath.Join(a.dir, a.name)
	hidden := filepath.Join(a.dir, "."+strings.TrimSuffix(a.name, suffix))
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: hidden, Net: "unixgram"})
	if err != nil {
		return err
	}
	raw, err := conn.SyscallConn()
	if err == nil {
		err = os.Rename(hidden, final)
	}
	if err != nil {
		return errors.Join(err, conn.Close(), os.Remove(hidden))
	}
	a.conn, a.raw = conn, raw
	return nil
}

// Close leaves the air. A Scan that is under way returns.
func (a *Air) Close() error {
	err := os.Remove(filepath.Join(a.dir, a.name))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, a.conn.Close())
}

// Garbage returns how many datagrams were no adverts.
func (a *Air) Garbage() uint64 { return a.garbage.Load() }

// Scan calls each for every advert that others send, until ctx ends, and then
// returns nil. each must return quickly and may not keep the advert's sections.
// There is one Scan at a time.
func (a *Air) Scan(ctx context.Context, each func(ble.Advert)) error {
	if err := a.conn.SetReadDeadline(time.Time{}); err != nil {
		return scanError(err)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// A deadline in the past wakes the read; it cannot fail but for a closed
		// socket, and then the read has ended anyway.
		_ = a.conn.SetReadDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() {
			<-stopped
		}
	}()
	// One byte more than an advert tells one that is too long.
	buffer := make([]byte, datagramBytesMax+1)
	var advert ble.Advert
	for {
		n, err := a.conn.Read(buffer)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return scanError(err)
		}
		if parseDatagram(&advert, buffer[:n]) != nil {
			a.garbage.Add(1)
			continue
		}
		advert.At = a.now()
		each(advert)
	}
}

func scanError(err error) error {
	return pay.Wrap(err, pay.CodeRadio, "receive from the air", "check that its folder still exists and start again")
}

// Advertise sends payload at once and then at each interval from a fresh
// address, until ctx ends, and then returns nil. When it has returned, nothing
// of it is sent any more, so that the next code may begin. It fails on a payload
// that a legacy advertisement cannot hold.
func (a *Air) Advertise(ctx context.Context, payload []byte, interval time.Duration) error {
	from, err := a.freshAddress()
	if err != nil {
		return err
	}
	ticker := time.NewTicker(max(interval, intervalMin))
	defer ticker.Stop()
	for ctx.Err() == nil {
		if err := a.Send(from, a.rssi, payload); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
		case <-ticker.C:
		}
	}
	return nil
}

// freshAddress makes a non-resolvable private address: random, its two highest
// bits zero (Bluetooth Core 5.4, volume 6, part B, 1.3.2.2).
func (a *Air) freshAddress() (ble.Address, error) {
	var address ble.Address
	err := a.fill(address[:])
	address[0] &= 0x3F
	return address, err
}

func (a *Air) fill(b []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := io.ReadFull(a.random, b); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	return nil
}
