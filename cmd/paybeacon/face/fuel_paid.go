package face

import (
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// printFuel writes what fuel a payment is for and, once that is known, what was given: the
// sum as the registry, box and wallet each have computed it.
func printFuel(w io.Writer, f *api.Fuel, c pay.Currency) {
	if f == nil {
		return
	}
	price, unit := text.FormatUnitPrice(f.Price, c), text.Unit(f.Unit)
	if f.Quantity == 0 {
		most := ""
		if f.Most != 0 {
			most = fmt.Sprintf(", at most %s %s", text.FormatQuantity(f.Most), unit)
		}
		_, _ = fmt.Fprintf(w, "  fuel     %s at pump %d, %s%s\n", text.Printable(string(f.Product)), f.Pump, price, most)
		return
	}
	_, _ = fmt.Fprintf(w, "  fuel     %s %s of %s at pump %d, at %s: %s\n", text.FormatQuantity(f.Quantity), unit,
		text.Printable(string(f.Product)), f.Pump, price, text.FormatMoney(f.Total, c))
	if f.Begin != 0 || f.End != 0 {
		_, _ = fmt.Fprintf(w, "  meter    %s before, %s after\n", text.FormatQuantity(f.Begin), text.FormatQuantity(f.End))
	}
	if f.Signed != "" {
		_, _ = fmt.Fprintln(w, "  signed   by the meter: the record is in the JSON form")
	}
}
