package link_test

import (
	"bytes"
	"context"
	"errors"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/sync/link"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var errDisk = errors.New("disk is full")

func key(t *testing.T, seed byte) pay.Key {
	t.Helper()
	k, err := pay.KeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// counting is a deterministic source of bytes.
type counting struct{ n atomic.Uint32 }

func (c *counting) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(c.n.Add(1) * 37)
	}
	return len(b), nil
}

// bench is a device that serves its link, with its stored state and its events.
type bench struct {
	t      *testing.T
	device *device.Device
	random *counting
	addr   string
	stop   func()

	wrap func(link.Session) link.Session // wraps each session, or nil

	ahead atomic.Int64 // how far the device's clock is set forward

	mu     sync.Mutex
	kept   device.State
	keep   func(device.State) error // replaces Keep, or nil
	told   *sync.Cond
	events []device.Event // since the device's process started
}

func newBench(t *testing.T) *bench {
	t.Helper()
	return newBenchOf(t, 0)
}

// newBenchOf returns another device for every seed.
func newBenchOf(t *testing.T, seed uint32) *bench {
	t.Helper()
	b := &bench{t: t, random: &counting{}}
	b.random.n.Store(seed)
	b.told = sync.NewCond(&b.mu)
	s, err := device.New(b.random, 6, pay.TimeOf(b.now()))
	if err != nil {
		t.Fatal(err)
	}
	b.kept = s
	return b
}

func (b *bench) now() time.Time { return time.Now().Add(time.Duration(b.ahead.Load())) }

// start opens the device from its stored state and serves it on l.
func (b *bench) start(l net.Listener) *bench {
	b.t.Helper()
	b.mu.Lock()
	b.events = nil
	b.mu.Unlock()
	d, err := device.Open(device.Options{State: b.state(), Now: b.now, Random: b.random, Keep: b.save, Tell: b.tell})
	if err != nil {
		b.t.Fatal(err)
	}
	b.device, b.addr = d, l.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 2)
	go func() { ended <- d.Run(ctx, mute{}) }()
	go func() {
		ended <- link.Serve(ctx, link.Options{
			Listener: l, Key: d.Key(), Release: d.Release,
			Meet: func(wallet pay.PublicKey, exporter []byte) link.Session {
				if b.wrap != nil {
					return b.wrap(d.Meet(wallet, exporter))
				}
				return d.Meet(wallet, exporter)
			},
		})
	}()
	b.stop = sync.OnceFunc(func() {
		cancel()
		for range 2 {
			if err := <-ended; err != nil {
				b.t.Errorf("the device ended with %v", err)
			}
		}
	})
	b.t.Cleanup(b.stop)
	return b
}

// restart starts the device again, as after its process was killed.
func (b *bench) restart() *bench {
	b.t.Helper()
	b.stop()
	return b.start(listen(b.t))
}

type mute struct{}

func (mute) Broadcast(ctx context.Context, _ pay.Code) error {
	<-ctx.Done()
	return nil
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t *testing.T) *bench {
	t.Helper()
	return newBench(t).start(listen(t))
}

func (b *bench) save(s device.State) error {
	b.mu.Lock()
	keep := b.keep
	b.mu.Unlock()
	if keep != nil {
		return keep(s)
	}
	b.put(s)
	return nil
}

func (b *bench) put(s device.State) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.kept = s
}

func (b *bench) state() device.State {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.kept
}

func (b *bench) onKeep(keep func(device.State) error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.keep = keep
}

func (b *bench) tell(e device.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
	b.told.Broadcast()
}

// pin returns the PIN that the unpaired device shows, waiting for the first.
func (b *bench) pin() pay.PIN {
	b.mu.Lock()
	defer b.mu.Unlock()
	for {
		for _, e := range slices.Backward(b.events) {
			if e.Kind == device.EventPairing {
				return e.PIN
			}
		}
		b.told.Wait()
	}
}

func (b *bench) boundTo(k pay.Key) bool {
	binding, ok := b.device.Binding()
	kept := b.state().Binding
	if ok != (kept != nil) || ok && *kept != binding {
		b.t.Errorf("the device says it is bound (%v) and keeps %v", ok, kept)
	}
	return ok && binding.Wallet == k.Public()
}

// wallet is one attempt to pair.
type wallet struct {
	link.PairOptions
	kept []link.Paired
}

func (b *bench) wallet(pin pay.PIN, seed byte) *wallet {
	w := &wallet{PairOptions: link.PairOptions{
		Peer: link.Peer{Address: b.addr, Key: key(b.t, seed)}, PIN: pin,
		Registry: pay.NodeID{7}, Resolver: pay.BeaconKey{9}, Type: pay.TypeTag,
	}}
	w.Keep = func(p link.Paired) error {
		w.kept = append(w.kept, p)
		return nil
	}
	return w
}

func (w *wallet) pair(t *testing.T) error {
	t.Helper()
	n := len(w.kept)
	p, err := link.Pair(t.Context(), w.PairOptions)
	switch {
	case err == nil && (len(w.kept) != n+1 || !bytes.Equal(w.kept[n].Bind, p.Bind)):
		t.Errorf("paired, and kept %d binds", len(w.kept)-n)
	case err != nil && p.Bind != nil:
		t.Errorf("not paired (%v), and a bind was returned", err)
	}
	return err
}

func wantCode(t *testing.T, what string, err error, want pay.ErrorCode) {
	t.Helper()
	if pay.CodeOf(err) != want {
		t.Errorf("%s: %v, want code %q", what, err, want)
		return
	}
	var e *pay.Error
	if want != "" && (!errors.As(err, &e) || e.Hint == "") {
		t.Errorf("%s: %v does not say what to do next", what, err)
	}
}

// pipes is a network inside the process whose time a synctest bubble controls.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), done: make(chan struct{})} }

func (p *pipes) DialContext(ctx context.Context, _, _ string) (net.Conn, error) {
	near, far := net.Pipe()
	select {
	case p.conns <- far:
		return near, nil
	case <-p.done:
		return nil, net.ErrClosed
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.done) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1} }
