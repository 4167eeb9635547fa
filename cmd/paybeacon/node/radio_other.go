//go:build !linux

package node

import (
	"context"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

func openBlueZ(context.Context, Env, RadioSpec, radioOptions) (radio, error) {
	return radio{}, errNoBlueZ()
}

func ListAdapters(context.Context) ([]ble.Adapter, error) { return nil, errNoBlueZ() }

func errNoBlueZ() error {
	return pay.NewError(pay.CodeRadio, "BlueZ is only on Linux", "use --radio air:DIR or replay:FILE here")
}
