package node

import (
	"context"

	"github.com/paybeacon/paybeacon/ble/air"
	"github.com/paybeacon/paybeacon/ble/replay"
)

// openRadio opens what --radio names.
func openRadio(ctx context.Context, spec RadioSpec, o radioOptions) (radio, error) {
	if spec.Second != nil {
		return openEars(ctx, spec, o)
	}
	switch spec.Kind {
	case RadioBlueZ:
		return openBlueZ(ctx, spec, o)
	case RadioAir:
		a, err := air.Open(air.Options{Dir: spec.Path, RSSI: o.rssi, Now: o.now})
		if err != nil {
			return radio{}, err
		}
		return radio{scanner: a, advertiser: a, close: func() { _ = a.Close() }}, nil
	case RadioReplay:
		p, err := replay.Open(replay.Options{File: spec.Path, Now: o.now})
		if err != nil {
			return radio{}, err
		}
		if r := p.Report(); o.capture != nil {
			o.capture(r)
		} else if !r.Sound() {
			o.log.Warn("not all of the capture can be played", "file", spec.Path, "found", r.String())
		}
		return radio{scanner: p, close: func() {}}, nil
	default:
		panic("paybeacon: internal error: radio of kind " + string(spec.Kind))
	}
}

// mayAdvertise says why a radio cannot be a beacon, or nil. A device learns at
// its start, and not only when it is paired, that nobody would ever hear it.
func mayAdvertise(ctx context.Context, spec RadioSpec) error {
	if spec.Kind != RadioBlueZ {
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
