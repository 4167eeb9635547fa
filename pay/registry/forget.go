package registry

import "github.com/paybeacon/paybeacon/pay"

// forget ends the mappings of the identities that the device which is being mapped
// had before, and tells the wallets that had them. The identities have stated it
// themselves, so that no wallet is asked: it may be gone.
func (t *turn) forget(device pay.DeviceID, former pay.Former) error {
	for _, f := range former.Open() {
		id := f.Device.ID()
		if f.Registry != t.root || id == device {
			continue
		}
		row, ok, err := deviceRows.Get(t.rows, id)
		if err != nil {
			return err
		}
		if !ok || row.State != pay.DeviceActive {
			continue
		}
		if row, err = t.unmap(id, row); err != nil {
			return err
		}
		if err := t.sayDevice(row, pay.DeviceStatus{Device: id, Claim: t.in.Fact.ID(), Forgotten: true}); err != nil {
			return err
		}
	}
	return nil
}
