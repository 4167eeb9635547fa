package registry

import (
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

type ownedKey = rows.Pair[pay.Scope, pay.DeviceID]

// The key spaces; the package comment lists them.
var (
	promptRows = rows.New("a/", "prompts without approval in the last hour",
		rows.Join(rows.TextUntil[pay.Scope]("WALLET", 0), rows.ID[pay.NodeID]("BOX")), rows.CBOR[[]prompted]())
	sourceRows = rows.New("c/", "code source: key, exponent and anchor of one mapping",
		rows.Uint32[uint32]("NUMBER"), rows.NewCodec("code source", appendSource, readSource))
	deviceRows  = rows.New("d/", "whose the device is", rows.ID[pay.DeviceID]("DEVICE"), rows.CBOR[deviceRow]())
	settledRows = rows.New("f/", "a claim that was settled without a decision, and how",
		rows.ID[pay.FactID]("CLAIM"), rows.CBOR[settledRow]())
	heardRows = rows.New("h/", "where a code was heard first",
		rows.Join(rows.ID[pay.DeviceID]("DEVICE"), rows.Uint32[pay.Step]("STEP")), rows.CBOR[where]())
	inviteRows  = rows.New("i/", "an invite", rows.ID8[pay.InviteID]("INVITE"), rows.CBOR[inviteRow]())
	beaconRows  = rows.New("k/", "the device that has this beacon key", rows.ID[pay.BeaconKey]("BEACON"), rows.ID[pay.DeviceID]("DEVICE"))
	memberRows  = rows.New("m/", "a node: role, scope, names", rows.ID[pay.NodeID]("NODE"), rows.CBOR[memberRow]())
	newestRow   = rows.NewSingle("n", "the number of the newest code source", rows.Uint32[uint32]("NUMBER"))
	ownedRows   = rows.New("o/", "the wallet's devices", rows.Join(rows.TextUntil[pay.Scope]("WALLET", 0), rows.ID[pay.DeviceID]("DEVICE")), rows.None())
	paymentRows = rows.New("p/", "where a payment stands: the fold of its decisions", rows.ID[pay.PaymentID]("PAYMENT"), rows.CBOR[head]())
	chargeRows  = rows.New("q/", "the payment that a box opened under a key",
		rows.Join(rows.ID[pay.NodeID]("BOX"), rows.Text[pay.IdempotencyKey]("KEY")), rows.ID[pay.PaymentID]("PAYMENT"))
	budgetRows   = rows.New("r/", "refusals of this hour", rows.ID[pay.NodeID]("NODE"), rows.CBOR[budgetRow]())
	merchantRows = rows.New("s/", "the scope of a merchant's name", rows.Text[pay.Name]("MERCHANT"), rows.Text[pay.Scope]("SCOPE"))
	topUpRows    = rows.New("t/", "a top-up", rows.Text[pay.IdempotencyKey]("KEY"), rows.CBOR[topUpRow]())
	limitRows    = rows.New("u/", "above which amount the wallet's payments need its device", rows.Text[pay.Scope]("WALLET"), rows.CBOR[limitRow]())
	equippedRows = rows.New("v/", "the wallet has had a device", rows.Text[pay.Scope]("WALLET"), rows.None())
	walletRows   = rows.New("w/", "the node that speaks for a wallet's scope", rows.Text[pay.Scope]("WALLET"), rows.ID[pay.NodeID]("NODE"))
)

// Spaces returns the key spaces of the role, those of the book included.
func Spaces() rows.Spaces {
	return append(rows.Spaces{
		promptRows.Space, sourceRows.Space, deviceRows.Space, settledRows.Space, heardRows.Space, inviteRows.Space, beaconRows.Space,
		memberRows.Space, newestRow.Space, ownedRows.Space, paymentRows.Space, chargeRows.Space, budgetRows.Space, merchantRows.Space,
		topUpRows.Space, limitRows.Space, equippedRows.Space, walletRows.Space,
	}, book.Spaces()...)
}

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
