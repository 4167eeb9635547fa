package node

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/store"
)

// What somebody does at a simulated pump.

// hands returns the simulated pumps.
func (b *Box) hands() (*sim.Forecourt, error) {
	if b.fuel.hands == nil {
		return nil, pay.NewError(pay.CodeNotAvailable, "the pumps of this box are not simulated", "real ones are used by hand; simulated ones come with `scan --pumps sim:FILE`")
	}
	return b.fuel.hands, nil
}

// byHand has somebody do something at a simulated pump, and returns the pump.
func (b *Box) byHand(ctx context.Context, n pay.PumpNumber, do func(*sim.Forecourt) error) (api.Pump, error) {
	h, err := b.hands()
	if err != nil {
		return api.Pump{}, err
	}
	p, err := b.pumpAt(n)
	if err != nil {
		return api.Pump{}, err
	}
	switch err := do(h); {
	case errors.Is(err, pumps.ErrProduct):
		return api.Pump{}, pay.Wrap(err, pay.CodeNotPaid, "it is another product's nozzle, and counts as hung", "take the nozzle of the product that the vehicle takes")
	case errors.Is(err, sim.ErrNotReleased):
		return api.Pump{}, pay.Wrap(err, pay.CodeNotPaid, "the pump gives nothing", "select the vehicle first with `paybeacon till fuel select`")
	case errors.Is(err, pumps.ErrBusy), errors.Is(err, pumps.ErrOffline):
		return api.Pump{}, pay.Wrap(err, pay.CodeConflict, "the pump does not follow", "`paybeacon till fuel pumps` shows how it stands")
	case err != nil:
		return api.Pump{}, err
	}
	return b.pumpObject(ctx, p)
}

func (b *Box) pumpLift(ctx context.Context, q api.HandRequest) (api.Pump, error) {
	p, err := read(ctx, b.store, func(v *store.View) (till.PumpView, error) { return b.till.Pump(v, b.store.Now(), q.Pump) })
	if err != nil {
		return api.Pump{}, err
	}
	if s := p.Selected; q.Product != "" && s.Product != "" && s.Product != q.Product {
		return api.Pump{}, pay.NewError(pay.CodeNotPaid, "it is another product's nozzle, and counts as hung", "take the nozzle of the product that the vehicle takes")
	}
	return b.byHand(ctx, q.Pump, func(h *sim.Forecourt) error { return h.Lift(ctx, q.Pump, q.Product) })
}

func (b *Box) pumpFill(ctx context.Context, q api.HandRequest) (api.Pump, error) {
	litres, err := fuel.ParseQuantity(q.Litres)
	if err != nil {
		return api.Pump{}, err
	}
	return b.byHand(ctx, q.Pump, func(h *sim.Forecourt) error {
		_, err := h.Fill(ctx, q.Pump, litres, q.Realtime)
		return err
	})
}

func (b *Box) pumpHang(ctx context.Context, q api.HandRequest) (api.Pump, error) {
	return b.byHand(ctx, q.Pump, func(h *sim.Forecourt) error { return h.Hang(ctx, q.Pump) })
}
