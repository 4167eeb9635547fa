package doctor

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
)

// lookAtEars examines both radios of a box, and says where they belong. A daemon
// that hears with both says how they hear together.
func (d *doctor) lookAtEars(spec radio.Spec, h api.Health) error {
	d.paired = true
	together := h.Radio != "" && h.Spec == spec.String()
	err := d.tell(areaRadio, finding{"two ears", levelOK, fmt.Sprintf("%s is the first ear, %s the second", spec.First(), spec.Second),
		"the first belongs where payers hold their devices, the second on the far side: along the counter beside the second in the queue, not behind the counter"})
	if err == nil && spec.Kind == radio.BlueZ {
		err = d.tell(areaRadio, antennaFinding(spec, nil))
	}
	for n, one := range []radio.Spec{spec.First(), *spec.Second} {
		if err != nil {
			return err
		}
		each := h
		if together {
			each.Spec = one.String()
			if n > 0 {
				each.Radio = "" // it has answered for both
			}
		}
		err = d.lookAtRadio(one, each)
	}
	return err
}

// antennaFinding says what there is to gain at an adapter's antenna, and that there
// is a second adapter if there is.
func antennaFinding(used radio.Spec, list []ble.Adapter) finding {
	f := finding{"antenna", levelOK, "where it is matters more than every rule: aim at 10 dB of isolation from whoever does not pay",
		"put a metal plate under the counter and measure with paybeacon scan calibrate --behind"}
	i := slices.IndexFunc(list, func(a ble.Adapter) bool {
		return a.Name != used.Adapter && a.Name != used.Marker && !a.Blocked
	})
	if i >= 0 {
		f.hint += fmt.Sprintf("; %s may be a second ear: --radio %s+bluez:%s", list[i].Name, used, list[i].Name)
	}
	return f
}
