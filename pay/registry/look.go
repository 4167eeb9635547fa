package registry

import (
	"github.com/paybeacon/paybeacon/pay"
)

// Vehicles returns, of the codes that a box hears now, those of vehicles: of devices with
// one whose mapping is active and whose wallet can be asked, by a code that was on the air
// at the moment it was heard. All others are left out, and to a box that is not at pumps,
// or revoked, everything is. It writes nothing. Its errors are the store's.
func (r *Registry) Vehicles(view pay.Rows, now pay.Time, box pay.NodeID, codes []pay.CodeHeard) (list []pay.VehicleHeard, err error) {
	m, ok, err := memberRows.Get(view, box)
	if err != nil || !ok || m.Status.Revoked || m.Status.Class != pay.ClassFuel {
		return nil, err
	}
	for _, heard := range codes[:min(len(codes), pay.LookCodesMax)] {
		found, _, err := r.broadcast(view, heard.Code, now.Add(-heard.Ago))
		if err != nil {
			return nil, err
		}
		if len(found) != 1 || found[0].row.Car.IsZero() {
			continue
		}
		gone, err := ownerGone(view, found[0].row.Wallet)
		if err != nil {
			return nil, err
		}
		if gone {
			continue
		}
		preset, err := presetOf(view, found[0].device, found[0].row)
		if err != nil {
			return nil, err
		}
		v := vehicleHeard(heard.Code, found[0].row, preset)
		v.Visitor = r.visitor(found[0].device, m.Status)
		list = append(list, v)
	}
	return list, nil
}

// visitor names a device at the site of a box. Two sites cannot tell that theirs is the
// same.
func (r *Registry) visitor(d pay.DeviceID, box pay.NodeStatus) [16]byte {
	message := append([]byte{0}, d[:]...) // what names a payer begins with no zero
	message = append(append(message, byte(len(box.Scope))), box.Scope...)
	sum := pay.MAC(r.secret[:], append(message, box.Site...))
	return [16]byte(sum[:16])
}

func vehicleHeard(code pay.Code, d deviceRow, p pay.Preset) pay.VehicleHeard {
	v := pay.VehicleHeard{Code: code, Plate: d.Car.Plate, Product: d.Car.Product, Type: d.Type, Preset: p, Most: d.Car.Tank}
	if p.Quantity != 0 && (v.Most == 0 || p.Quantity < v.Most) {
		v.Most = p.Quantity
	}
	return v
}

// ownerGone reports whether no node of a wallet can be asked.
func ownerGone(view pay.Rows, wallet pay.Scope) (bool, error) {
	node, ok, err := walletRows.Get(view, wallet)
	if err != nil || !ok {
		return true, err
	}
	m, ok, err := memberRows.Get(view, node)
	return !ok || goneReason(m.Status) != "", err
}
