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
	// pathBytesMax bounds the path of a socket, in bytes. Chosen: below the 104 of
	// macOS and the 108 of Linux.
	pathBytesMax = 100
	// peersMax bounds the sockets to which one advert is sent. Chosen: more than a
	// demo or test has processes.
	peersMax = 1024
	// intervalMin is the shortest advertising interval. Published: Bluetooth Core
	// 5.4, volume 6, part B, 4.4.2.2.
	intervalMin = 20 * time.Millisecond

	suffix = ".air"
	// nameBytes is how many random bytes make a socket's name. Chosen: short
	// paths, and no two names alike in practice.
	nameBytes = 6
)

// Options configure an Air.
type Options struct {
	// Dir is the shared folder; Open makes it if it is missing.
	Dir string
	// RSSI is the strength in dBm at which others receive what Advertise sends.
	RSSI pay.RSSI
	// Now gives the time of an advert; nil means the system's clock.
	Now func() time.Time
	// Random makes addresses and the socket's name; nil means crypto/rand.
	Random io.Reader
}

// Air is one station in the shared folder. Its methods may be called at the same
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
// Scan reads them they wait in the socket's short queue. The caller closes it. It
// returns an error with pay.CodeConfig if the folder is not given or its path is
// too long, one with pay.CodeRadio if the socket cannot be made, and the error of
// o.Random if it fails.
func Open(o Options) (*Air, error) {
	a := &Air{dir: o.Dir, rssi: o.RSSI, now: o.Now, random: o.Random}
	if a.now == nil {
		a.now = time.Now
	}
	if a.random == nil {
		a.random = rand.Reader
	}
	var id [nameBytes]byte
	if err := a.readRandom(id[:]); err != nil {
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

// bind makes the socket, and gives it the name under which others find it once it
// can receive.
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

// Close leaves the air. A running Scan returns. Close returns the errors of
// removing and closing the socket, joined.
func (a *Air) Close() error {
	err := os.Remove(filepath.Join(a.dir, a.name))
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, a.conn.Close())
}

// Garbage returns how many received datagrams were not adverts.
func (a *Air) Garbage() uint64 { return a.garbage.Load() }

// Scan calls each for every advert that others send, until ctx ends, and then
// returns nil. It returns an error with pay.CodeRadio if the socket fails or is
// closed. each must return quickly and must not keep the advert's sections. Only
// one Scan may run at a time.
func (a *Air) Scan(ctx context.Context, each func(ble.Advert)) error {
	if err := a.conn.SetReadDeadline(time.Time{}); err != nil {
		return scanError(err)
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		// A deadline in the past ends the read. Setting it fails only for a closed
		// socket, whose read has ended anyway.
		_ = a.conn.SetReadDeadline(time.Unix(1, 0))
	})
	defer func() {
		if !stop() {
			<-stopped
		}
	}()
	// One byte more than an advert has shows that a datagram is too long.
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

// Advertise sends payload from a fresh address, at once and then at each
// interval, until ctx ends, and then returns nil. When it has returned, the
// payload is no longer sent, so that the next code may begin. Intervals below 20
// ms count as 20 ms. It returns the errors of Send, and that of Options.Random.
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

// freshAddress makes a non-resolvable private address: random, with its two
// highest bits zero (Bluetooth Core 5.4, volume 6, part B, 1.3.2.2). It returns
// the error of the random source.
func (a *Air) freshAddress() (ble.Address, error) {
	var address ble.Address
	err := a.readRandom(address[:])
	address[0] &= 0x3F
	return address, err
}

func (a *Air) readRandom(b []byte) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if _, err := io.ReadFull(a.random, b); err != nil {
		return fmt.Errorf("read randomness: %w", err)
	}
	return nil
}
