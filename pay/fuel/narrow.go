package fuel

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// Found is what a part of a plate selects among those entered. At most one of Taken and
// Listed is there.
type Found struct {
	// Taken is the one vehicle whose plate holds the part; nil where none or several do.
	Taken *Entry
	// Listed are the vehicles whose plates hold the part where it takes none: several,
	// or any number for a part of less than PlatePartMin characters. Those whose whole
	// plate it is come first, then those who entered first.
	Listed []Entry
	// Alike are the vehicles whose plates would hold the part if characters that look
	// alike were the same, such as O and 0. They are there to be shown, where no plate
	// holds it, and never taken.
	Alike []Entry
}

// Narrow returns what a part of a plate selects among vehicles, such as those of
// Entered.List. In which case, form and with which spaces and hyphens it is typed makes
// no difference. An empty part, or one of nothing but such characters, lists all.
func Narrow(here []Entry, part string) Found {
	typed := fold(part)
	whole, in := holding(here, typed, folded.same)
	listed := slices.Concat(whole, in)
	switch {
	case len(part) > pay.PlateBytesMax:
		return Found{}
	case len(listed) == 1 && (typed.signs() >= pay.PlatePartMin || len(whole) == 1):
		return Found{Taken: &listed[0]}
	case len(listed) > 0:
		return Found{Listed: listed}
	default:
		whole, in = holding(here, typed, folded.blurred)
		return Found{Alike: slices.Concat(whole, in)}
	}
}

// Err returns nil where one vehicle is taken. Where none or several match it returns why
// as a *pay.Error; part is what was typed.
func (f Found) Err(part string) error {
	switch {
	case f.Taken != nil:
		return nil
	case len(f.Listed) == 1 || len(f.Listed) > 0 && fold(part).signs() < pay.PlatePartMin:
		return pay.NewCase(pay.CodeAmbiguous, "plate_short", fmt.Sprintf("%.40q is too little of a plate to select by", part))
	case len(f.Listed) > 0:
		return pay.NewCase(pay.CodeAmbiguous, "plate_several", fmt.Sprintf("%d vehicles here have %.40q in their plates", len(f.Listed), part))
	case len(f.Alike) > 0:
		return pay.NewCase(pay.CodeNotFound, "plate_alike", fmt.Sprintf("no vehicle here has %.40q in its plate; one has characters that look like it", part), f.Alike[0].Vehicle.Plate)
	default:
		return pay.NewCase(pay.CodeNotFound, "plate_none", fmt.Sprintf("no vehicle here has %.40q in its plate", part))
	}
}

// holding returns the vehicles whose whole plate a part is, and those in whose plate it
// stands, both compared as form has them.
func holding(here []Entry, part folded, form func(folded) folded) (whole, in []Entry) {
	part = form(part)
	for _, e := range here {
		switch plate := form(fold(e.Vehicle.Plate)); {
		case plate == part && part != "":
			whole = append(whole, e)
		case plate.holds(part):
			in = append(in, e)
		}
	}
	return whole, in
}

// same returns f.
func (f folded) same() folded { return f }
