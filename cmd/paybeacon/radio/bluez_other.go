//go:build !linux

package radio

import (
	"context"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

func openBlueZ(context.Context, Spec, Options) (Radio, error) {
	return Radio{}, errNoBlueZ()
}

// ListAdapters returns a *pay.Error with CodeRadio: BlueZ is only on Linux.
func ListAdapters(context.Context) ([]ble.Adapter, error) { return nil, errNoBlueZ() }

func errNoBlueZ() error {
	return pay.NewError(pay.CodeRadio, "BlueZ is only on Linux", "use --radio air:DIR or replay:FILE here")
}
