package node

import (
	"context"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
)

func openBlueZ(ctx context.Context, spec RadioSpec, o radioOptions) (radio, error) {
	b, err := bluez.Open(ctx, bluez.Options{
		Adapter: spec.Adapter, Marker: spec.Marker, Health: o.health, Now: o.now, Log: o.log,
	})
	if err != nil {
		return radio{}, err
	}
	return radio{scanner: b, advertiser: b, close: func() {}}, nil
}

// ListAdapters returns the adapters of this machine, by name.
func ListAdapters(ctx context.Context) ([]ble.Adapter, error) { return bluez.Adapters(ctx) }
