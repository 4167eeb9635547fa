package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/sync/link"
	"golang.org/x/sync/errgroup"
)

// beaconOptions say how a device runs.
type beaconOptions struct {
	radio    radioSpec
	link     string
	rssi     pay.RSSI
	power    pay.RSSI
	interval time.Duration
	exponent pay.Exponent
	// tell says on standard output what the owner of the device wants to see.
	tell func(pairingJSON)
}

// beacon is the node of `beacon run`: the device's role, its link and a radio.
type beacon struct {
	setting
	options beaconOptions
	device  *device.Device
	radio   radio
	link    net.Listener
	events  *eventLog

	mu      sync.Mutex
	started bool
	untold  []pairingJSON // shown before the node said that it is ready
}

func openBeacon(ctx context.Context, s setting, o beaconOptions) (*beacon, error) {
	if role := s.dir.role(); role != "" && role != pay.RoleDevice {
		return nil, pay.NewError(pay.CodeConflict, string(s.dir)+" is the directory of a "+string(role), "give the device a directory of its own")
	}
	state, err := s.dir.loadOrMakeDevice(o.exponent, s.clock.millis())
	if err != nil {
		return nil, err
	}
	b := &beacon{setting: s, options: o, events: newEventLog(s.clock.now, eventFeed{})}
	if b.radio, err = openRadio(ctx, s, o.radio, radioOptions{rssi: o.rssi}); err != nil {
		return nil, err
	}
	if err := mayAdvertise(ctx, o.radio); err != nil {
		b.close()
		return nil, err
	}
	if b.link, err = s.listenLink(ctx, o.link); err != nil {
		b.close()
		return nil, err
	}
	b.device, err = device.Open(device.Options{
		State: state, Now: s.clock.now, Random: rand.Reader,
		Keep: func(st device.State) error { return s.dir.write(deviceFile, st.Encode()) },
		Tell: b.tell,
	})
	if err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// loadOrMakeDevice returns the device kept in the directory, making it first
// when there is none.
func (d dataDir) loadOrMakeDevice(k pay.Exponent, now pay.Time) (device.State, error) {
	raw, err := os.ReadFile(d.path(deviceFile))
	switch {
	case err == nil:
		return device.Decode(raw)
	case !errors.Is(err, fs.ErrNotExist):
		return device.State{}, pay.Wrap(err, pay.CodeConfig, "read "+d.path(deviceFile), "check its permissions")
	}
	state, err := device.New(rand.Reader, k, now)
	if err != nil {
		return state, err
	}
	return state, d.write(deviceFile, state.Encode())
}

func (b *beacon) close() {
	if b.link != nil {
		_ = b.link.Close()
	}
	b.radio.close()
}

func (b *beacon) tell(e device.Event) {
	switch e.Kind {
	case device.EventPairing:
		at := reachable(b.link.Addr())
		b.show(pairingJSON{V: 1, Type: "pairing", Link: at, PIN: e.PIN.String(), Expires: e.Expires.String(), QR: pay.PairingText{
			Link: at, PIN: e.PIN, Device: b.device.Key().ID(),
		}.String()})
	case device.EventPaired:
		b.log.Info("paired", "wallet", e.Wallet.Short())
		b.events.add(deviceEvent(pay.DeviceActive, e.Wallet))
	case device.EventAuthenticated:
		b.log.Info("gave its word", "wallet", e.Wallet.Short(), "for", string(e.Signed.Purpose), "amount", formatMoney(e.Signed.Amount, e.Signed.Currency))
	case device.EventReleased:
		b.log.Info("released by its wallet", "wallet", e.Wallet.Short())
		b.events.add(deviceEvent(pay.DeviceRevoked, e.Wallet))
	case device.EventSilent:
		hint := ""
		if pe := (*pay.Error)(nil); errors.As(e.Err, &pe) {
			hint = pe.Hint
		}
		b.log.Warn("nothing is broadcast; trying again", "error", e.Err, "hint", hint)
	}
}

// show tells a PIN, but not before the node has said that it is ready.
func (b *beacon) show(p pairingJSON) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		b.untold = append(b.untold, p)
		return
	}
	b.options.tell(p)
}

func (b *beacon) start(ctx context.Context, parts *errgroup.Group) {
	b.mu.Lock()
	b.started = true
	for _, p := range b.untold {
		b.options.tell(p)
	}
	b.mu.Unlock()
	parts.Go(func() error { return b.device.Run(ctx, b) })
	parts.Go(func() error {
		return link.Serve(ctx, link.Options{
			Listener: b.link, Key: b.device.Key(), Log: b.log, Release: b.device.Release,
			Meet: func(wallet pay.PublicKey, exporter []byte) link.Session {
				return crashing{b.device.Meet(wallet, exporter), b.seams}
			},
		})
	})
}

// Broadcast puts one code on the air until ctx ends, from a fresh address.
func (b *beacon) Broadcast(ctx context.Context, code pay.Code) error {
	return b.radio.advertiser.Advertise(ctx, ble.AppendEID(nil, code, b.options.power), b.options.interval)
}

func (b *beacon) eventLog() *eventLog { return b.events }

func (b *beacon) ready() readyJSON {
	_, paired := b.device.Binding()
	return readyJSON{V: 1, Type: "ready", Role: pay.RoleDevice, Node: b.device.Key().ID().String(), Link: b.link.Addr().String(), Paired: &paired}
}

func (b *beacon) verbs() verbs {
	return verbs{
		"ready":  on(true, func(context.Context, noQuery) (any, error) { return b.ready(), nil }),
		"events": on(true, b.events.read),
		"health": on(false, func(context.Context, noQuery) (any, error) {
			return healthJSON{V: 1, Type: "health", Spec: b.options.radio.String()}, nil
		}),
	}
}
