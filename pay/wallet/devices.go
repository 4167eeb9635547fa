package wallet

import (
	"bytes"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// devices are the devices that the wallet was given.
func (w *Wallet) devices() history.Feature {
	return history.Feature{
		Name: "devices",
		Mirrors: map[pay.Kind]history.EntryRule{
			pay.KindDevice:  history.Mirror(noteDevice),
			pay.KindVouched: history.Mirror(noteVouched),
		},
		Refusals: map[pay.Kind]history.RefusalRule{
			pay.KindMapping: history.Refused(func(tx pay.WritableRows, claim pay.FactID, m pay.Mapping, why pay.Reason) error {
				return deviceRefused(tx, m.Device, claim, why)
			}),
			pay.KindRevoke: history.Refused(func(tx pay.WritableRows, claim pay.FactID, r pay.Revoke, why pay.Reason) error {
				return deviceRefused(tx, r.Device, claim, why)
			}),
		},
		Recalls: map[pay.Kind]history.RecallRule{
			pay.KindMapping: history.Recalled(mappingRecalled),
			pay.KindRevoke:  history.Recalled(revokeRecalled),
		},
		Spaces: rows.Spaces{deviceRows.Space},
	}
}

var deviceRows = rows.New("d", "what the registry and this wallet stated about a device",
	rows.ID[pay.DeviceID]("DEVICE"), rows.CBOR[deviceRow]())

// deviceRow is the registry's last status of a device, and what this wallet has
// claimed about it since. Fields may be added if they can be left out.
type deviceRow struct {
	Known    pay.DeviceState `cbor:"1,keyasint,omitempty"` // by the registry's last status, "" before the first
	At       pay.Time        `cbor:"2,keyasint"`           // of that status, by the registry's clock
	Type     pay.DeviceType  `cbor:"3,keyasint"`
	Vehicle  pay.Name        `cbor:"4,keyasint,omitempty"`
	Means    pay.Name        `cbor:"5,keyasint,omitempty"`
	Link     string          `cbor:"6,keyasint,omitempty"`
	Mapping  pay.FactID      `cbor:"7,keyasint"`           // the mapping this wallet asked for last
	Mapped   bool            `cbor:"8,keyasint,omitempty"` // Mapping was answered
	Revoke   pay.FactID      `cbor:"9,keyasint"`           // the revoke this wallet asked for last
	Revoking bool            `cbor:"10,keyasint,omitempty"`
	Refused  pay.Reason      `cbor:"11,keyasint,omitempty"` // of the last mapping or revoke
	Trusted  pay.Time        `cbor:"12,keyasint,omitempty"` // from when on its authentication codes count; 0: at once
	// Refresh means that Mapping only tells the registry of the device's clock.
	Refresh bool `cbor:"13,keyasint,omitempty"`
	// Forgotten means that the device was made anew by who holds it.
	Forgotten bool `cbor:"14,keyasint,omitempty"`
	// Vouched is when the operator last vouched for it.
	Vouched pay.Time `cbor:"15,keyasint,omitempty"`
	// Car is the vehicle that it belongs to, or zero.
	Car pay.Vehicle `cbor:"16,keyasint,omitzero"`
}

func (r deviceRow) pending() bool { return !r.Mapping.IsZero() && !r.Mapped }

// Device is a device as the wallet shows it.
type Device struct {
	ID      pay.DeviceID
	Type    pay.DeviceType
	State   pay.DeviceState // a mapping that the registry refused shows as revoked, with Reason
	Vehicle pay.Name
	Car     pay.Vehicle // the vehicle that it belongs to, or zero
	Means   pay.Name
	Link    string // its link's last known address; "" if nobody has told it
	// Revoking means that its revocation was asked for and is not yet decided.
	Revoking bool
	// Reason is why the registry refused the last mapping or revoke, or why it ended
	// the mapping by itself.
	Reason  pay.Reason
	Said    pay.Time // when the registry signed its last status
	Trusted pay.Time // from when on its authentication codes count; 0: at once
	Vouched pay.Time // when the operator ended its probation; 0: nobody did
	// Refreshing means that it is pending only because the registry is being told
	// of its clock: it is active meanwhile.
	Refreshing bool
	// Inherited means that a wallet before this one has mapped it, and that it may
	// be bound to that wallet still.
	Inherited bool
	// Level is what was learned of its level; only where devices are listed.
	Level DeviceLevel
}

// Pairing is what a wallet has once a device has agreed to belong to it.
type Pairing struct {
	Bind    []byte // the raw fact, signed by the device
	Vehicle pay.Name
	Car     pay.Vehicle // zero: it belongs to none; else Vehicle is its plate
	Means   pay.Name
	Link    string // host:port of the device's link
}

func device(id pay.DeviceID, r deviceRow) Device {
	d := Device{ID: id, Type: r.Type, State: r.Known, Vehicle: r.Vehicle, Car: r.Car, Means: r.Means, Link: r.Link, Reason: r.Refused, Said: r.At, Trusted: r.Trusted, Vouched: r.Vouched, Inherited: r.Mapping.IsZero()}
	switch {
	case r.pending():
		d.State = pay.DevicePending
		d.Refreshing = r.Refresh && r.Known == pay.DeviceActive
	case r.Known == "":
		d.State = pay.DeviceRevoked
	}
	if d.State == pay.DeviceRevoked && r.Forgotten && d.Reason == "" {
		d.Reason = pay.ReasonDeviceForgotten
	}
	d.Revoking = r.Revoking && d.State != pay.DeviceRevoked
	return d
}

// Map registers a device with this wallet: it returns the device, pending, and
// the mapping to be published in the same transaction. Mapping again what is
// pending or active publishes nothing. Its errors are *pay.Error: CodeBadFact for
// a bind that does not verify or names another wallet, CodeUsage for an address,
// vehicle or means that is too long.
func (w *Wallet) Map(tx pay.WritableRows, now pay.Time, p Pairing) (Device, pay.Reaction, error) {
	m, b, err := w.mapping(now, p)
	if err != nil {
		return Device{}, pay.Reaction{}, err
	}
	r, _, err := deviceRows.Get(tx, m.Device)
	if err != nil {
		return Device{}, pay.Reaction{}, err
	}
	same, err := sameMapping(tx, r, m)
	if err != nil {
		return Device{}, pay.Reaction{}, err
	}
	r.Link = p.Link
	if same {
		return device(m.Device, r), pay.Reaction{}, deviceRows.Put(tx, m.Device, r)
	}
	f, err := pay.Sign(w.options.Key, m)
	if err != nil {
		return Device{}, pay.Reaction{}, fmt.Errorf("map device: %w", err)
	}
	r.Type, r.Vehicle, r.Car, r.Means = b.Type, m.Vehicle, m.Car, m.Means
	r.Mapping, r.Mapped, r.Refused, r.Refresh = f.ID(), false, "", false
	return device(m.Device, r), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, deviceRows.Put(tx, m.Device, r)
}

// RefreshDevice is Map for a bind that a device of this wallet signed anew
// without its owner's doing. What its owner has decided about the device stays:
// its vehicle, means and link are kept. A device that is not active, or is being
// revoked, is a *pay.Error with CodeConflict, because mapping it would bring a
// revoked device back. The other errors are those of Map.
func (w *Wallet) RefreshDevice(tx pay.WritableRows, now pay.Time, bind []byte) (Device, pay.Reaction, error) {
	m, _, err := w.mapping(now, Pairing{Bind: bind})
	if err != nil {
		return Device{}, pay.Reaction{}, err
	}
	r, _, err := deviceRows.Get(tx, m.Device)
	if err != nil {
		return Device{}, pay.Reaction{}, err
	}
	if d := device(m.Device, r); d.State != pay.DeviceActive || d.Revoking {
		return d, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "device_changed", fmt.Sprintf("device %s was revoked or paired anew meanwhile", m.Device.Short()))
	}
	_, out, err := w.Map(tx, now, Pairing{Bind: bind, Vehicle: r.Vehicle, Car: r.Car, Means: r.Means, Link: r.Link})
	if err != nil {
		return Device{}, out, err
	}
	if r, _, err = deviceRows.Get(tx, m.Device); err != nil {
		return Device{}, out, err
	}
	r.Refresh = r.pending()
	return device(m.Device, r), out, deviceRows.Put(tx, m.Device, r)
}

