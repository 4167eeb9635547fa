package device_test

import (
	"bytes"
	"context"
	"encoding/hex"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// seeded is a deterministic source of bytes, which is enough for tests of the
// pure parts.
type seeded byte

func (s *seeded) Read(b []byte) (int, error) {
	for i := range b {
		*s = *s*5 + 3
		b[i] = byte(*s)
	}
	return len(b), nil
}

func random(seed byte) *seeded { return (*seeded)(&seed) }

func unhex(t *testing.T, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(s)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func key(t *testing.T, seed byte) pay.Key {
	t.Helper()
	k, err := pay.KeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// published returns the keys of the published Eddystone-EID vector: the
// resolver's public key, and the state of a device with the beacon key.
func published(t *testing.T, k pay.Exponent, counter device.Reading) (pay.BeaconKey, device.State) {
	t.Helper()
	s, err := device.New(random(1), k, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.Beacon = [32]byte(unhex(t, "6ea13b5ef3cc642fd6102c1d85c096b510f56efc488114a4562a987bf4525628"))
	s.Counter = counter
	return resolverKey(t), s
}

// bench is the surroundings of a device in a test: its stored state, its events
// and its radio.
type bench struct {
	mu     sync.Mutex
	kept   device.State
	keeps  int
	fail   error
	events []device.Event
	onAir  []pay.Code // every code that was put on the air
	now    pay.Code   // zero when nothing is on the air
}

var errDisk = errors.New("disk is full")

func (b *bench) keep(s device.State) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.fail != nil {
		return b.fail
	}
	raw := s.Encode()
	back, err := device.Decode(raw)
	if err != nil {
		return err
	}
	b.kept, b.keeps = back, b.keeps+1
	return nil
}

func (b *bench) tell(e device.Event) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = append(b.events, e)
}

func (b *bench) Broadcast(ctx context.Context, c pay.Code) error {
	b.mu.Lock()
	b.onAir, b.now = append(b.onAir, c), c
	b.mu.Unlock()
	<-ctx.Done()
	b.mu.Lock()
	b.now = pay.Code{}
	b.mu.Unlock()
	return nil
}

func (b *bench) air() (all []pay.Code, now pay.Code) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.onAir), b.now
}

func (b *bench) shown(t *testing.T) device.Event {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range slices.Backward(b.events) {
		if e.Kind == device.EventPairing {
			return e
		}
	}
	t.Fatal("no PIN was shown")
	return device.Event{}
}

func (b *bench) open(t *testing.T, s device.State, now func() time.Time) *device.Device {
	t.Helper()
	d, err := device.Open(device.Options{State: s, Now: now, Random: random(9), Keep: b.keep, Tell: b.tell})
	if err != nil {
		t.Fatal(err)
	}
	b.mu.Lock()
	b.kept = s
	b.mu.Unlock()
	return d
}
