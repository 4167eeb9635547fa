//go:build !linux

package main

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
)

func openBlueZ(context.Context, setting, string) (radio, error) {
	return radio{}, pay.NewError(pay.CodeRadio, "BlueZ is only on Linux", "use --radio air:DIR or replay:FILE here")
}