// Anchor returns what a device's counter was when this wallet last heard it on the
// link, and when that was by the wallet's time; ok is false where this wallet
// asked for no mapping.
func (w *Wallet) Anchor(view pay.Rows, id pay.DeviceID) (counter pay.Counter, at pay.Time, ok bool, err error) {
	r, _, err := deviceRows.Get(view, id)
	if err != nil || r.Mapping.IsZero() {
		return 0, 0, false, err
	}
	f, ok, err := view.Fact(r.Mapping)
	if err != nil || !ok {
		return 0, 0, false, err
	}
	m, err := pay.As[pay.Mapping](f)
	if err != nil {
		return 0, 0, false, err
	}
	b, err := m.OpenBind()
	return b.Counter, m.Created, err == nil, err
}

// mapping checks a pairing and makes the claim. Its errors are those of Map.
func (w *Wallet) mapping(now pay.Time, p Pairing) (pay.Mapping, pay.Bind, error) {
	m := pay.Mapping{Bind: p.Bind, Vehicle: p.Vehicle, Car: p.Car, Means: p.Means, Created: now, Link: p.Link}
	f, err := pay.Parse(p.Bind)
	if err != nil {
		return m, pay.Bind{}, pay.WrapCase(err, pay.CodeBadFact, "bind_invalid", "read what the device signed")
	}
	m.Device = f.Signer()
	b, err := m.OpenBind()
	switch {
	case err != nil:
		return m, b, pay.WrapCase(err, pay.CodeBadFact, "bind_invalid", "read what the device signed")
	case b.Wallet != w.options.Key.ID():
		return m, b, pay.NewCase(pay.CodeBadFact, "bind_invalid", fmt.Sprintf("the device bound itself to wallet %s, not to this one", b.Wallet.Short()))
	case len(p.Link) > pay.LinkBytesMax:
		return m, b, pay.NewCase(pay.CodeUsage, "link_form", fmt.Sprintf("the link's address has %d bytes", len(p.Link)))
	}
	if err := m.Check(); err != nil {
		return m, b, pay.WrapCase(err, pay.CodeUsage, "names_form", "read vehicle and means")
	}
	return m, b, nil
}

