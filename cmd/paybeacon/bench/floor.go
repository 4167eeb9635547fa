package bench

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// What a payment that waits for nothing has to wait for: its request is flushed at the
// box, request and offer at the registry, the answer at the wallet, answer and capture
// at the registry, the capture at the box; request and offer make one round trip,
// answer and capture another; four facts are signed, and each is verified once.
const (
	floorFlushes = 5
	floorRounds  = 2
	floorSigned  = 4
	floorBytes   = 512 // of one flush: about a fact and its rows
)

// floor is what the parts of a payment take on this machine.
type floor struct {
	file    *os.File
	private ed25519.PrivateKey
	conn    paysync.Conn
	stop    func() error
}

// openFloor makes ready a file in dir and a QUIC connection to an echo, in this
// process.
func openFloor(ctx context.Context, dir string) (_ *floor, err error) {
	f := &floor{stop: func() error { return nil }}
	if _, f.private, err = ed25519.GenerateKey(rand.Reader); err != nil {
		return nil, err
	}
	if f.file, err = os.Create(filepath.Join(dir, "floor.log")); err != nil {
		return nil, err
	}
	if err := f.connect(ctx); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *floor) connect(ctx context.Context) error {
	_, root, err1 := skelKey(skelRoot)
	_, working, err2 := skelKey(skelWorking)
	_, box, err3 := skelKey(skelBox)
	authority, err4 := pay.Sign(root, pay.Authority{Root: root.Public(), Working: working.Public(), From: 0, Until: 1 << 47})
	socket, err5 := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err := errors.Join(err1, err2, err3, err4, err5); err != nil {
		return err
	}
	l, err := quicnet.Listen(quicnet.ListenOptions{Socket: socket, Key: working, Authority: authority.Raw()})
	if err != nil {
		return errors.Join(err, socket.Close())
	}
	echoed := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(echoed)
		c, err := l.Accept(ctx)
		if err != nil || c.Open(ctx) != nil {
			return
		}
		defer c.Close(paysync.CloseDone)
		_, _ = io.Copy(c, c)
	}()
	f.stop = func() error {
		if f.conn != nil {
			f.conn.Close(paysync.CloseDone)
		}
		cancel()
		err := l.Close()
		<-echoed
		return err
	}
	if f.conn, err = (quicnet.Dialer{}).Dial(ctx, l.Addr().String(), root.ID(), box); err != nil {
		return err
	}
	return f.conn.Open(ctx)
}

// measureFloor takes the floor n times, in dir.
func measureFloor(ctx context.Context, dir string, n int) (took []time.Duration, err error) {
	f, err := openFloor(ctx, dir)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.close()) }()
	return f.measure(ctx, n)
}

// measure does the parts of a payment one after another, n times.
func (f *floor) measure(ctx context.Context, n int) (took []time.Duration, err error) {
	frame, back, row := skelFrame{}, skelFrame{}, make([]byte, floorBytes)
	public := f.private.Public().(ed25519.PublicKey)
	for range n {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		begun := time.Now()
		for range floorFlushes {
			if _, err := f.file.Write(row); err != nil {
				return nil, err
			}
			if err := flush(f.file); err != nil {
				return nil, fmt.Errorf("flush: %w", err)
			}
		}
		for range floorRounds {
			if _, err := f.conn.Write(frame[:]); err != nil {
				return nil, err
			}
			if _, err := io.ReadFull(f.conn, back[:]); err != nil {
				return nil, err
			}
		}
		for range floorSigned {
			if !ed25519.Verify(public, row, ed25519.Sign(f.private, row)) {
				return nil, errors.New("a good signature does not verify")
			}
		}
		took = append(took, time.Since(begun))
	}
	return took, nil
}

func (f *floor) close() error { return errors.Join(f.stop(), f.file.Close()) }
