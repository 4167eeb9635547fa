package stripe

import "github.com/paybeacon/paybeacon/pay"

// Stripe counts in the minor units of ISO 4217, with exceptions
// (https://docs.stripe.com/currencies): some currencies have no minor unit there that ISO
// gives them, or one that ISO does not, and of those with three digits the last one must
// be zero: such an amount is not rounded, since the payer approved that one and no other.
var (
	otherUnits = map[pay.Currency]bool{"ISK": true, "MGA": true, "UGX": true, "MRU": true}
	threeDigit = map[pay.Currency]bool{"BHD": true, "IQD": true, "JOD": true, "KWD": true, "LYD": true, "OMR": true, "TND": true}
)

// amountMax is the largest amount that Stripe takes: eight digits.
const amountMax = 99_999_999

// unitsOf returns an amount as Stripe counts it; ok is false for one that it does not take.
func unitsOf(c pay.Currency, a pay.Amount) (units int64, ok bool) {
	if otherUnits[c] || (threeDigit[c] && a%10 != 0) || a <= 0 || a > amountMax {
		return 0, false
	}
	return int64(a), true
}
