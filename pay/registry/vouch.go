package registry

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Vouch ends the probation of a device because the operator knows its owner: its
// authentication codes count from now on. The device is the one of the wallet whose
// id begins with the hexadecimal digits. One that is trusted already stays as it
// is. No such device is a *pay.Error with pay.CodeNotFound, several are one with
// pay.CodeConflict, and both name those that are there. Any other error is the
// store's, or wraps pay.ErrCannotSign.
func (r *Registry) Vouch(tx pay.WritableRows, now pay.Time, wallet pay.Scope, digits string) (pay.Vouched, pay.Reaction, error) {
	t := turn{Registry: r, rows: tx, now: now}
	id, row, err := t.ownDevice(wallet, digits)
	if err != nil {
		return pay.Vouched{}, pay.Reaction{}, err
	}
	v := pay.Vouched{Wallet: wallet, Device: id, At: now}
	moves, err := r.moves(tx)
	if err != nil {
		return v, pay.Reaction{}, fmt.Errorf("vouch: %w", err)
	}
	if moves.trusted(row) <= now {
		return v, pay.Reaction{}, nil
	}
	before, ok, err := fact[pay.DeviceStatus](tx, row.Status)
	if err != nil || !ok {
		return v, pay.Reaction{}, fmt.Errorf("vouch: %w", cmp.Or(err, errors.New("the device's standing is missing")))
	}
	v.At = max(now, before.At+1) // the date of the status that follows
	if _, err := t.publish(v, pay.ScopeRegistry, wallet); err != nil {
		return v, pay.Reaction{}, fmt.Errorf("vouch: %w", err)
	}
	row.Trusted = 0
	err = t.sayDevice(row, pay.DeviceStatus{Device: id, Claim: before.Claim})
	return v, t.out, err
}

// ownDevice finds an active device of a wallet by the beginning of its id.
func (t *turn) ownDevice(wallet pay.Scope, digits string) (id pay.DeviceID, row deviceRow, err error) {
	var named, all []string
	digits = strings.ToLower(digits)
	err = ownedRows.Each(t.rows, rows.Under(ownedRows, wallet), func(key ownedKey, _ struct{}) error {
		own, ok, err := deviceRows.Get(t.rows, key.Second)
		if err != nil || !ok || own.State != pay.DeviceActive || own.Wallet != wallet {
			return err
		}
		all = append(all, key.Second.Short())
		if digits != "" && strings.HasPrefix(key.Second.String(), digits) {
			named = append(named, key.Second.Short())
			id, row = key.Second, own
		}
		return nil
	})
	switch {
	case err != nil:
		return id, row, fmt.Errorf("find device: %w", err)
	case len(named) > 1:
		return id, row, pay.NewCase(pay.CodeConflict, "device_ambiguous", fmt.Sprintf("find device: %q means several: %s", digits, strings.Join(named, ", ")))
	case len(named) == 0 && len(all) == 0:
		return id, row, pay.NewCase(pay.CodeNotFound, "device_not_paired", "find device: the wallet has none")
	case len(named) == 0:
		return id, row, pay.NewCase(pay.CodeNotFound, "device_not_paired", fmt.Sprintf("find device: none of the wallet begins with %q; it has %s", digits, strings.Join(all, ", ")))
	}
	return id, row, nil
}

// vouchAudit is the part of an audit that looks at devices which are trusted before
// their probation is over.
type vouchAudit struct {
	*auditor
	waits   map[mappedDevice]bool     // was on probation by that mapping
	trusted map[mappedDevice]pay.Time // when it was said to be trusted, by that mapping
	vouched map[pay.DeviceID]pay.Vouched
}

// mappedDevice is a device as one mapping has it.
type mappedDevice struct {
	device pay.DeviceID
	claim  pay.FactID
}

func newVouchAudit(a *auditor) *vouchAudit {
	return &vouchAudit{a, make(map[mappedDevice]bool), make(map[mappedDevice]pay.Time), make(map[pay.DeviceID]pay.Vouched)}
}

func (a *vouchAudit) readStatus(s pay.DeviceStatus) {
	key := mappedDevice{s.Device, s.Claim}
	switch {
	case s.State != pay.DeviceActive:
	case s.Trusted > 0:
		a.waits[key] = true
	default:
		a.trusted[key] = max(a.trusted[key], s.At)
	}
}

func (a *vouchAudit) readVouched(_ pay.Fact, v pay.Vouched) error {
	if v.At >= a.vouched[v.Device].At {
		a.vouched[v.Device] = v
	}
	return nil
}

// check sees that nobody was trusted before the time without the operator's word,
// and that the operator vouched for devices of the wallet alone.
func (a *vouchAudit) check(context.Context) error {
	for key := range a.waits {
		at, trusted := a.trusted[key]
		if trusted && a.vouched[key.device].At != at {
			a.report("device %s: its probation was ended and nobody vouches for it", key.device.Short())
		}
	}
	for id, v := range a.vouched {
		row, ok, err := deviceRows.Get(a.rows, id)
		if err != nil && !errors.Is(err, rows.ErrDamaged) {
			return err
		}
		if !ok || err == nil && row.State == pay.DeviceActive && row.AnchorAt < v.At && row.Wallet != v.Wallet {
			a.report("device %s: it was vouched for and is not of that wallet", id.Short())
		}
	}
	return nil
}
