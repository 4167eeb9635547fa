package main

import (
	"context"

	"github.com/paybeacon/paybeacon/ble/bluez"
)

func openBlueZ(ctx context.Context, s setting, adapter string) (radio, error) {
	b, err := bluez.Open(ctx, bluez.Options{Adapter: adapter, Now: s.clock.now, Log: s.log})
	if err != nil {
		return radio{}, err
	}
	return radio{scanner: b, advertiser: b, close: func() {}}, nil
}
