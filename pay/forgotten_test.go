package pay_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// A device that never forgot anything binds as devices of older versions do: the
// registry encodes what it read again, and refused the binds of those.
func TestBindWithoutFormerIdentitiesIsAsBefore(t *testing.T) {
	t.Parallel()
	device := keyOf(t, successorSeed)
	bind := pay.Bind{Device: device.Public(), Exponent: 6, Type: pay.TypeTag}
	var all map[uint64]any
	if err := pay.Decode(pay.Encode(bind), &all); err != nil {
		t.Fatal(err)
	}
	if former, ok := all[65]; ok {
		t.Errorf("the bind holds key 65: %v", former)
	}
}
