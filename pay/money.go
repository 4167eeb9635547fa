package pay

import (
	"errors"
	"fmt"
	"math"
)

// Amount is a sum in minor units (cents for EUR, won for KRW). It never is a
// fraction and never passes through a floating-point number.
type Amount int64

// Currency is an ISO 4217 code of three capital letters.
type Currency string

// ErrOverflow means that a sum does not fit an Amount.
var ErrOverflow = errors.New("pay: amount overflows")

// Add returns a+b, or ErrOverflow.
func (a Amount) Add(b Amount) (Amount, error) {
	if (b > 0 && a > math.MaxInt64-b) || (b < 0 && a < math.MinInt64-b) {
		return 0, fmt.Errorf("add %d to %d: %w", b, a, ErrOverflow)
	}
	return a + b, nil
}

// Sub returns a-b, or ErrOverflow.
func (a Amount) Sub(b Amount) (Amount, error) {
	if (b < 0 && a > math.MaxInt64+b) || (b > 0 && a < math.MinInt64+b) {
		return 0, fmt.Errorf("subtract %d from %d: %w", b, a, ErrOverflow)
	}
	return a - b, nil
}

// CheckPayable returns nil when a is an amount one may ask for: above zero and
// at most AmountMax.
func (a Amount) CheckPayable() error {
	if a <= 0 {
		return fmt.Errorf("amount %d is not above zero", a)
	}
	if a > AmountMax {
		return fmt.Errorf("amount %d is above the limit of %d minor units", a, int64(AmountMax))
	}
	return nil
}

// CheckBalance returns nil when a is an amount that an account may hold: above zero
// and at most BalanceMax.
func (a Amount) CheckBalance() error {
	if a <= 0 {
		return fmt.Errorf("amount %d is not above zero", a)
	}
	if a > BalanceMax {
		return fmt.Errorf("amount %d is above the limit of %d minor units", a, int64(BalanceMax))
	}
	return nil
}

// Check returns nil when c is three capital letters. Whether a registry deals
// in that currency, it decides itself.
func (c Currency) Check() error {
	if len(c) != 3 {
		return fmt.Errorf("currency %q is not three capital letters", string(c))
	}
	for i := 0; i < len(c); i++ {
		if c[i] < 'A' || c[i] > 'Z' {
			return fmt.Errorf("currency %q is not three capital letters", string(c))
		}
	}
	return nil
}
