package pay

import "fmt"

// Vouched is the registry's statement that its operator vouches for a device of a
// wallet: its owner stood before the operator, so that its authentication codes count
// at once and not after DeviceProbation. It stands in the wallet's feed and in the
// registry's own.
type Vouched struct {
	Wallet Scope    `cbor:"1,keyasint"`
	Device DeviceID `cbor:"2,keyasint"`
	At     Time     `cbor:"3,keyasint"`
}

// Kind returns KindVouched.
func (Vouched) Kind() Kind { return KindVouched }

// Check returns nil when every field is within its bounds.
func (v Vouched) Check() error {
	if v.Device.IsZero() {
		return fmt.Errorf("nobody vouches for no device")
	}
	return firstError(v.Wallet.check("w/"), v.At.check())
}
