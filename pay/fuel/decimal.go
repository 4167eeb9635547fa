package fuel

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// Posted is the price of one product at a station.
type Posted struct {
	Product pay.Product
	Price   pay.UnitPrice
}

// ParsePrices reads prices as in "diesel=1.639,petrol95=1.759". A price has one decimal
// more than the currency, whose digits are given, or fewer. What is malformed, too
// precise, not above zero or too large, and a product that stands twice, is a *pay.Error.
func ParsePrices(s string, digits int) ([]Posted, error) {
	parts := strings.Split(s, ",")
	if len(parts) > pay.PricesMax {
		return nil, pay.NewCase(pay.CodeUsage, "prices_many", fmt.Sprintf("%d prices are more than a station has", len(parts)))
	}
	posted := make([]Posted, 0, len(parts))
	for _, part := range parts {
		name, price, ok := strings.Cut(part, "=")
		product := pay.Product(strings.TrimSpace(name))
		if !ok || product.Check() != nil {
			return nil, pay.NewCase(pay.CodeUsage, "prices_form", fmt.Sprintf("%.40q is no product with its price", part))
		}
		for _, before := range posted {
			if before.Product == product {
				return nil, pay.NewCase(pay.CodeUsage, "prices_twice", fmt.Sprintf("%s has two prices", product))
			}
		}
		p, err := ParsePrice(strings.TrimSpace(price), digits)
		if err != nil {
			return nil, err
		}
		posted = append(posted, Posted{product, p})
	}
	return posted, nil
}

// FormatPrices writes prices as ParsePrices reads them.
func FormatPrices(posted []Posted, digits int) string {
	parts := make([]string, len(posted))
	for i, p := range posted {
		parts[i] = string(p.Product) + "=" + FormatPrice(p.Price, digits)
	}
	return strings.Join(parts, ",")
}

// ParsePrice reads the price of a litre or kWh, such as 1.639, in a currency of so many
// digits. Its errors are those of ParsePrices.
func ParsePrice(s string, digits int) (pay.UnitPrice, error) {
	n, err := parseDecimal(s, digits+1)
	if err == nil {
		err = pay.UnitPrice(n).Check()
	}
	if err != nil {
		return 0, pay.WrapCase(err, pay.CodeAmount, "price_form", fmt.Sprintf("%.40q is no price", s), digits+1)
	}
	return pay.UnitPrice(n), nil
}

// FormatPrice writes a price with all its decimals.
func FormatPrice(p pay.UnitPrice, digits int) string { return formatDecimal(int64(p), digits+1) }

// ParseQuantity reads litres or kWh with up to three decimals, such as 31.20. What is
// malformed, too precise, not above zero or too large is a *pay.Error.
func ParseQuantity(s string) (pay.Quantity, error) {
	n, err := parseDecimal(s, quantityDecimals)
	if err == nil {
		err = pay.Quantity(n).Check()
	}
	if err != nil {
		return 0, pay.WrapCase(err, pay.CodeUsage, "quantity_form", fmt.Sprintf("%.40q is no quantity", s))
	}
	return pay.Quantity(n), nil
}

// FormatQuantity writes a quantity as a decimal: two decimals, and the third where it is
// not zero.
func FormatQuantity(q pay.Quantity) string {
	return strings.TrimSuffix(formatDecimal(int64(q), quantityDecimals), "0")
}

// quantityDecimals is how many decimals a quantity has.
const quantityDecimals = 3

// parseDecimal reads a plain decimal of ASCII digits, with at most so many of them after
// the point, in units of the last of these.
func parseDecimal(s string, decimals int) (int64, error) {
	whole, fraction, hasPoint := strings.Cut(s, ".")
	switch {
	case !isDigits(whole) || (hasPoint && !isDigits(fraction)):
		return 0, fmt.Errorf("it is not a plain decimal number")
	case len(fraction) > decimals:
		return 0, fmt.Errorf("it has more than %d decimals", decimals)
	}
	n, err := strconv.ParseInt(whole+fraction+strings.Repeat("0", decimals-len(fraction)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("it is too large")
	}
	if n == 0 {
		return 0, fmt.Errorf("it is zero")
	}
	return n, nil
}

// formatDecimal writes n units of the last of so many decimals.
func formatDecimal(n int64, decimals int) string {
	sign := ""
	if n < 0 {
		sign = "-"
	}
	s := strings.TrimPrefix(strconv.FormatInt(n, 10), "-")
	if short := decimals + 1 - len(s); short > 0 {
		s = strings.Repeat("0", short) + s
	}
	return sign + s[:len(s)-decimals] + "." + s[len(s)-decimals:]
}

func isDigits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}
