package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/air"
	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/pay"
)

// scanner hears adverts until ctx ends. each must be quick.
type scanner interface {
	Scan(ctx context.Context, each func(ble.Advert)) error
}

// advertiser sends payload at each interval until ctx ends, from an address
// that is fresh for each call.
type advertiser interface {
	Advertise(ctx context.Context, payload []byte, interval time.Duration) error
}

// radio is an open radio. A recorded capture can only be listened to.
type radio struct {
	scanner    scanner
	advertiser advertiser
	close      func()
}

// openRadio opens what --radio names: bluez[:hci0], air:DIR or replay:FILE.
// rssi is the strength at which others in a simulated air hear this process.
func openRadio(ctx context.Context, s setting, spec string, rssi pay.RSSI) (radio, error) {
	now := s.clock.now
	kind, rest, _ := strings.Cut(spec, ":")
	switch {
	case spec == "":
		return radio{}, pay.NewError(pay.CodeUsage, "--radio is missing", "write --radio bluez:hci0, air:DIR or replay:FILE")
	case kind == "bluez":
		return openBlueZ(ctx, s, rest)
	case kind == "air" && rest != "":
		a, err := air.Open(air.Options{Dir: rest, RSSI: rssi, Now: now})
		if err != nil {
			return radio{}, err
		}
		return radio{scanner: a, advertiser: a, close: func() { _ = a.Close() }}, nil
	case kind == "replay" && rest != "":
		p, err := replay.Open(replay.Options{File: rest, Now: now})
		if err != nil {
			return radio{}, err
		}
		return radio{scanner: p, close: func() {}}, nil
	default:
		return radio{}, pay.NewError(pay.CodeUsage, fmt.Sprintf("radio %q is not known", printable(spec)), "write --radio bluez:hci0, air:DIR or replay:FILE")
	}
}
