package node

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// preset says how much is wanted at the next fuelling of a vehicle, and returns it once the
// registry has decided, or as pending when it has not for a while.
func (n *payer) preset(ctx context.Context, q api.PresetRequest) (api.Preset, error) {
	want, err := n.parsePreset(q)
	if err != nil {
		return api.Preset{}, err
	}
	if err := n.refusal(); err != nil {
		return api.Preset{}, err
	}
	p, err := commit(ctx, n.store, func(tx *store.Tx) (wallet.Preset, pay.Reaction, error) {
		return n.wallet.SetPreset(tx, tx.Now(), q.Device, want)
	})
	if err != nil {
		return api.Preset{}, err
	}
	asked := p.Asked
	waiting, cancel := context.WithTimeout(ctx, mandateWait)
	defer cancel()
	err = n.Watch(waiting, func() (bool, error) {
		now, err := read(ctx, n.store, func(v *store.View) (wallet.Preset, error) { return n.wallet.PresetOf(v, p.Device) })
		if err == nil {
			p = now
		}
		return !p.Pending || p.Asked != asked, err
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return api.Preset{}, err
	}
	return n.presetObject(ctx, p)
}

// parsePreset reads a request in the currency of the registry.
func (n *payer) parsePreset(q api.PresetRequest) (p pay.Preset, err error) {
	given := 0
	for _, is := range []bool{q.Litres != "", q.Amount != "", q.Full, q.None} {
		if is {
			given++
		}
	}
	if given != 1 {
		return p, pay.NewError(pay.CodeUsage, "a preset is a quantity, an amount, full or none", "write one of --litres N, --amount A, --full and --none")
	}
	switch {
	case q.Litres != "":
		p.Quantity, err = fuel.ParseQuantity(q.Litres)
	case q.Amount != "":
		p.Amount, err = text.ParseAmount(q.Amount, n.member.Currency)
	default:
		p.Full = q.Full
	}
	return p, err
}

func (n *payer) presetObject(ctx context.Context, p wallet.Preset) (api.Preset, error) {
	d, err := read(ctx, n.store, func(v *store.View) (wallet.Device, error) { return n.wallet.Device(v, p.Device.String()) })
	return api.Preset{
		V: 1, Type: "preset", Device: p.Device.String(), Plate: d.Car.Plate, Product: d.Car.Product, Quantity: p.Preset.Quantity,
		Amount: p.Preset.Amount, Full: p.Preset.Full, Currency: n.member.Currency, Pending: p.Pending, Reason: p.Reason,
	}, err
}
