package air

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// TryDatagram parses d and, if it is an advert, writes it again and compares.
func TryDatagram(d []byte) error {
	var a ble.Advert
	if err := parseDatagram(&a, d); errors.Is(err, errDatagram) {
		return nil
	} else if err != nil {
		return err
	}
	rssi := pay.RSSI(int8(d[headerBytes-1]))
	if a.HasRSSI && a.RSSI != rssi {
		return fmt.Errorf("strength %d was read as %d", rssi, a.RSSI)
	}
	again, err := appendDatagram(nil, a.Address, rssi, d[headerBytes:])
	if err != nil || !bytes.Equal(again, d) {
		return fmt.Errorf("have %x, %w, want %x", again, err, d)
	}
	return nil
}
