package node

import (
	"cmp"
	"context"
	"crypto/rand"
	"net"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/events"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/sync/link"
)

// DeviceOptions say how a device is opened.
type DeviceOptions struct {
	Env   process.Env
	Radio radio.Spec
	// Link is where its wallet reaches it, HOST:PORT; with port 0 the one of last
	// time, if it is free.
	Link string
	// RSSI is the strength at which others in a simulated air hear it, and Power the
	// one at 1 m that it states.
	RSSI  pay.RSSI
	Power pay.RSSI
	// Fixed means that its wallet does not correct Power.
	Fixed bool
	// SecondRSSI is the strength at which the second of two simulated airs hears it.
	SecondRSSI pay.RSSI
	// Interval is how often it broadcasts.
	Interval time.Duration
	// Exponent is how long a code lives, 2^Exponent seconds; it counts for a new
	// device only.
	Exponent pay.Exponent
	// Type is what it is paired as where the wallet does not say; "" is a tag.
	Type pay.DeviceType
	// Tell shows the owner of the device how to pair it.
	Tell func(api.Pairing)
}

// Device is the node of `beacon run`: the device's role, its link and a radio.
type Device struct {
	process.Env
	options DeviceOptions
	device  *device.Device
	radio   radio.Radio
	link    net.Listener
	events  *events.Log

	mu      sync.Mutex
	started bool
	untold  []api.Pairing // shown before the node said that it is ready
}

// OpenDevice opens the device of a directory, which it makes where there is none.
// Its errors are *pay.Error.
func OpenDevice(ctx context.Context, o DeviceOptions) (*Device, error) {
	env := o.Env
	if role := env.Dir.Role(); role != "" && role != pay.RoleDevice {
		return nil, pay.NewError(pay.CodeConflict, string(env.Dir)+" is the directory of a "+string(role), "give the device a directory of its own")
	}
	state, err := env.Dir.LoadOrMakeDevice(o.Exponent, pay.TimeOf(env.Now()))
	if err != nil {
		return nil, err
	}
	b := &Device{Env: env, options: o, events: events.NewLog(env.Now, events.Feed{})}
	if b.radio, err = radio.Open(ctx, o.Radio, radio.Options{Now: env.Now, Log: env.Log, RSSI: o.RSSI, SecondRSSI: o.SecondRSSI}); err != nil {
		return nil, err
	}
	if err := radio.MayAdvertise(ctx, o.Radio); err != nil {
		b.Close()
		return nil, err
	}
	if b.link, err = listenLink(ctx, env, o.Link); err != nil {
		b.Close()
		return nil, err
	}
	b.device, err = device.Open(device.Options{
		State: state, Fixed: o.Fixed, Now: env.Now, Boot: env.Boot, Random: rand.Reader,
		Keep: func(st device.State) error { return env.Dir.Write(datadir.DeviceFile, st.Encode()) },
		Tell: b.tell,
	})
	if err != nil {
		b.Close()
		return nil, err
	}
	return b, nil
}

// Close closes what OpenDevice opened.
func (b *Device) Close() {
	if b.link != nil {
		_ = b.link.Close()
	}
	b.radio.Close()
}

func (b *Device) tell(e device.Event) {
	switch e.Kind {
	case device.EventPairing:
		at := reachable(b.link.Addr())
		b.show(api.Pairing{V: 1, Type: "pairing", Link: at, PIN: e.PIN.String(), Expires: e.Expires.String(), QR: pay.PairingText{
			Link: at, PIN: e.PIN, Device: b.device.Key().ID(),
		}.String()})
	case device.EventPaired:
		b.Log.Info("paired", "wallet", e.Wallet.Short())
		b.events.Add(api.NewDeviceEvent(pay.DeviceActive, e.Wallet))
	case device.EventAuthenticated:
		b.Log.Info("gave its word", "wallet", e.Wallet.Short(), "for", string(e.Signed.Purpose), "amount", text.FormatMoney(e.Signed.Amount, e.Signed.Currency))
	case device.EventSucceeded:
		b.Log.Info("belongs to the wallet that took the place of its own", "wallet", e.Wallet.Short())
		b.events.Add(api.NewDeviceEvent(pay.DeviceActive, e.Wallet))
	case device.EventLevel:
		b.Log.Info("states another power from the next code on, as its wallet has learned", "by", int(e.Level))
	case device.EventReleased:
		b.Log.Info("released by its wallet", "wallet", e.Wallet.Short())
		b.events.Add(api.NewDeviceEvent(pay.DeviceRevoked, e.Wallet))
	case device.EventSilent:
		b.Log.Warn("nothing is broadcast; trying again", "error", e.Err, "hint", api.HintOf(e.Err))
	}
}

// show tells a PIN, but not before the node has said that it is ready.
func (b *Device) show(p api.Pairing) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.started {
		b.untold = append(b.untold, p)
		return
	}
	b.options.Tell(p)
}

// Run broadcasts while it is paired and answers on its link, until ctx ends. What
// there is to show its owner is shown from now on.
func (b *Device) Run(ctx context.Context) error {
	b.mu.Lock()
	b.started = true
	for _, p := range b.untold {
		b.options.Tell(p)
	}
	b.mu.Unlock()
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return b.device.Run(ctx, b) })
	parts.Go(func() error {
		return link.Serve(ctx, link.Options{
			Listener: b.link, Key: b.device.Key(), Log: b.Log, Release: b.device.Release,
			Meet: func(wallet pay.PublicKey, exporter []byte) link.Session {
				return typed{crashing{b.device.Meet(wallet, exporter), b.Seams}, b.options.Type}
			},
		})
	})
	return parts.Wait()
}

// typed is a session of a device of some type.
type typed struct {
	link.Session
	own pay.DeviceType
}

// Bind binds the device as what it is where the wallet does not say what.
func (s typed) Bind(registry pay.NodeID, resolver pay.BeaconKey, kind pay.DeviceType) ([]byte, error) {
	return s.Session.Bind(registry, resolver, cmp.Or(kind, s.own, pay.TypeTag))
}

// Broadcast puts one code on the air until ctx ends, from a fresh address.
func (b *Device) Broadcast(ctx context.Context, code pay.Code) error {
	power := b.options.Power
	if !b.options.Fixed {
		power += pay.RSSI(b.device.Level()) // AppendEID clamps it
	}
	return b.radio.Advertiser.Advertise(ctx, ble.AppendEID(nil, code, power), b.options.Interval)
}

func (b *Device) eventLog() *events.Log { return b.events }

// Ready is where the device is reached, and whether it is paired.
func (b *Device) Ready() api.Ready {
	_, paired := b.device.Binding()
	return api.Ready{V: 1, Type: "ready", Role: pay.RoleDevice, Node: b.device.Key().ID().String(), Link: b.link.Addr().String(), Paired: &paired}
}

// Verbs are what the node can be asked.
func (b *Device) Verbs() api.Verbs {
	return api.NewVerbs(
		api.On(api.VerbReady, func(context.Context, api.Nothing) (api.Ready, error) { return b.Ready(), nil }),
		api.On(api.VerbHealth, func(context.Context, api.Nothing) (api.Health, error) {
			return api.Health{V: 1, Type: "health", Spec: b.options.Radio.String()}, nil
		}),
		api.On(api.VerbEvents, b.events.Read),
	)
}
