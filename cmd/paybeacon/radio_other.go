//go:build !linux

package main

import "github.com/paybeacon/paybeacon/pay"

func openBlueZ(string) (radio, error) {
	return radio{}, pay.NewError(pay.CodeRadio, "BlueZ is only on Linux", "use --radio air:DIR or replay:FILE here")
}
