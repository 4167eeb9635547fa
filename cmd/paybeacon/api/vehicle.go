package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// CheckVehicle returns nil for "" and for what says of a vehicle its plate, its fuel and
// its tank, each once at most, such as "plate=AB-123,fuel=diesel,tank=55". Else its
// error is a *pay.Error with CodeUsage.
func CheckVehicle(vehicle string) error {
	if vehicle == "" {
		return nil
	}
	var seen []string
	for part := range strings.SplitSeq(vehicle, ",") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || !slices.Contains([]string{"plate", "fuel", "tank"}, name):
			return badVehicle(fmt.Sprintf("%q is none of plate=…, fuel=… and tank=…", text.Printable(part)))
		case text.IsBlank(value):
			return badVehicle(name + " is empty")
		case slices.Contains(seen, name):
			return badVehicle(name + " is given twice")
		}
		seen = append(seen, name)
	}
	return nil
}

func badVehicle(why string) error {
	return pay.NewError(pay.CodeUsage, "read --vehicle: "+why, "write it like --vehicle plate=AB-123,fuel=diesel,tank=55; each part may be left out")
}
