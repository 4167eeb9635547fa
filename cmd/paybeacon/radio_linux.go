package main

import (
	"github.com/paybeacon/paybeacon/ble/bluez"
)

const adapterDefault = "hci0"

func openBlueZ(adapter string) (radio, error) {
	if adapter == "" {
		adapter = adapterDefault
	}
	b, err := bluez.Open(adapter)
	if err != nil {
		return radio{}, err
	}
	return radio{scanner: b, advertiser: b, close: b.Close}, nil
}
