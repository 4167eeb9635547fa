package registry

import (
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// checkDevice compares a device's row with the registry's last word on it, and
// with the mapping and the bind that it follows from.
func (a *auditor) checkDevice(id pay.DeviceID, row deviceRow, damage error) error {
	last, said := a.devices[id]
	delete(a.devices, id)
	if damage != nil {
		a.find("device %s: its row cannot be read", id.Short())
		return nil
	}
	status, ok, err := fact[pay.DeviceStatus](a.rows, row.Status)
	if err != nil {
		return err
	}
	if !said || !ok || status.Device != id || status.State != row.State || status.Trusted != row.Trusted || status.At != last {
		a.find("device %s: its row is not what the registry last said of it", id.Short())
		return nil
	}
	claim, ok, err := a.rows.Fact(status.Claim)
	if err != nil {
		return err
	}
	if author := a.nodes[claim.Signer()]; !ok || author.Scope != row.Wallet || author.Role != pay.RoleWallet {
		a.find("device %s: its standing is not what its wallet asked for", id.Short())
		return nil
	}
	if row.State != pay.DeviceActive {
		return nil
	}
	return a.checkMapping(id, row, claim)
}

func (a *auditor) checkMapping(id pay.DeviceID, row deviceRow, claim pay.Fact) error {
	m, err := pay.As[pay.Mapping](claim)
	if err != nil {
		a.find("device %s: it is active without a mapping", id.Short())
		return nil
	}
	bind, err := m.OpenBind()
	if err != nil || m.Device != id || bind.Wallet != claim.Signer() || bind.Registry != a.root ||
		bind.Beacon != row.Beacon || bind.Counter != row.Counter || bind.Type != row.Type {
		a.find("device %s: its row is not what the device signed", id.Short())
		return nil
	}
	holder, ok, err := beaconRows.Get(a.rows, row.Beacon)
	if err != nil {
		return err
	}
	if !ok || holder != id {
		a.find("device %s: its beacon key is kept for another", id.Short())
	}
	if ok, err = ownedRows.Has(a.rows, rows.Key(row.Wallet, id)); err != nil {
		return err
	} else if !ok {
		a.find("device %s: it is not among its wallet's", id.Short())
	}
	return a.checkSource(id, row, bind)
}

// checkSource derives the device's key anew.
func (a *auditor) checkSource(id pay.DeviceID, row deviceRow, bind pay.Bind) error {
	s, ok, err := getSource(a.rows, row.Number)
	if err != nil && !errors.Is(err, rows.ErrDamaged) {
		return err
	}
	newest, _, err := newestRow.Get(a.rows)
	if err != nil {
		return err
	}
	key, err := a.identityKey(bind.Beacon)
	if !ok || err != nil || row.Number > newest || s.device != id || s.Key != key ||
		s.Exponent != bind.Exponent || s.Counter != row.Counter || s.AnchorAt != row.AnchorAt {
		a.find("device %s: its codes would not be found", id.Short())
	}
	return nil
}
