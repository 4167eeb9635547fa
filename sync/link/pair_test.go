package link_test

import (
	"context"
	"errors"
	"net"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/sync/link"
)

func TestPair(t *testing.T) {
	t.Parallel()
	b := serve(t)
	w := b.wallet(b.pin(), 1)
	w.Type = pay.TypeJack
	if err := w.pair(t); err != nil {
		t.Fatal(err)
	}
	got := w.kept[0]
	bind, err := pay.Mapping{Device: b.device.Key().ID(), Bind: got.Bind}.OpenBind()
	if err != nil {
		t.Fatal(err)
	}
	s := b.state()
	want := pay.Bind{
		Registry: w.Registry, Resolver: w.Resolver, Wallet: w.Key.ID(), Device: b.device.Key().Public(),
		Beacon: s.BeaconKey(), Exponent: 6, Counter: bind.Counter, Type: pay.TypeJack,
	}
	if bind != want {
		t.Errorf("the device signed %+v, want %+v", bind, want)
	}
	if kept := s.Counter.Counter(); bind.Counter < kept-2 || bind.Counter > kept {
		t.Errorf("the bind's counter is %d, the device's %d", bind.Counter, kept)
	}
	if got.Device != b.device.Key().Public() || got.Age < 0 || got.Age > pay.LinkRoundMax {
		t.Errorf("paired with %x, %d ms ago", got.Device, got.Age)
	}
	if !b.boundTo(w.Key) || s.Spent != (pay.PIN{}) {
		t.Error("the device is not bound, or not confirmed")
	}
}

func TestPairWithQRCode(t *testing.T) {
	t.Parallel()
	b := serve(t)
	w := b.wallet(b.pin(), 1)
	w.Device = key(t, 66).ID()
	wantCode(t, "the id of another device", w.pair(t), pay.CodeNotTrusted)
	if b.boundTo(w.Key) {
		t.Fatal("bound to a wallet that meant another device")
	}
	w.Device = b.device.Key().ID()
	if err := w.pair(t); err != nil {
		t.Fatal(err)
	}
}

func TestWrongPINs(t *testing.T) {
	t.Parallel()
	b := serve(t)
	first := b.pin()
	wrong := b.wallet(first, 1)
	wrong.PIN[0] ^= 1
	for range pay.PairingTries {
		if b.pin() != first {
			t.Fatal("a new PIN was shown before the tries were spent")
		}
		wantCode(t, "a wrong PIN", wrong.pair(t), pay.CodePIN)
	}
	second := b.pin()
	if second == first {
		t.Fatal("the tries are spent and the PIN is the same")
	}
	wantCode(t, "the PIN of before", b.wallet(first, 1).pair(t), pay.CodePIN)
	if err := b.wallet(second, 1).pair(t); err != nil {
		t.Errorf("the PIN that is shown: %v", err)
	}
}

func TestExpiredPIN(t *testing.T) {
	t.Parallel()
	b := serve(t)
	w := b.wallet(b.pin(), 1)
	b.ahead.Store(int64(pay.PairingTTL.Std()))
	wantCode(t, "an expired PIN", w.pair(t), pay.CodePIN)
	if err := b.wallet(b.pin(), 1).pair(t); err != nil {
		t.Errorf("the PIN shown then: %v", err)
	}
}

func TestSecondWalletIsRefused(t *testing.T) {
	t.Parallel()
	b := serve(t)
	pin := b.pin()
	owner, other := b.wallet(pin, 1), b.wallet(pin, 2)
	if err := owner.pair(t); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "another wallet with the PIN", other.pair(t), pay.CodeBound)
	other.PIN, other.Device = pay.PIN{}, b.device.Key().ID()
	wantCode(t, "another wallet without a PIN", other.pair(t), pay.CodeBound)
	wantCode(t, "release by another wallet", link.Release(t.Context(), other.Peer), pay.CodeBound)
	if !b.boundTo(owner.Key) || len(other.kept) != 0 {
		t.Error("the device changed hands")
	}
}

