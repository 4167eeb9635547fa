package radio

import (
	"context"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/bluez"
)

func openBlueZ(ctx context.Context, spec Spec, o Options) (Radio, error) {
	b, err := bluez.Open(ctx, bluez.Options{
		Adapter: spec.Adapter, Marker: spec.Marker, Health: o.Health, Now: o.Now, Log: o.Log,
	})
	if err != nil {
		return Radio{}, err
	}
	return Radio{Scanner: b, Advertiser: b, Close: func() {}}, nil
}

// ListAdapters returns the adapters of this machine, by name.
func ListAdapters(ctx context.Context) ([]ble.Adapter, error) { return bluez.Adapters(ctx) }
