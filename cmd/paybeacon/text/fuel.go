package text

import (
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// WhyFuel says why nobody is charged yet, or nothing is paid, by the stable name of the
// reason.
func WhyFuel(name string) string {
	if words, ok := fuelWords[name]; ok {
		return words
	}
	if words := WhyRefused(pay.Reason(name)); words != "" {
		return words
	}
	return strings.ReplaceAll(name, "_", " ")
}

var fuelWords = map[string]string{
	"too_fast":        "no pump gives so much in that time",
	"meter_backwards": "the meter read less than before",
	"lifetime":        "the meter told all that it ever counted",
	"no_start":        "nobody knows what the meter read before",
	"wrong_product":   "it is another product than the vehicle takes",
	"not_released":    "the pump gave to nobody who was selected",
	"pump_total":      "the pump computed another total",
	"told":            "the pump says that it does not know what it gave",
	"nothing_given":   "nothing was given",
	"supplanted":      "somebody else was selected there",
	"hold_ends":       "what is held ends before it could be given",
	"too_late":        "it came too late",
	"other_terms":     "the registry holds it for something else: it is older than this box",
	"out_of_order":    "the pump is out of order",
	"pump_busy":       "the pump works for somebody else",
	"pump_offline":    "the pump cannot be reached",
	"unknown_pump":    "the station has no such pump",
	"by_merchant":     "the attendant ended it",
	"by_payer":        "the payer declined",
	"no_answer":       "the payer did not answer in time",
	"late_capture":    "the total came after what was held had ended",
	"declined":        "the payer declined",
	"expired":         "it was not answered in time",
	"above_preset":    "it is more than the owner wants",
	"selected":        "somebody was selected for it",
}
