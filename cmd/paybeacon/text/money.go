package text

import (
	"fmt"
	"strings"

	"github.com/bojanz/currency"

	"github.com/paybeacon/paybeacon/pay"
)

// ParseAmount reads a decimal such as 12.50 as minor units of cur. It refuses what is
// zero, negative, malformed, too precise for the currency or too large, with a
// *pay.Error with CodeAmount; an unknown currency has CodeCurrency.
func ParseAmount(s string, cur pay.Currency) (pay.Amount, error) {
	refuse := func(why string) (pay.Amount, error) {
		return 0, pay.NewError(pay.CodeAmount, fmt.Sprintf("amount %q %s", Printable(s), why),
			fmt.Sprintf("write a plain decimal above zero, such as %s", FormatAmount(1250, cur)))
	}
	digits, known := currency.GetDigits(string(cur))
	if !known {
		return 0, unknownCurrency(cur)
	}
	whole, fraction, hasPoint := strings.Cut(s, ".")
	if !isDigits(whole) || (hasPoint && !isDigits(fraction)) {
		return refuse("is not a plain decimal number")
	}
	if len(fraction) > int(digits) {
		return refuse(fmt.Sprintf("has more than the %d decimals of %s", digits, cur))
	}
	if len(strings.TrimLeft(whole, "0"))+int(digits) > 18 {
		return refuse("is too large")
	}
	parsed, err := currency.NewAmount(s, string(cur))
	if err != nil {
		return refuse("is not a plain decimal number")
	}
	minor, err := parsed.Int64()
	if err != nil {
		return refuse("is too large")
	}
	a := pay.Amount(minor)
	if a == 0 {
		return refuse("is zero")
	}
	if a.CheckPayable() != nil {
		return refuse(fmt.Sprintf("is above the limit of %s", FormatAmount(pay.AmountMax, cur)))
	}
	return a, nil
}

// FormatAmount writes minor units as a plain decimal, without the currency.
func FormatAmount(a pay.Amount, cur pay.Currency) string {
	parsed, err := currency.NewAmountFromInt64(int64(a), string(cur))
	if err != nil {
		return fmt.Sprintf("%d minor units", a)
	}
	return parsed.Number()
}

// FormatMoney writes minor units with the currency, such as "12.50 EUR".
func FormatMoney(a pay.Amount, cur pay.Currency) string {
	return FormatAmount(a, cur) + " " + string(cur)
}

// ParseCurrency reads an ISO 4217 code. Its error is a *pay.Error with CodeCurrency.
func ParseCurrency(s string) (pay.Currency, error) {
	cur := pay.Currency(s)
	if cur.Check() != nil || !currency.IsValid(s) {
		return "", unknownCurrency(cur)
	}
	return cur, nil
}

func unknownCurrency(cur pay.Currency) error {
	return pay.NewError(pay.CodeCurrency, fmt.Sprintf("currency %q is not known", Printable(string(cur))), "use an ISO 4217 code such as EUR")
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// Digits returns how many decimals a currency has; 2 for one that is not known.
func Digits(cur pay.Currency) int {
	digits, known := currency.GetDigits(string(cur))
	if !known {
		return 2
	}
	return int(digits)
}
