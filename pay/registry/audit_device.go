package registry

import (
	"context"
	"errors"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// deviceAudit is the part of an audit that looks at devices.
type deviceAudit struct {
	*auditor
	last map[pay.DeviceID]pay.Time // when the last status of each was signed, until its row was seen
}

func inspectDevices(a *auditor) inspection {
	d := &deviceAudit{auditor: a, last: make(map[pay.DeviceID]pay.Time)}
	vouches := newVouchAudit(a)
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{
			pay.KindMapping: reading(d.readMapping),
			pay.KindVouched: reading(vouches.readVouched),
			pay.KindDevice: reading(func(_ pay.Fact, s pay.DeviceStatus) error {
				vouches.readStatus(s)
				a.readCar(s)
				d.last[s.Device] = max(d.last[s.Device], s.At)
				return nil
			}),
		},
		passes: []func(context.Context) error{
			func(ctx context.Context) error { return walk(ctx, a, deviceRows, d.checkDevice) },
			d.checkMissing, vouches.check,
		},
	}
}

// readMapping keeps the key of a device, which it signed its bind with. A
// mapping whose bind does not verify was refused and counts for nothing.
func (a *deviceAudit) readMapping(_ pay.Fact, m pay.Mapping) error {
	if b, err := m.OpenBind(); err == nil {
		a.keysOf[m.Device] = b.Device
	}
	return nil
}

// checkMissing reports devices that were mapped and have no row.
func (a *deviceAudit) checkMissing(context.Context) error {
	for _, id := range slices.SortedFunc(maps.Keys(a.last), compareIDs) {
		a.report("device %s: it was mapped and has no row", id.Short())
	}
	return nil
}

// checkDevice compares a device's row with the registry's last status of it, and
// with the mapping and the bind that it follows from.
func (a *deviceAudit) checkDevice(id pay.DeviceID, row deviceRow, damage error) error {
	last, said := a.last[id]
	delete(a.last, id)
	if damage != nil {
		a.report("device %s: its row cannot be read", id.Short())
		return nil
	}
	status, ok, err := fact[pay.DeviceStatus](a.rows, row.Status)
	if err != nil {
		return err
	}
	if !said || !ok || status.Device != id || status.State != row.State || status.Car != row.Car || status.Trusted != row.Trusted || status.At != last {
		a.report("device %s: its row is not what the registry last said of it", id.Short())
		return nil
	}
	claim, ok, err := a.rows.Fact(status.Claim)
	if err != nil {
		return err
	}
	if status.Forgotten {
		a.checkForgotten(id, claim)
		return nil
	}
	if author := a.nodes[claim.Signer()]; !ok || author.Scope != row.Wallet || author.Role != pay.RoleWallet {
		a.report("device %s: its standing is not what its wallet asked for", id.Short())
		return nil
	}
	if row.State != pay.DeviceActive {
		return nil
	}
	return a.checkMapping(id, row, claim)
}

func (a *deviceAudit) checkMapping(id pay.DeviceID, row deviceRow, claim pay.Fact) error {
	m, err := pay.As[pay.Mapping](claim)
	if err != nil {
		a.report("device %s: it is active without a mapping", id.Short())
		return nil
	}
	bind, err := m.OpenBind()
	if err != nil || m.Device != id || bind.Wallet != claim.Signer() || bind.Registry != a.root ||
		bind.Beacon != row.Beacon || bind.Counter != row.Counter || bind.Type != row.Type || m.Car != row.Car {
		a.report("device %s: its row is not what the device signed", id.Short())
		return nil
	}
	holder, ok, err := beaconRows.Get(a.rows, row.Beacon)
	if err != nil {
		return err
	}
	if !ok || holder != id {
		a.report("device %s: its beacon key is kept for another", id.Short())
	}
	if ok, err = ownedRows.Has(a.rows, rows.Key(row.Wallet, id)); err != nil {
		return err
	} else if !ok {
		a.report("device %s: it is not among its wallet's", id.Short())
	}
	return a.checkSource(id, row, bind)
}

// checkSource derives the device's key anew.
func (a *deviceAudit) checkSource(id pay.DeviceID, row deviceRow, bind pay.Bind) error {
	s, ok, err := a.getSource(a.rows, row.Number)
	if err != nil && !errors.Is(err, rows.ErrDamaged) {
		return err
	}
	newest, _, err := newestRow.Get(a.rows)
	if err != nil {
		return err
	}
	moves, err := a.moves(a.rows)
	if err != nil {
		return err
	}
	key, err := a.identityKey(bind.Beacon)
	if !ok || err != nil || row.Number > newest || s.device != id || s.Key != key ||
		s.Exponent != bind.Exponent || s.Counter != row.Counter || s.AnchorAt != moves.moved(row.Number, row.AnchorAt) {
		a.report("device %s: its codes would not be found", id.Short())
	}
	return nil
}

// checkForgotten sees that the claim which ended a mapping encloses the device's own
// statement that it has ceased to be.
func (a *deviceAudit) checkForgotten(id pay.DeviceID, claim pay.Fact) {
	m, err := pay.As[pay.Mapping](claim)
	if err == nil {
		var bind pay.Bind
		if bind, err = m.OpenBind(); err == nil && slices.ContainsFunc(bind.Former.Open(), func(f pay.Forgotten) bool {
			return f.Device.ID() == id && f.Registry == a.root
		}) {
			return
		}
	}
	a.report("device %s: it has not stated that it forgot its wallet", id.Short())
}
