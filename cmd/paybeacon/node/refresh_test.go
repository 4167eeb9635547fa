package node

import (
	"context"
	"crypto/rand"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

// interrupted is a session in which something happens before the device binds.
type interrupted struct {
	*device.Session
	before func()
}

func (i interrupted) Bind(registry pay.NodeID, resolver pay.BeaconKey, kind pay.DeviceType) ([]byte, error) {
	i.before()
	return i.Session.Bind(registry, resolver, kind)
}

type noAir struct{}

func (noAir) Broadcast(ctx context.Context, _ pay.Code) error {
	<-ctx.Done()
	return nil
}

// linkedDevice pairs a device with the wallet over its link and returns what the
// registry said of it. before runs whenever the device is about to bind again.
func linkedDevice(t *testing.T, w *loneWallet, before func()) pay.DeviceStatus {
	t.Helper()
	w.member.Resolver = pay.BeaconKey{9}
	state, err := device.New(rand.Reader, 6, pay.TimeOf(time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	pins := make(chan pay.PIN, 1)
	var later atomic.Bool // some seconds after the pairing, so that the bind is another
	now := func() time.Time {
		if later.Load() {
			return time.Now().Add(5 * time.Second)
		}
		return time.Now()
	}
	d, err := device.Open(device.Options{
		State: state, Now: now, Random: rand.Reader, Keep: func(device.State) error { return nil },
		Tell: func(e device.Event) {
			if e.Kind == device.EventPairing {
				pins <- e.PIN
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	var parts sync.WaitGroup
	var armed sync.Once
	parts.Go(func() { _ = d.Run(ctx, noAir{}) })
	parts.Go(func() {
		_ = link.Serve(ctx, link.Options{Listener: l, Key: d.Key(), Release: d.Release, Meet: func(of pay.PublicKey, exporter []byte) link.Session {
			interrupt := before
			armed.Do(func() { interrupt = func() {} }) // the first conversation pairs
			return interrupted{d.Meet(of, exporter), interrupt}
		}})
	})
	t.Cleanup(func() { stop(); parts.Wait() })
	root, err := w.member.RootID()
	if err != nil {
		t.Fatal(err)
	}
	var mapped pay.FactID
	_, err = link.Pair(t.Context(), link.PairOptions{
		Peer: link.Peer{Address: l.Addr().String(), Key: w.key}, PIN: <-pins, Registry: root, Resolver: w.member.Resolver, Type: pay.TypeTag,
		Keep: func(p link.Paired) error {
			return w.store.Do(t.Context(), func(tx *store.Tx) error {
				_, r, err := w.wallet.Map(tx, tx.Now(), wallet.Pairing{Bind: p.Bind, Vehicle: "plate=AB1", Link: l.Addr().String()})
				if err != nil {
					return err
				}
				mapped = r.Publications[0].Fact.ID()
				return tx.Publish(r)
			})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	said := pay.DeviceStatus{Device: d.Key().ID(), Claim: mapped, State: pay.DeviceActive, Type: pay.TypeTag, Vehicle: "plate=AB1", At: w.store.Now()}
	w.deliver(said)
	later.Store(true)
	return said
}

func (w *loneWallet) deviceNow(id pay.DeviceID) (d wallet.Device) {
	w.t.Helper()
	err := w.store.View(w.t.Context(), func(v *store.View) (err error) {
		d, err = w.wallet.Device(v, id.String())
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return d
}

// TestRefreshLeavesTheOwnerTheLastWord: what the owner says of a device while
// the wallet has it sign its counter anew stands. Above all a device that he
// revokes, perhaps because a thief has it and lets the wallet wait, stays revoked.
func TestRefreshLeavesTheOwnerTheLastWord(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		meanwhile func(w *loneWallet, said pay.DeviceStatus)
		want      func(d wallet.Device) bool
	}{
		"nothing happens": {
			func(*loneWallet, pay.DeviceStatus) {},
			func(d wallet.Device) bool {
				return d.State == pay.DevicePending && d.Vehicle == "plate=AB1" && d.Link != ""
			},
		},
		"it is being revoked": {
			func(w *loneWallet, said pay.DeviceStatus) { w.revokeDevice(said.Device) },
			func(d wallet.Device) bool { return d.State == pay.DeviceActive && d.Revoking },
		},
		"it is revoked": {
			func(w *loneWallet, said pay.DeviceStatus) {
				said.Claim, said.State, said.At = w.revokeDevice(said.Device), pay.DeviceRevoked, said.At+1
				w.deliver(said)
			},
			func(d wallet.Device) bool { return d.State == pay.DeviceRevoked },
		},
		"its link moves": {
			func(w *loneWallet, said pay.DeviceStatus) {
				w.inStore(func(tx *store.Tx) error {
					_, err := w.wallet.MoveDevice(tx, said.Device, "10.0.0.7:7444")
					return err
				})
			},
			func(d wallet.Device) bool { return d.State == pay.DevicePending && d.Link == "10.0.0.7:7444" },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newLoneWallet(t, "ask")
			var said pay.DeviceStatus
			said = linkedDevice(t, w, func() { c.meanwhile(w, said) })
			if _, err := w.refreshAll(t.Context(), true, map[pay.DeviceID]time.Time{}); err != nil {
				t.Fatal(err)
			}
			if d := w.deviceNow(said.Device); !c.want(d) {
				t.Errorf("the device is %+v", d)
			}
		})
	}
}

func (w *loneWallet) inStore(do func(tx *store.Tx) error) {
	if err := w.store.Do(w.t.Context(), do); err != nil {
		w.t.Error(err) // of another goroutine than the test's
	}
}

func (w *loneWallet) revokeDevice(id pay.DeviceID) (claim pay.FactID) {
	w.inStore(func(tx *store.Tx) error {
		_, r, err := w.wallet.RevokeDevice(tx, tx.Now(), id.String())
		if err != nil {
			return err
		}
		claim = r.Publications[0].Fact.ID()
		return tx.Publish(r)
	})
	return claim
}

// TestDeviceSpeaksWhileItIsRefreshed: a mapping that only waits for the
// registry's word takes nothing away. The device is asked as before, for a
// payment and for a limit.
func TestDeviceSpeaksWhileItIsRefreshed(t *testing.T) {
	t.Parallel()
	w := newLoneWallet(t, "ask")
	said := linkedDevice(t, w, func() {})
	if _, err := w.refreshAll(t.Context(), true, map[pay.DeviceID]time.Time{}); err != nil {
		t.Fatal(err)
	}
	d := w.deviceNow(said.Device)
	if d.State != pay.DevicePending {
		t.Fatalf("the device is %s", d.State)
	}
	a := pay.Authentication{Purpose: pay.PurposePay, Merchant: "m/cafe", Amount: 1250, Currency: "EUR", Wallet: w.key.ID()}
	a.Registry, _ = w.member.RootID()
	if _, err := w.authenticate(t.Context(), d, a); err != nil {
		t.Errorf("for a payment: %v", err)
	}
	a.Purpose, a.Merchant = pay.PurposeStepUpAbove, ""
	if by, _, err := w.anyWitness(t.Context(), a); err != nil || by != said.Device {
		t.Errorf("for a limit: %v", err)
	}
}