func TestTwoWalletsAtOnce(t *testing.T) {
	t.Parallel()
	b := serve(t)
	pin := b.pin()
	tries := []*wallet{b.wallet(pin, 1), b.wallet(pin, 2)}
	errs := make([]error, len(tries))
	var both sync.WaitGroup
	for i, w := range tries {
		both.Go(func() { errs[i] = w.pair(t) })
	}
	both.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Fatalf("of two wallets with one PIN: %v, %v", errs[0], errs[1])
	}
	for i, w := range tries {
		if b.boundTo(w.Key) != (errs[i] == nil) {
			t.Errorf("wallet %d: %v", i, errs[i])
		}
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	b := serve(t)
	first := b.pin()
	w := b.wallet(first, 1)
	if err := w.pair(t); err != nil {
		t.Fatal(err)
	}
	peer := w.Peer
	wantCode(t, "release of no device", link.Release(t.Context(), peer), pay.CodeUsage)
	peer.Device = key(t, 66).ID()
	wantCode(t, "release of another device", link.Release(t.Context(), peer), pay.CodeNotTrusted)
	peer.Device = b.device.Key().ID()
	b.onKeep(func(device.State) error { return errDisk })
	wantCode(t, "release on a full disk", link.Release(t.Context(), peer), pay.CodeFailed)
	if !b.boundTo(w.Key) {
		t.Fatal("released, but not durably")
	}
	b.onKeep(nil)
	for range 2 {
		if err := link.Release(t.Context(), peer); err != nil {
			t.Fatal(err)
		}
	}
	next := b.wallet(b.pin(), 2)
	if err := next.pair(t); err != nil || next.PIN == first {
		t.Errorf("another wallet after the release: %v", err)
	}
}

// The mapping was removed from the registry while the device was out of reach: the
// wallet that knows the device pairs it again without a PIN.
func TestPairKnownDeviceAgain(t *testing.T) {
	t.Parallel()
	b := serve(t)
	w := b.wallet(b.pin(), 1)
	if err := w.pair(t); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "with the spent PIN", w.pair(t), pay.CodeConflict)
	w.Known = func(pay.DeviceID) bool { return false }
	wantCode(t, "by a wallet that does not know it", w.pair(t), pay.CodeConflict)
	w.Known = func(id pay.DeviceID) bool { return id == b.device.Key().ID() }
	w.Type = pay.TypeVoice
	if err := w.pair(t); err != nil {
		t.Fatalf("by a wallet that knows it: %v", err)
	}
	if got := b.state().Binding.Type; got != pay.TypeVoice {
		t.Errorf("the device keeps type %q", got)
	}
	pinned := b.wallet(pay.PIN{}, 1)
	wantCode(t, "without PIN and device", pinned.pair(t), pay.CodeUsage)
	pinned.Device = b.device.Key().ID()
	if err := pinned.pair(t); err != nil {
		t.Errorf("without a PIN: %v", err)
	}
	if err := link.Release(t.Context(), pinned.Peer); err != nil {
		t.Fatal(err)
	}
	wantCode(t, "without a PIN, after the release", pinned.pair(t), pay.CodePIN)
}

func TestPairWhenTheDeviceCannotKeep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		keep func(*bench) func(device.State) error
	}{
		{"nothing is kept", func(*bench) func(device.State) error {
			return func(device.State) error { return errDisk }
		}},
		{"it is kept and nobody knows", func(b *bench) func(device.State) error {
			return func(s device.State) error {
				b.put(s)
				return errDisk
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := serve(t)
			w := b.wallet(b.pin(), 1)
			b.onKeep(c.keep(b))
			wantCode(t, "pair", w.pair(t), pay.CodeFailed)
			if _, bound := b.device.Binding(); bound {
				t.Fatal("bound without knowing that it is durable")
			}
			b.onKeep(nil)
			b.restart()
			w.Address = b.addr
			if b.state().Binding == nil {
				w.PIN = b.pin()
			}
			if err := w.pair(t); err != nil || !b.boundTo(w.Key) {
				t.Errorf("after a restart: %v", err)
			}
		})
	}
}

func TestPairWhenTheWalletCannotKeep(t *testing.T) {
	t.Parallel()
	b := serve(t)
	w := b.wallet(b.pin(), 1)
	keep := w.Keep
	w.Keep = func(link.Paired) error { return errDisk }
	if _, err := link.Pair(t.Context(), w.PairOptions); !errors.Is(err, errDisk) {
		t.Fatalf("pair with a full disk: %v", err)
	}
	b.restart()
	w.Keep, w.Address = keep, b.addr
	if err := w.pair(t); err != nil {
		t.Errorf("again, with room on the disk: %v", err)
	}
}

func TestPairUnreachable(t *testing.T) {
	t.Parallel()
	b := serve(t)
	w := b.wallet(pay.PIN{1}, 1)
	b.stop()
	wantCode(t, "nobody listens", w.pair(t), pay.CodeUnreachable)
	w.Address = "nonsense"
	wantCode(t, "no address", w.pair(t), pay.CodeUsage)
	w.Type = "boat"
	wantCode(t, "no type", w.pair(t), pay.CodeUsage)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w.Type, w.Address = pay.TypeTag, b.addr
	if _, err := link.Pair(ctx, w.PairOptions); !errors.Is(err, context.Canceled) {
		t.Errorf("with a context that ended: %v", err)
	}
}

func TestServeEndsWithItsListener(t *testing.T) {
	t.Parallel()
	l := listen(t)
	_ = l.Close()
	err := link.Serve(t.Context(), link.Options{Listener: l, Key: key(t, 1)})
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("serve on a closed listener: %v", err)
	}
}
