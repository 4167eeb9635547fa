package pay

// What a station says that it gave is believed for money only where it fits what was
// agreed and what a pump can do.

// FuelHoldMax returns for how long an amount is held at most for fuel that is measured in
// a unit, and for how long fuel that is paid afterwards may take.
func FuelHoldMax(u Unit) Millis {
	if u == UnitKilowattHour {
		return ChargeHold
	}
	return FuelHold
}

// Limit returns the most that may be given for at most an amount.
func (f FuelTerms) Limit(most Amount) Quantity {
	within := f.Price.Within(most)
	if f.Most != 0 {
		return min(f.Most, within)
	}
	return within
}

// Fits returns why an owner's preset and a tank forbid a fuelling for at most an amount,
// or "". An amount of 0 is what the most that may be given costs.
func (f FuelTerms) Fits(v Vehicle, p Preset, most Amount) Reason {
	limit := f.Most
	if most == 0 {
		cost, err := f.Price.Total(f.Most)
		if err != nil {
			return ReasonAbovePreset
		}
		most = cost
	} else {
		limit = f.Limit(most)
	}
	switch {
	case f.Product != v.Product:
		return ReasonWrongProduct
	case v.Tank != 0 && limit > v.Tank, p.Quantity != 0 && limit > p.Quantity, p.Amount != 0 && most > p.Amount:
		return ReasonAbovePreset
	default:
		return ""
	}
}

// Refuses returns why a station's claim is not followed that it has given d, which costs
// total, of at most an amount; or "". An amount of 0 bounds nothing.
func (f FuelTerms) Refuses(d Delivery, total, most Amount) Reason {
	costs, err := f.Price.Total(d.Quantity)
	switch {
	case d.IsZero() || err != nil || total == 0 || costs != total:
		return ReasonWrongTotal
	case f.Most != 0 && d.Quantity > f.Most:
		return ReasonAbovePreset
	case most != 0 && total > most:
		return ReasonAboveHeld
	case !d.Plausible(f.Unit):
		return ReasonImplausible
	default:
		return ""
	}
}

// Plausible reports whether a pump for the unit can have given so much in the time that
// it took; where that is not known, in DeliveryMax.
func (d Delivery) Plausible(u Unit) bool {
	flow := FlowMax
	if u == UnitKilowattHour {
		flow = PowerMax
	}
	took := d.Took
	if took == 0 {
		took = DeliveryMax
	}
	// Neither factor is above 10^9.
	return int64(d.Quantity)*3_600_000 <= int64(flow)*int64(took)
}
