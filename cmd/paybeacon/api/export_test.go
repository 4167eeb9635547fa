package api

import (
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Cases returns the cases that have hints, in no order.
func Cases() []pay.Case { return slices.Collect(maps.Keys(hints)) }
