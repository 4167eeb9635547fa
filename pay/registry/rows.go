package registry

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// The prefixes of the rows; see the package comment.
const (
	prefixPrompts  = "a/"
	prefixSource   = "c/"
	prefixDevice   = "d/"
	prefixSettled  = "f/"
	prefixHeard    = "h/"
	prefixInvite   = "i/"
	prefixBeacon   = "k/"
	prefixMember   = "m/"
	keyNumber      = "n"
	prefixOwned    = "o/"
	prefixPayment  = "p/"
	prefixKey      = "q/"
	prefixBudget   = "r/"
	prefixMerchant = "s/"
	prefixTopUp    = "t/"
	prefixLimit    = "u/"
	prefixEquipped = "v/"
	prefixWallet   = "w/"
)

// head is where a payment stands, and what the registry needs to go on with it.
type head struct {
	Last     pay.FactID   `cbor:"1,keyasint"` // the last decision
	Decision pay.Decision `cbor:"2,keyasint"` // its body
	Box      pay.NodeID   `cbor:"3,keyasint"` // who asked
	Wallet   pay.Scope    `cbor:"4,keyasint,omitempty"`
	Device   pay.DeviceID `cbor:"5,keyasint"` // with Step and Heard: by what the payer was found
	Step     pay.Step     `cbor:"6,keyasint"`
	Heard    pay.Time     `cbor:"7,keyasint"`
	Learn    bool         `cbor:"8,keyasint"` // an approval tells something new about the device's clock
}

// payment returns the fold that the head stands for.
func (h head) payment() pay.Payment {
	p := pay.Open(pay.FactID(h.Decision.Payment))
	if h.Decision.Seq == 0 {
		return p
	}
	p.State, p.Seq, p.Last, p.Terms = h.Decision.State, h.Decision.Seq, h.Last, h.Decision
	if p.State == pay.StateCaptured {
		p.Captured, p.Answer = h.Decision.Amount, h.Decision.Claim
	}
	return p
}

// memberRow is a node and the invite that it came by.
type memberRow struct {
	Status pay.NodeStatus `cbor:"1,keyasint"`
	Invite pay.InviteID   `cbor:"2,keyasint"`
}

// settledRow says how a claim was settled that led to no decision: refused for
// a reason, or done when there is none.
type settledRow struct {
	Reason pay.Reason `cbor:"1,keyasint,omitempty"`
}

// deviceRow says whose a device is. Counter and AnchorAt are the anchor that
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
	Status   pay.FactID      `cbor:"11,keyasint"` // the registry's last word on it
	// Repaired says that the device was revoked before and has not paid since.
	Repaired bool `cbor:"12,keyasint,omitempty"`
	// Trusted is from when on its authentication codes count; 0: at once.
	Trusted pay.Time `cbor:"13,keyasint,omitempty"`
}

// where is the place that a code was heard at first. Twice says that it was
// heard at another one too.
type where struct {
	Merchant pay.Scope `cbor:"1,keyasint"`
	Site     pay.Name  `cbor:"2,keyasint"`
	Twice    bool      `cbor:"3,keyasint,omitempty"`
}

func idKey(prefix string, id [32]byte) []byte { return append([]byte(prefix), id[:]...) }

func memberKey(n pay.NodeID) []byte        { return idKey(prefixMember, n) }
func settledKey(id pay.FactID) []byte      { return idKey(prefixSettled, id) }
func deviceKey(d pay.DeviceID) []byte      { return idKey(prefixDevice, d) }
func beaconKey(b pay.BeaconKey) []byte     { return idKey(prefixBeacon, b) }
func paymentKey(p pay.PaymentID) []byte    { return idKey(prefixPayment, p) }
func budgetKey(n pay.NodeID) []byte        { return idKey(prefixBudget, n) }
func inviteKey(id pay.InviteID) []byte     { return append([]byte(prefixInvite), id[:]...) }
func merchantKey(name pay.Name) []byte     { return append([]byte(prefixMerchant), name...) }
func topUpKey(k pay.IdempotencyKey) []byte { return append([]byte(prefixTopUp), k...) }

func walletKey(s pay.Scope) []byte { return append([]byte(prefixWallet), s...) }

func equippedKey(s pay.Scope) []byte { return append([]byte(prefixEquipped), s...) }

func limitKey(s pay.Scope) []byte { return append([]byte(prefixLimit), s...) }

func sourceKey(number uint32) []byte {
	return binary.BigEndian.AppendUint32([]byte(prefixSource), number)
}

func heardKey(d pay.DeviceID, s pay.Step) []byte {
	return binary.BigEndian.AppendUint32(idKey(prefixHeard, d), uint32(s))
}

func chargeKey(box pay.NodeID, k pay.IdempotencyKey) []byte {
	return append(idKey(prefixKey, box), k...)
}

func promptsKey(wallet pay.Scope, box pay.NodeID) []byte {
	return append(append(append([]byte(prefixPrompts), wallet...), 0), box[:]...)
}

func ownedKey(wallet pay.Scope, d pay.DeviceID) []byte {
	return append(ownedPrefix(wallet), d[:]...)
}

func ownedPrefix(wallet pay.Scope) []byte {
	return append(append([]byte(prefixOwned), wallet...), 0)
}

// end returns the first key behind all keys that start with prefix.
func end(prefix []byte) []byte {
	to := bytes.Clone(prefix)
	to[len(to)-1]++ // no prefix here ends in 0xFF
	return to
}

func get[T any](rows pay.Rows, key []byte) (v T, ok bool, err error) {
	raw, ok, err := rows.Get(key)
	if err != nil || !ok {
		return v, false, err
	}
	if err := pay.Decode(raw, &v); err != nil {
		return v, false, fmt.Errorf("read row %q: %w", key[:min(2, len(key))], err)
	}
	return v, true, nil
}

func put(rows pay.WritableRows, key []byte, v any) error { return rows.Put(key, pay.Encode(v)) }

// getID reads a row whose value is an id.
func getID(rows pay.Rows, key []byte) (id [32]byte, ok bool, err error) {
	raw, ok, err := rows.Get(key)
	if err != nil || !ok {
		return id, false, err
	}
	if len(raw) != len(id) {
		return id, false, fmt.Errorf("read row %q: %d bytes are no id", key[:min(2, len(key))], len(raw))
	}
	return [32]byte(raw), true, nil
}

// pageRows bounds the rows that each keeps in memory.
const pageRows = 256

// each calls fn for the rows that start with prefix, in order. It reads them in
// pages, so that fn may read other rows.
func each(rows pay.Rows, prefix []byte, fn func(key, value []byte) error) error {
	type row struct{ key, value []byte }
	from, to := bytes.Clone(prefix), end(prefix)
	for page := make([]row, 0, pageRows); ; page = page[:0] {
		err := rows.Scan(from, to, pageRows, func(key, value []byte) bool {
			page = append(page, row{bytes.Clone(key), bytes.Clone(value)})
			return true
		})
		if err != nil {
			return err
		}
		for _, r := range page {
			if err := fn(r.key, r.value); err != nil {
				return err
			}
		}
		if len(page) < pageRows {
			return nil
		}
		from = append(page[len(page)-1].key, 0)
	}
}
