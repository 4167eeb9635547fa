package pay

import "fmt"

// Two channels. A payment by one channel needs a code from the air and the
// approval of the payer's wallet. A payment that is stepped up to two channels
// needs the device as well: over the link, which nobody else can use, the device
// gives its wallet an authentication code for this one payment, and the wallet
// sends it along with the approval.
//
//	registry --challenge--> wallet --what is asked--> device
//	         <---answer-----        <-----code-------
//	         (approval, code)
//
// The code travels to nobody but the registry. The box learns from the decision
// that two channels were used and why, never the code or which device.

// Method is by how many channels a payment is made, or that it is by a mandate.
type Method string

// The methods. A decision leaves the first one out.
const (
	MethodOne        Method = "one"
	MethodTwoChannel Method = "two_channel"
	// MethodMandate: nobody was asked, because a mandate of the payer's covers it.
	MethodMandate Method = "mandate"
)

// StepUp is the reason why a payment needs two channels; "" means that it needs
// one. It is a stable name.
type StepUp string

// The reasons for a step-up, the most alarming first. Where several apply, a
// decision names the first.
const (
	StepUpElsewhere StepUp = "code_elsewhere" // the registry: the code was heard at two sites within one step
	StepUpDrift     StepUp = "clock_drift"    // the registry: the device's clock ran off by more than a clock may
	StepUpRepaired  StepUp = "re_paired"      // the registry: first payment since the device was paired again
	StepUpSilence   StepUp = "long_silence"   // the registry: the device was not resolved for SilenceMax
	StepUpPayer     StepUp = "payer_limit"    // the payer: the amount is above what the wallet's StepUpAbove allows
	StepUpFuel      StepUp = "fuel"           // it is for fuel, of which the device is to know where and what
	StepUpMerchant  StepUp = "merchant"       // the merchant asked for it
)

// check bounds the name; one that this program does not know is kept.
func (s StepUp) check() error { return checkText("step-up", string(s), stepUpBytesMax) }

// Method returns by how many channels a payment with this step-up is made.
func (s StepUp) Method() Method {
	if s != "" {
		return MethodTwoChannel
	}
	return MethodOne
}

// NeedsPerson reports whether a person must approve and no rule may: what
// happened looks like somebody carrying the code elsewhere, and only its owner
// knows whether it is so.
func (s StepUp) NeedsPerson() bool { return s == StepUpElsewhere }

// Nonce is the registry's challenge for one payment. Nobody can know it before
// the registry has published it.
type Nonce [16]byte

// Challenge is the registry's statement to one wallet that a payment needs an
// authentication code, and of which device. It stands in the wallet's feed
// before the offer that it belongs to, and in no other feed.
type Challenge struct {
	Payment PaymentID `cbor:"1,keyasint"`
	Device  DeviceID  `cbor:"2,keyasint"`
	Nonce   Nonce     `cbor:"3,keyasint"`
	At      Time      `cbor:"4,keyasint"`
}

// Kind returns KindChallenge.
func (Challenge) Kind() Kind { return KindChallenge }

// Check returns nil when every field is within its bounds.
func (c Challenge) Check() error {
	if c.Payment.IsZero() || c.Device.IsZero() {
		return fmt.Errorf("challenge names no payment or no device")
	}
	return c.At.check()
}

// StepUpAbove is a wallet's claim that payments above an amount need its device.
// To lower the amount, or to set the first, the wallet's signature is enough. To
// raise or lift it a device has to agree, or whoever holds a stolen phone would
// begin with that.
type StepUpAbove struct {
	Before   FactID   `cbor:"1,keyasint"` // the claim in force that this one replaces, zero for none
	Above    Amount   `cbor:"2,keyasint"` // 0: every payment; AmountMax: none
	Currency Currency `cbor:"3,keyasint"`
	Device   DeviceID `cbor:"4,keyasint"` // whose code it is, zero without one
	Code     AuthCode `cbor:"5,keyasint,omitzero"`
	Created  Time     `cbor:"6,keyasint"`
}

// Kind returns KindStepUpAbove.
func (StepUpAbove) Kind() Kind { return KindStepUpAbove }

// Check returns nil when every field is within its bounds.
func (s StepUpAbove) Check() error {
	switch {
	case s.Above < 0 || s.Above > AmountMax:
		return fmt.Errorf("step-up above %d is outside 0..%d", s.Above, AmountMax)
	case s.Device.IsZero() != s.Code.IsZero():
		return fmt.Errorf("a step-up names a device exactly when it has its code")
	}
	return firstError(s.Currency.Check(), s.Created.check())
}

// Loosens reports whether s asks for less protection than a step-up above the
// given amount gives.
func (s StepUpAbove) Loosens(above Amount) bool { return s.Above > above }

// StepUpStatus is the registry's statement that a wallet's StepUpAbove is in
// force. It names the claim.
type StepUpStatus struct {
	Claim    FactID   `cbor:"1,keyasint"`
	Above    Amount   `cbor:"2,keyasint"`
	Currency Currency `cbor:"3,keyasint"`
	At       Time     `cbor:"4,keyasint"`
}

// Kind returns KindStepUp.
func (StepUpStatus) Kind() Kind { return KindStepUp }

// Check returns nil when every field is within its bounds.
func (s StepUpStatus) Check() error {
	if s.Claim.IsZero() || s.Above < 0 || s.Above > AmountMax {
		return fmt.Errorf("step-up names no claim, or is outside 0..%d", AmountMax)
	}
	return firstError(s.Currency.Check(), s.At.check())
}