// sameMapping reports whether the device's last mapping, pending or in force, is
// equal to m but for its date.
func sameMapping(view pay.Rows, r deviceRow, m pay.Mapping) (bool, error) {
	if r.Mapping.IsZero() || r.Revoking || r.Refused != "" || (r.Mapped && r.Known != pay.DeviceActive) {
		return false, nil
	}
	f, ok, err := view.Fact(r.Mapping)
	if err != nil || !ok {
		return false, err
	}
	last, err := pay.As[pay.Mapping](f)
	return bytes.Equal(last.Bind, m.Bind) && last.Vehicle == m.Vehicle && last.Car == m.Car && last.Means == m.Means, err
}

// RevokeDevice ends the mapping of the device whose id begins with the given
// hexadecimal digits: it returns the revoke to be published in the same
// transaction. Revoking again publishes nothing. Its errors are those of
// history.FindID.
func (w *Wallet) RevokeDevice(tx pay.WritableRows, now pay.Time, digits string) (Device, pay.Reaction, error) {
	id, err := history.FindID(tx, deviceRows, digits, "device")
	if err != nil {
		return Device{}, pay.Reaction{}, err
	}
	r, _, err := deviceRows.Get(tx, id)
	if err != nil {
		return Device{}, pay.Reaction{}, err
	}
	if d := device(id, r); d.State == pay.DeviceRevoked || d.Revoking {
		return d, pay.Reaction{}, nil
	}
	f, err := pay.Sign(w.options.Key, pay.Revoke{Device: id, Created: now})
	if err != nil {
		return Device{}, pay.Reaction{}, fmt.Errorf("revoke device: %w", err)
	}
	if err := levelRows.Delete(tx, id); err != nil {
		return Device{}, pay.Reaction{}, err
	}
	r.Revoke, r.Revoking, r.Refused = f.ID(), true, ""
	return device(id, r), pay.Reaction{Publications: []pay.Publication{{Fact: f}}}, deviceRows.Put(tx, id, r)
}

