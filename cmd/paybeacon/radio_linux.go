package main

import (
	"context"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
)

func openBlueZ(ctx context.Context, s setting, spec radioSpec, o radioOptions) (radio, error) {
	b, err := bluez.Open(ctx, bluez.Options{
		Adapter: spec.adapter, Marker: spec.marker, Health: o.health, Now: s.clock.now, Log: s.log,
	})
	if err != nil {
		return radio{}, err
	}
	return radio{scanner: b, advertiser: b, close: func() {}}, nil
}

// listAdapters returns the radios of this machine, by name.
func listAdapters(ctx context.Context) ([]ble.Adapter, error) { return bluez.Adapters(ctx) }
