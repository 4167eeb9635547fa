package radio

import (
	"context"

	"github.com/paybeacon/paybeacon/ble/air"
	"github.com/paybeacon/paybeacon/ble/replay"
)

// Open opens what --radio names. Its errors are those of the radio: of bluez.Open,
// air.Open or replay.Open.
func Open(ctx context.Context, spec Spec, o Options) (Radio, error) {
	if spec.Second != nil {
		return openEars(ctx, spec, o)
	}
	switch spec.Kind {
	case BlueZ:
		return openBlueZ(ctx, spec, o)
	case Air:
		a, err := air.Open(air.Options{Dir: spec.Path, RSSI: o.RSSI, Now: o.Now})
		if err != nil {
			return Radio{}, err
		}
		return Radio{Scanner: a, Advertiser: a, Close: func() { _ = a.Close() }}, nil
	case Replay:
		p, err := replay.Open(replay.Options{File: spec.Path, Now: o.Now})
		if err != nil {
			return Radio{}, err
		}
		if r := p.Report(); o.Capture != nil {
			o.Capture(r)
		} else if !r.Sound() {
			o.Log.Warn("not all of the capture can be played", "file", spec.Path, "found", r.String())
		}
		return Radio{Scanner: p, Close: func() {}}, nil
	default:
		panic("paybeacon: internal error: radio of kind " + string(spec.Kind))
	}
}

// MayAdvertise returns why a radio cannot be a beacon, a *pay.Error with CodeRadio, or
// nil. A device learns at its start, and not only when it is paired, that nobody would
// ever hear it.
func MayAdvertise(ctx context.Context, spec Spec) error {
	if spec.Kind != BlueZ {
		return nil
	}
	list, err := ListAdapters(ctx)
	if err != nil {
		return err
	}
	for _, a := range list {
		if a.Name == spec.Adapter {
			return mayAdvertiseWith(a)
		}
	}
	return NoSuchAdapter(spec.Adapter)
}
