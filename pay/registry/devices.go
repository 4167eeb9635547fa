package registry

import (
	"cmp"
	"crypto/ecdh"
	"errors"
	"fmt"
	"math"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// devices are the devices of wallets: mapped, revoked, trusted.
var devices = feature{
	name: "devices",
	claims: map[pay.Kind]rule{
		pay.KindMapping: claimOf((*turn).mapping),
		pay.KindRevoke:  claimOf((*turn).revoke),
	},
	publishes: []pay.Kind{pay.KindDevice, pay.KindVouched},
	audit:     inspectDevices,
	spaces:    rows.Spaces{deviceRows.Space, beaconRows.Space, ownedRows.Space, equippedRows.Space},
}

var (
	deviceRows   = rows.New("d/", "whose the device is", rows.ID[pay.DeviceID]("DEVICE"), rows.CBOR[deviceRow]())
	beaconRows   = rows.New("k/", "the device that has this beacon key", rows.ID[pay.BeaconKey]("BEACON"), rows.ID[pay.DeviceID]("DEVICE"))
	ownedRows    = rows.New("o/", "the wallet's devices", rows.Join(rows.TextUntil[pay.Scope]("WALLET", 0), rows.ID[pay.DeviceID]("DEVICE")), rows.None())
	equippedRows = rows.New("v/", "the wallet has had a device", rows.Text[pay.Scope]("WALLET"), rows.None())
)

type ownedKey = rows.Pair[pay.Scope, pay.DeviceID]

// deviceRow is which wallet a device belongs to. Counter and AnchorAt are the anchor that
// the bind gave: the device's counter at a moment of the registry's clock.
type deviceRow struct {
	Wallet   pay.Scope       `cbor:"1,keyasint"`
	State    pay.DeviceState `cbor:"2,keyasint"`
	Number   uint32          `cbor:"3,keyasint"` // of the current code source
	Beacon   pay.BeaconKey   `cbor:"4,keyasint"`
	Bind     pay.FactID      `cbor:"5,keyasint"`
	Counter  pay.Counter     `cbor:"6,keyasint"`
	AnchorAt pay.Time        `cbor:"7,keyasint"`
	Type     pay.DeviceType  `cbor:"8,keyasint"`
	Vehicle  pay.Name        `cbor:"9,keyasint,omitempty"`
	Means    pay.Name        `cbor:"10,keyasint,omitempty"`
	Status   pay.FactID      `cbor:"11,keyasint"` // the registry's last status of it
	// Repaired means that the device was revoked before and has not paid since.
	Repaired bool `cbor:"12,keyasint,omitempty"`
	// Trusted is from when on its authentication codes count; 0: at once.
	Trusted pay.Time `cbor:"13,keyasint,omitempty"`
	// Link is where its wallet has reached it last; the registry does not use it.
	Link string `cbor:"14,keyasint,omitempty"`
	// Car is the vehicle that it belongs to, or zero.
	Car pay.Vehicle `cbor:"15,keyasint,omitzero"`
}

// loadDevice returns the row of a device that the claim at hand is about and
// whether there is one, or the reason to refuse the claim.
func (t *turn) loadDevice(id pay.DeviceID) (row deviceRow, known bool, refused pay.Reason, err error) {
	row, known, err = deviceRows.Get(t.rows, id)
	if err != nil {
		return row, known, "", err
	}
	refused, err = t.setAside(pay.Subject{Kind: pay.SubjectDevice, ID: id})
	return row, known, refused, err
}

// mapping gives a device to the wallet that signed, when the device signed too.
func (t *turn) mapping(m pay.Mapping) error {
	bind, err := m.OpenBind()
	if err != nil {
		return t.refuse(pay.ReasonWrongTerms, pay.PaymentID{})
	}
	old, known, refused, err := t.loadDevice(m.Device)
	if err != nil {
		return err
	}
	bindID, err := bindFact(m)
	if err != nil {
		return err
	}
	if refused == "" {
		refused, err = t.mayMap(m.Device, bind, bindID, old, known)
	}
	if err != nil {
		return err
	}
	if refused != "" {
		return t.refuse(refused, pay.PaymentID{})
	}
	key, err := t.identityKey(bind.Beacon)
	if err != nil {
		return t.refuse(pay.ReasonWrongTerms, pay.PaymentID{})
	}
	row, err := t.mappedRow(m, bind, bindID, key, old, known)
	if err != nil {
		return err
	}
	if err := beaconRows.Put(t.rows, bind.Beacon, m.Device); err != nil {
		return err
	}
	if err := ownedRows.Put(t.rows, rows.Key(t.from.Scope, m.Device), struct{}{}); err != nil {
		return err
	}
	if err := t.forget(m.Device, bind.Former); err != nil {
		return err
	}
	return t.setDevice(m.Device, row)
}

// mappedRow returns the row of a device as the mapping at hand makes it of the old
// one, and stores the code source that it names. Mapping an active device again by
// the same bind keeps its source.
func (t *turn) mappedRow(m pay.Mapping, bind pay.Bind, bindID pay.FactID, key pay.IdentityKey, old deviceRow, known bool) (row deviceRow, err error) {
	row = deviceRow{
		Wallet: t.from.Scope, State: pay.DeviceActive, Number: old.Number, Beacon: bind.Beacon, Bind: bindID,
		Counter: bind.Counter, AnchorAt: t.anchorAt(), Type: bind.Type, Vehicle: m.Vehicle, Means: m.Means, Link: m.Link, Car: m.Car,
		Repaired: known && (old.Repaired || old.State != pay.DeviceActive),
	}
	again := known && old.Bind == bindID
	moves, err := t.moves(t.rows)
	if err != nil {
		return row, err
	}
	fresh := !again || old.State != pay.DeviceActive
	switch {
	case again && fresh: // it was signed then; only its repetition is new
		row.AnchorAt = moves.moved(old.Number, old.AnchorAt)
	case again:
		row.AnchorAt = old.AnchorAt
	}
	if fresh {
		row.Number, err = t.addSource(sourceRow{device: m.Device, replaces: old.Number, CodeSource: CodeSource{
			Key: key, Exponent: bind.Exponent, Counter: bind.Counter, AnchorAt: row.AnchorAt, Resolved: row.AnchorAt,
		}})
		if err != nil {
			return row, err
		}
	}
	if !fresh { // it is dated as its source is
		row.Trusted = old.Trusted
		return row, nil
	}
	row.Trusted, err = t.probation(old, known)
	return row, err
}

// probation returns from when on the codes of the device that is being mapped
// count. A wallet's first device is trusted at once, and so is one that it has
// had before; a further one not for a while, because only the wallet, which may
// be a stolen phone, claims that it is the owner's.
func (t *turn) probation(old deviceRow, known bool) (pay.Time, error) {
	if known && old.Wallet == t.from.Scope {
		return t.resumed(old)
	}
	equipped, err := equippedRows.Has(t.rows, t.from.Scope)
	if err != nil {
		return 0, err
	}
	if !equipped {
		// A wallet of an older version may have devices and no such row.
		n, err := t.countDevices(t.from.Scope)
		if err != nil {
			return 0, err
		}
		equipped = n > 0
	}
	if equipped {
		return t.now.Add(pay.DeviceProbation), nil
	}
	return 0, equippedRows.Put(t.rows, t.from.Scope, struct{}{})
}

// mayMap returns why the device may not be mapped as asked, or "".
func (t *turn) mayMap(device pay.DeviceID, bind pay.Bind, bindID pay.FactID, old deviceRow, known bool) (pay.Reason, error) {
	active := known && old.State == pay.DeviceActive
	switch {
	case bind.Registry != t.root || bind.Resolver != t.beacon:
		return pay.ReasonWrongRegistry, nil
	case bind.Wallet != t.in.Fact.Signer():
		return pay.ReasonWrongScope, nil
	case active && old.Wallet != t.from.Scope:
		return pay.ReasonDeviceTaken, nil
	case known && bindID != old.Bind && bind.Counter < old.Counter:
		return pay.ReasonOutOfStep, nil // the device has signed something newer since
	}
	holder, taken, err := beaconRows.Get(t.rows, bind.Beacon)
	if err != nil {
		return "", err
	}
	if taken && holder != device {
		return pay.ReasonDeviceTaken, nil
	}
	if active {
		return "", nil
	}
	n, err := t.countDevices(t.from.Scope)
	if n >= pay.DevicesPerWalletMax {
		return pay.ReasonTooManyDevices, err
	}
	return "", err
}

// countDevices returns how many devices are mapped to a wallet now.
func (t *turn) countDevices(wallet pay.Scope) (n int, err error) {
	err = ownedRows.Each(t.rows, rows.Under(ownedRows, wallet), func(key ownedKey, _ struct{}) error {
		row, ok, err := deviceRows.Get(t.rows, key.Second)
		if ok && row.State == pay.DeviceActive && row.Wallet == wallet {
			n++
		}
		return err
	})
	return n, err
}

// revoke ends a mapping at the wish of the wallet that owns it. It does so even
// while the device is set aside: a device that was stolen must not go on paying
// because something else about it failed.
func (t *turn) revoke(c pay.Revoke) error {
	row, ok, err := deviceRows.Get(t.rows, c.Device)
	if err != nil {
		return err
	}
	if !ok || row.State != pay.DeviceActive || row.Wallet != t.from.Scope {
		return t.refuse(pay.ReasonUnknownDevice, pay.PaymentID{})
	}
	if row, err = t.unmap(c.Device, row); err != nil {
		return err
	}
	if err := t.setDevice(c.Device, row); err != nil {
		return err
	}
	return t.settle("") // it may come again: out of turn, and with the outbox
}

// unmap takes away what makes a device's codes resolve, and returns its row.
func (t *turn) unmap(device pay.DeviceID, row deviceRow) (deviceRow, error) {
	row.State, row.Link = pay.DeviceRevoked, ""
	var err error
	if row.Trusted, err = t.unfinished(row); err != nil {
		return row, err
	}
	// A device that an older version mapped has left no such row yet.
	if err := equippedRows.Put(t.rows, row.Wallet, struct{}{}); err != nil {
		return row, err
	}
	if err := sourceRows.Delete(t.rows, row.Number); err != nil {
		return row, err
	}
	if err := ownedRows.Delete(t.rows, rows.Key(row.Wallet, device)); err != nil {
		return row, err
	}
	return row, t.endOffersBy(device, row.Wallet)
}

// unfinished returns until when a device that is being revoked is on probation: later
// than the date that its revocation will have, whatever clocks gave the dates before;
// 0 when its codes count.
func (t *turn) unfinished(row deviceRow) (pay.Time, error) {
	moves, err := t.moves(t.rows)
	if err != nil {
		return 0, err
	}
	trusted := moves.trusted(row)
	if trusted <= t.now {
		return 0, nil
	}
	last, _, err := fact[pay.DeviceStatus](t.rows, row.Status)
	return max(trusted, last.At+2), err
}

// resumed returns from when on the codes of a device count that its wallet has
// had before. Its probation does not run on while it is revoked and nobody has
// an eye on it: one that was revoked before its end begins anew.
func (t *turn) resumed(old deviceRow) (pay.Time, error) {
	moves, err := t.moves(t.rows)
	if err != nil {
		return 0, err
	}
	trusted := moves.trusted(old)
	if old.State == pay.DeviceActive || old.Trusted == 0 {
		return trusted, nil
	}
	revoked, ok, err := fact[pay.DeviceStatus](t.rows, old.Status)
	if err != nil || !ok {
		return 0, fmt.Errorf("read a revoked device: %w", cmp.Or(err, errors.New("its standing is missing")))
	}
	if revoked.At < old.Trusted {
		return t.now.Add(pay.DeviceProbation), nil
	}
	return trusted, nil
}

// setDevice stores a device's status, publishes it to its wallet and remembers
// that the claim at hand has had its effect.
func (t *turn) setDevice(device pay.DeviceID, row deviceRow) error {
	if err := t.sayDevice(row, pay.DeviceStatus{Device: device, Claim: t.in.Fact.ID()}); err != nil {
		return err
	}
	return t.settle("")
}

// sayDevice stores a device's row and publishes s, completed from it, to its wallet.
func (t *turn) sayDevice(row deviceRow, s pay.DeviceStatus) error {
	s.State, s.Type, s.Vehicle, s.Means, s.Trusted, s.Link, s.Car, s.At = row.State, row.Type, row.Vehicle, row.Means, row.Trusted, row.Link, row.Car, t.now
	if old, ok, err := deviceRows.Get(t.rows, s.Device); err != nil {
		return err
	} else if ok {
		last, _, err := fact[pay.DeviceStatus](t.rows, old.Status)
		if err != nil {
			return err
		}
		s.At = max(s.At, last.At+1) // of two of one moment a wallet takes the one that revokes
	}
	id, err := t.publish(s, row.Wallet)
	if err != nil {
		return err
	}
	row.Status = id
	return deviceRows.Put(t.rows, s.Device, row)
}

// addSource stores a source under the next number in place of the one that it
// replaces.
func (t *turn) addSource(s sourceRow) (uint32, error) {
	n, _, err := newestRow.Get(t.rows)
	if err != nil {
		return 0, err
	}
	if n == math.MaxUint32 {
		panic("registry: internal error: numbers of code sources are used up")
	}
	n++
	if err := newestRow.Put(t.rows, n); err != nil {
		return 0, err
	}
	if s.replaces != 0 {
		if err := sourceRows.Delete(t.rows, s.replaces); err != nil {
			return 0, err
		}
	}
	return n, sourceRows.Put(t.rows, n, s)
}

// learnDrift narrows what is known of a device's clock by a code that its owner
// has just paid with.
func (t *turn) learnDrift(h paymentRow) error {
	row, ok, err := deviceRows.Get(t.rows, h.Device)
	if err != nil || !ok || row.State != pay.DeviceActive {
		return err
	}
	s, ok, err := t.getSource(t.rows, row.Number)
	if err != nil || !ok {
		return err
	}
	if first, last, ok := s.steps(h.Heard, h.Heard+1); !ok || h.Step < first || h.Step > last {
		return nil // mapped anew since
	}
	learned, news := s.learned(h.Step, h.Heard)
	if !news {
		return nil
	}
	row.AnchorAt = learned.AnchorAt
	row.Number, err = t.addSource(sourceRow{CodeSource: learned, device: h.Device, replaces: row.Number})
	if err != nil {
		return err
	}
	return deviceRows.Put(t.rows, h.Device, row)
}

// anchorAt returns when the claim at hand was made by the registry's clock.
func (t *turn) anchorAt() pay.Time { return t.now.Add(-min(max(t.in.Age, 0), anchorAgeMax)) }

// anchorAgeMax bounds the age of a mapping that is believed. Chosen: by then drift
// exceeds the longest step.
const anchorAgeMax = 366 * 24 * hour

// identityKey derives the key that a device and the registry share. It fails
// for beacon keys that RFC 7748 warns of.
func (r *Registry) identityKey(beacon pay.BeaconKey) (pay.IdentityKey, error) {
	pub, err := ecdh.X25519().NewPublicKey(beacon[:])
	if err != nil {
		return pay.IdentityKey{}, err
	}
	shared, err := r.resolver.ECDH(pub)
	if err != nil {
		return pay.IdentityKey{}, err
	}
	return pay.DeriveIdentityKey(shared, r.beacon, beacon)
}

// bindFact returns the id of the bind that a mapping encloses.
func bindFact(m pay.Mapping) (pay.FactID, error) {
	f, err := pay.Parse(m.Bind)
	return f.ID(), err
}
