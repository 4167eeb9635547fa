package main

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// connections is how many connections the wallets share. The box has its own.
const connections = 8

// shop is the server's process, and a box and wallets in this one.
type shop struct {
	pg      *postgres
	cmd     *exec.Cmd
	in      io.Closer
	url     string
	stop    context.CancelFunc
	streams *errgroup.Group
	box     *http.Client
	boxKey  ed25519.PrivateKey
	serial  atomic.Int64

	mu      sync.Mutex
	waiting map[string]*wait // by the key of the charge
}

// wait is a payment that is to be known to its box and its wallet.
type wait struct {
	left atomic.Int32
	done chan struct{}
}

func (w *wait) one() {
	if w.left.Add(-1) == 0 {
		close(w.done)
	}
}

func openShop(ctx context.Context, pg *postgres) (*shop, error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(exe, "serve", pg.dsn)
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		return nil, err
	}
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(err, in.Close(), cmd.Wait())
	}
	ctx, stop := context.WithCancel(ctx)
	s := &shop{pg: pg, cmd: cmd, in: in, url: "https://" + strings.TrimSpace(address), stop: stop, box: newClient(), boxKey: keyOf(merchant), waiting: map[string]*wait{}}
	s.streams, ctx = errgroup.WithContext(ctx)
	if err := s.follow(ctx, s.box, merchant, s.settle); err != nil {
		return nil, errors.Join(err, s.close())
	}
	clients := make([]*http.Client, connections)
	for i := range wallets {
		c := clients[i%connections]
		if c == nil {
			c = newClient()
			clients[i%connections] = c
		}
		key, name := keyOf(wallet(i)), wallet(i)
		take := func(b body) error {
			if b.Kind != "offer" {
				return s.settle(b)
			}
			raw, err := sign(key, body{
				Kind: "answer", Payment: b.Payment, Merchant: b.Merchant, Key: b.Key, Wallet: name, Amount: b.Amount, Currency: b.Currency, Verdict: "approve", At: time.Now().UnixMilli(),
			})
			if err != nil {
				return err
			}
			s.streams.Go(func() error { return s.post(ctx, c, "/answers", raw) })
			return nil
		}
		if err := s.follow(ctx, c, name, take); err != nil {
			return nil, errors.Join(err, s.close())
		}
	}
	return s, nil
}

func newClient() *http.Client {
	return &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, ForceAttemptHTTP2: true, // its certificate was made a moment ago
	}}
}

// follow reads a feed and passes on what it says, after verifying it.
func (s *shop) follow(ctx context.Context, c *http.Client, scope string, take func(body) error) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url+"/feed?scope="+scope, nil)
	if err != nil {
		return err
	}
	resp, err := c.Do(q)
	if err != nil {
		return err
	}
	registry := publicOf(server)
	s.streams.Go(func() error {
		defer func() { _ = resp.Body.Close() }()
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			raw, ok := bytes.CutPrefix(lines.Bytes(), []byte("data: "))
			if !ok {
				continue
			}
			b, err := open(registry, raw, "")
			if err == nil {
				err = take(b)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
	return nil
}

func (s *shop) post(ctx context.Context, c *http.Client, path string, raw []byte) error {
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, bytes.NewReader(raw))
	if err != nil {
		return err
	}
	resp, err := c.Do(q)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	said, err := io.ReadAll(resp.Body)
	if err == nil && resp.StatusCode != http.StatusNoContent {
		err = fmt.Errorf("%s: %s", path, said)
	}
	return err
}

// settle notes at the box or a wallet that a payment is captured.
func (s *shop) settle(b body) error {
	if b.Kind != "capture" {
		return nil
	}
	s.mu.Lock()
	w := s.waiting[b.Key]
	s.mu.Unlock()
	if w != nil {
		w.one()
	}
	return nil
}

// pay makes a payment and waits until box and wallet both know that it is captured.
func (s *shop) pay(ctx context.Context, of int) error {
	key := fmt.Sprint("key-", s.serial.Add(1))
	w := &wait{done: make(chan struct{})}
	w.left.Store(2)
	s.mu.Lock()
	s.waiting[key] = w
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, key)
		s.mu.Unlock()
	}()
	raw, err := sign(s.boxKey, body{
		Kind: "request", Merchant: merchant, Site: "counter", Key: key, Code: codeOf(of), Amount: 100, Currency: "EUR", At: time.Now().UnixMilli(),
	})
	if err != nil {
		return err
	}
	if err := s.post(ctx, s.box, "/requests", raw); err != nil {
		return err
	}
	select {
	case <-w.done:
		return nil
	case <-time.After(timeToPay):
		return errors.New("a payment has no outcome")
	case <-ctx.Done():
		return ctx.Err()
	}
}

// spent returns the CPU time of the server and of PostgreSQL.
func (s *shop) spent() (time.Duration, error) {
	a, err1 := cpuOf(s.cmd.Process.Pid)
	b, err2 := cpuOf(s.pg.cmd.Process.Pid)
	return a + b, errors.Join(err1, err2)
}

func (s *shop) alone(ctx context.Context, n int) (result, error) {
	made := 0
	return s.drive(ctx, 1, func() bool { made++; return made <= n })
}

func (s *shop) load(ctx context.Context, callers int, during time.Duration) (result, error) {
	begun := time.Now()
	return s.drive(ctx, callers, func() bool { return time.Since(begun) < during })
}

// drive lets callers pay, one payment after another, while more says so.
func (s *shop) drive(ctx context.Context, callers int, more func() bool) (result, error) {
	before, err := s.spent()
	if err != nil {
		return result{}, err
	}
	var mu sync.Mutex
	var took []time.Duration
	begun := time.Now()
	group, ctx := errgroup.WithContext(ctx)
	for i := range callers {
		group.Go(func() error {
			for more() {
				at := time.Now()
				if err := s.pay(ctx, i%wallets); err != nil {
					return err
				}
				mu.Lock()
				took = append(took, time.Since(at))
				mu.Unlock()
			}
			return nil
		})
	}
	err = group.Wait()
	elapsed := time.Since(begun)
	after, cpuErr := s.spent()
	if err := errors.Join(err, cpuErr); err != nil || len(took) == 0 {
		return result{}, err
	}
	slices.Sort(took)
	ms := func(q float64) float64 {
		return float64(took[min(len(took)-1, int(q*float64(len(took))))]) / float64(time.Millisecond)
	}
	return result{Paid: len(took), Seconds: elapsed.Seconds(), P50: ms(0.5), P99: ms(0.99), ServerCPU: float64(after-before) / float64(time.Microsecond) / float64(len(took))}, nil
}

func (s *shop) close() error {
	s.stop()
	_ = s.streams.Wait() // its streams were ended
	err := s.in.Close()
	return errors.Join(err, s.cmd.Wait())
}
