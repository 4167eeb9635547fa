package api

import (
	"fmt"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// CheckVehicle returns nil for what ParseVehicle reads, else its error.
func CheckVehicle(vehicle string) error {
	_, _, err := ParseVehicle(vehicle)
	return err
}

// ParseVehicle reads what says of a vehicle its plate, its fuel and its tank, in litres or
// kWh with up to three decimals, each once at most, such as
// "plate=AB-123,fuel=diesel,tank=55"; or "". With plate and fuel it is a car, whose name is
// the plate; without, what was written is a name and no more, by which no station gives
// fuel. Its error is a *pay.Error with CodeUsage.
func ParseVehicle(vehicle string) (name pay.Name, car pay.Vehicle, err error) {
	parts, err := vehicleParts(vehicle)
	if err != nil {
		return "", car, err
	}
	if tank, ok := parts["tank"]; ok {
		if car.Tank, err = fuel.ParseQuantity(tank); err != nil {
			return "", car, badVehicle(fmt.Sprintf("a tank of %q is no number of litres or kWh", text.Printable(tank)))
		}
	}
	car.Plate, car.Product = parts["plate"], pay.Product(parts["fuel"])
	if car.Product != "" && car.Product.Check() != nil {
		return "", car, badVehicle(fmt.Sprintf("%q is no fuel", text.Printable(string(car.Product))))
	}
	if car.Plate == "" || car.Product == "" {
		return pay.Name(vehicle), pay.Vehicle{}, nil
	}
	if err := car.Check(); err != nil {
		return "", car, badVehicle(err.Error())
	}
	if len(car.Plate) > pay.NameBytesMax { // some write their signs in parts; the car has it whole
		return "", car, nil
	}
	return pay.Name(car.Plate), car, nil
}

// vehicleParts splits what was written into its parts.
func vehicleParts(vehicle string) (map[string]string, error) {
	seen := map[string]string{}
	if vehicle == "" {
		return seen, nil
	}
	for part := range strings.SplitSeq(vehicle, ",") {
		name, value, ok := strings.Cut(part, "=")
		switch {
		case !ok || !slices.Contains([]string{"plate", "fuel", "tank"}, name):
			return nil, badVehicle(fmt.Sprintf("%q is none of plate=…, fuel=… and tank=…", text.Printable(part)))
		case text.IsBlank(value):
			return nil, badVehicle(name + " is empty")
		case seen[name] != "":
			return nil, badVehicle(name + " is given twice")
		}
		seen[name] = value
	}
	return seen, nil
}

func badVehicle(why string) error {
	return pay.NewError(pay.CodeUsage, "read --vehicle: "+why, "write it like --vehicle plate=AB-123,fuel=diesel,tank=55; each part may be left out")
}
