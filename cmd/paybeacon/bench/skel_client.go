package bench

import (
	"bufio"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// skel is the process of a skeleton's registry and the clients in this one: a box and
// shopWallets wallets.
type skel struct {
	cmd     *exec.Cmd
	in      io.Closer // its end ends the process
	stop    context.CancelFunc
	clients *errgroup.Group
	box     *skelPeer
	boxKey  ed25519.PrivateKey
	conns   []paysync.Conn

	mu      sync.Mutex
	waiting map[uint64]chan struct{}
	made    atomic.Uint64
}

// openSkel starts a skeleton in dir.
func openSkel(ctx context.Context, exe, dir string) (s *skel, err error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, "bench", "--skel", dir)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2); err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start a skeleton: %w", err)
	}
	inner, stop := context.WithCancel(ctx)
	s = &skel{cmd: cmd, in: in, stop: stop, waiting: map[uint64]chan struct{}{}}
	s.clients, inner = errgroup.WithContext(inner)
	address, err := bufio.NewReader(out).ReadString('\n')
	if err == nil {
		err = s.dial(inner, strings.TrimSpace(address))
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("begin a skeleton: %w", err), s.close())
	}
	return s, nil
}

func (s *skel) dial(ctx context.Context, address string) error {
	root, _, err := skelKey(skelRoot)
	if err != nil {
		return err
	}
	rootID := pay.PublicKey(root.Public().(ed25519.PublicKey)).ID()
	working, _, err := skelKey(skelWorking)
	if err != nil {
		return err
	}
	registry := working.Public().(ed25519.PublicKey)
	for party := skelBox; party < skelWallet+shopWallets; party++ {
		private, key, err := skelKey(party)
		if err != nil {
			return err
		}
		conn, err := quicnet.Dialer{}.Dial(ctx, address, rootID, key)
		if err != nil {
			return err
		}
		s.conns = append(s.conns, conn)
		if err := conn.Open(ctx); err != nil {
			return err
		}
		p := &skelPeer{Conn: conn}
		if err := p.greet(newSkelFrame(skelHello, party, 0, private)); err != nil {
			return err
		}
		take := func(f *skelFrame) error { return answerSkel(p, f, private) }
		if party == skelBox {
			s.box, s.boxKey, take = p, private, s.settle
		}
		s.clients.Go(func() error { return follow(ctx, conn, registry, take) })
	}
	return nil
}

// greet says who a client is and returns when the registry knows it: what it sends to
// somebody it does not know yet is lost.
func (p *skelPeer) greet(hello *skelFrame) error {
	if err := p.send(hello); err != nil {
		return err
	}
	back, err := readSkelFrame(p)
	if err == nil && *back != *hello {
		err = errors.New("the registry of a skeleton did not greet")
	}
	return err
}

// follow verifies what a client gets and passes it on.
func follow(ctx context.Context, conn paysync.Conn, registry ed25519.PublicKey, take func(*skelFrame) error) error {
	r := bufio.NewReader(conn)
	for {
		f, err := readSkelFrame(r)
		if err == nil {
			err = f.verify(registry)
		}
		if err == nil {
			err = take(f)
		}
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it was ended
		}
		if err != nil {
			return err
		}
	}
}

// answerSkel answers an offer.
func answerSkel(p *skelPeer, f *skelFrame, by ed25519.PrivateKey) error {
	if f.kind() != skelOffer {
		return nil
	}
	return p.send(newSkelFrame(skelAnswer, f[5], f.payment(), by))
}

// settle ends the wait for a payment.
func (s *skel) settle(f *skelFrame) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c, ok := s.waiting[f.payment()]; ok && f.kind() == skelCapture {
		close(c)
		delete(s.waiting, f.payment())
	}
	return nil
}

func (s *skel) pay(ctx context.Context, wallet byte) error {
	n, done := s.made.Add(1), make(chan struct{})
	s.mu.Lock()
	s.waiting[n] = done
	s.mu.Unlock()
	if err := s.box.send(newSkelFrame(skelRequest, wallet, n, s.boxKey)); err != nil {
		return err
	}
	select {
	case <-done:
		return nil
	case <-time.After(shopWait.Std()):
		return errors.New("a payment of the skeleton has no outcome")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// driveSkel runs a skeleton in dir for some time.
func driveSkel(ctx context.Context, exe, dir string, callers int, during time.Duration) (l load, err error) {
	s, err := openSkel(ctx, exe, dir)
	if err != nil {
		return l, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	return s.drive(ctx, callers, during)
}

// drive lets that many callers pay for some time and returns what it took.
func (s *skel) drive(ctx context.Context, callers int, during time.Duration) (load, error) {
	before, err := cpuOf(s.cmd.Process.Pid)
	if err != nil {
		return load{}, err
	}
	var l load
	var paid atomic.Int64
	begun := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range callers {
		group.Go(func() error {
			for time.Since(begun) < during {
				if err := s.pay(ctx, byte(i%shopWallets)); err != nil {
					return err
				}
				paid.Add(1)
			}
			return nil
		})
	}
	err = group.Wait()
	l.elapsed, l.paid = time.Since(begun), int(paid.Load())
	after, cpuErr := cpuOf(s.cmd.Process.Pid)
	l.cpu = map[string]time.Duration{roleRegistry: after - before}
	return l, errors.Join(err, cpuErr)
}

// close ends the process and the clients.
func (s *skel) close() error {
	s.stop()
	for _, c := range s.conns {
		c.Close(paysync.CloseDone)
	}
	err := s.clients.Wait()
	return errors.Join(err, s.in.Close(), s.cmd.Wait())
}
