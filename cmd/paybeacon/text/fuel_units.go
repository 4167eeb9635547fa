package text

import (
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// FormatQuantity writes a quantity of fuel in litres or kWh, with two decimals or, where
// they are needed, three.
func FormatQuantity(q pay.Quantity) string {
	s := fmt.Sprintf("%d.%03d", q/1000, q%1000)
	return strings.TrimSuffix(s, "0")
}

// FormatUnitPrice writes the price of a litre or kWh, with one decimal more than the
// currency has, such as "1.639 EUR".
func FormatUnitPrice(p pay.UnitPrice, c pay.Currency) string {
	whole := FormatAmount(pay.Amount(p/10), c)
	point := ""
	if !strings.Contains(whole, ".") {
		point = "."
	}
	return fmt.Sprintf("%s%s%d %s", whole, point, p%10, c)
}

// Unit returns what fuel is measured in, in a word.
func Unit(u pay.Unit) string {
	if u == pay.UnitLitre {
		return "litres"
	}
	return Printable(string(u))
}