// MoveDevice notes where a device's link is from now on. Its errors are
// *pay.Error: CodeUsage for an address that is empty or too long, CodeNotFound for
// a device that this wallet does not know.
func (w *Wallet) MoveDevice(tx pay.WritableRows, id pay.DeviceID, link string) (Device, error) {
	if link == "" || len(link) > pay.LinkBytesMax {
		return Device{}, pay.NewCase(pay.CodeUsage, "link_form", fmt.Sprintf("the link's address has %d bytes", len(link)))
	}
	r, ok, err := deviceRows.Get(tx, id)
	if err == nil && !ok {
		err = pay.NewCase(pay.CodeNotFound, "device_unknown", "there is no device "+id.Short())
	}
	if err != nil {
		return Device{}, err
	}
	r.Link = link
	return device(id, r), deviceRows.Put(tx, id, r)
}

// Devices returns the wallet's devices in the order of their ids, revoked ones
// included. Its errors are the store's.
func (w *Wallet) Devices(view pay.Rows) ([]Device, error) {
	list, _, err := devices(view, deviceRows.All(), 0)
	return list, err
}

// DevicesPage returns those of one page, and whether more follow. Its errors are those
// of history.FindID for Before, and the store's.
func (w *Wallet) DevicesPage(view pay.Rows, p history.Page) (list []Device, more bool, err error) {
	within := deviceRows.All()
	if p.Before != "" {
		id, err := history.FindID(view, deviceRows, p.Before, "device")
		if err != nil {
			return nil, false, err
		}
		within = deviceRows.Behind(id)
	}
	return devices(view, within, pageLimit(p))
}

// devices returns up to limit devices of a range, and whether more follow; 0: all.
func devices(view pay.Rows, within rows.Range, limit int) (list []Device, more bool, err error) {
	scan := 0
	if limit > 0 {
		scan = limit + 1
	}
	err = deviceRows.Scan(view, within, scan, func(id pay.DeviceID, r deviceRow) bool {
		if more = limit > 0 && len(list) == limit; !more {
			list = append(list, device(id, r))
		}
		return !more
	})
	for i := range list {
		if err == nil {
			list[i], err = withLevel(view, list[i])
		}
	}
	return list, more, err
}

// Device returns the device whose id begins with the given hexadecimal digits.
// Its errors are those of history.FindID.
func (w *Wallet) Device(view pay.Rows, digits string) (Device, error) {
	id, err := history.FindID(view, deviceRows, digits, "device")
	if err != nil {
		return Device{}, err
	}
	r, _, err := deviceRows.Get(view, id)
	if err != nil {
		return Device{}, err
	}
	return withLevel(view, device(id, r))
}

// noteDevice takes in the registry's status of a device. The latest counts; of
// two of one moment the one that revokes.
func noteDevice(tx pay.WritableRows, _ pay.Fact, s pay.DeviceStatus) error {
	r, _, err := deviceRows.Get(tx, s.Device)
	if err != nil {
		return err
	}
	if r.pending() && s.Claim == r.Mapping {
		r.Mapped, r.Refused = true, ""
	}
	if r.Revoking && s.Claim == r.Revoke {
		r.Revoking = false
	}
	if r.Known == "" || s.At > r.At || (s.At == r.At && s.State == pay.DeviceRevoked) {
		r.Known, r.At, r.Type, r.Trusted, r.Forgotten = s.State, s.At, s.Type, s.Trusted, s.Forgotten
		if !r.pending() {
			r.Vehicle, r.Car, r.Means = s.Vehicle, s.Car, s.Means
		}
		if r.Link == "" {
			r.Link = s.Link
		}
	}
	return deviceRows.Put(tx, s.Device, r)
}

// noteVouched notes that the registry's operator vouches for a device. That its codes
// count from now on is said by the status that follows.
func noteVouched(tx pay.WritableRows, _ pay.Fact, v pay.Vouched) error {
	r, ok, err := deviceRows.Get(tx, v.Device)
	if err != nil || !ok || v.At <= r.Vouched {
		return err
	}
	r.Vouched = v.At
	return deviceRows.Put(tx, v.Device, r)
}

// deviceRefused notes that the registry refused the last mapping or revoke of a
// device. The registry's last status of the device stays in force.
func deviceRefused(tx pay.WritableRows, id pay.DeviceID, claim pay.FactID, why pay.Reason) error {
	r, ok, err := deviceRows.Get(tx, id)
	if err != nil || !ok {
		return err
	}
	switch {
	case claim == r.Mapping && r.pending():
		r.Mapped = true
	case claim == r.Revoke && r.Revoking:
		r.Revoking = false
	default:
		return nil
	}
	r.Refused = why
	return deviceRows.Put(tx, id, r)
}
