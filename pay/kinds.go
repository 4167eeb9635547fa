package pay

import (
	"fmt"
	"slices"
	"strings"
	"sync"
)

// The kinds of facts. The table below says of each who signs it and who sees
// it.
const (
	KindRequest     Kind = "request"
	KindAnswer      Kind = "answer"
	KindCancel      Kind = "cancel"
	KindBind        Kind = "bind"
	KindMapping     Kind = "mapping"
	KindRevoke      Kind = "revoke"
	KindAuthority   Kind = "authority"
	KindDecision    Kind = "decision"
	KindRefusal     Kind = "refusal"
	KindDevice      Kind = "device"
	KindNode        Kind = "node"
	KindTopUp       Kind = "topup"
	KindStepUpAbove Kind = "step-up-above"
	KindStepUp      Kind = "step-up"
	KindChallenge   Kind = "challenge"
	KindClock       Kind = "clock"
	KindKeys        Kind = "merchant-keys"
	KindKeyHeld     Kind = "key-held"
	KindNeighbours  Kind = "neighbours"
	KindEarshot     Kind = "earshot"
	KindReplaced    Kind = "replaced"
	KindForgotten   Kind = "forgotten"
	KindVouched     Kind = "vouched"
	KindPaidOut     Kind = "paid-out"
	KindMoved       Kind = "moved"

	KindMandate       Kind = "mandate"
	KindMandateEnd    Kind = "mandate-end"
	KindMandateStatus Kind = "mandate-status"

	KindOpening     Kind = "must-request"
	KindCapture     Kind = "capture"
	KindVoid        Kind = "void"
	KindRefund      Kind = "refund"
	KindActionKnown Kind = "action-known"
	KindMeans       Kind = "means"
	KindMeansEnd    Kind = "means-end"
	KindMeansStatus Kind = "means-status"

	KindPreset       Kind = "preset"
	KindPresetStatus Kind = "preset-set"

	KindPrice Kind = "price"
	KindBill  Kind = "bill"

	KindIncrement       Kind = "increment"
	KindIncrementOffer  Kind = "increment-offer"
	KindIncrementAnswer Kind = "increment-answer"
	KindIncrementEnd    Kind = "increment-end"
	KindAcquirerAnswer  Kind = "acquirer-answer"
	KindContradiction   Kind = "contradiction"
	KindSettled         Kind = "settled"
)

// kinds is the table of kinds: a kind without a row here is a kind that this
// program does not know. The parser of bodies, the registry's check of who may
// sign a claim, its audit and the list in wire/PROTOCOL.md follow it.
func kinds() []KindRow {
	return []KindRow{
		claim[Request](RoleBox, AudienceAuthor),
		claim[Opening](RoleBox, AudienceAuthor),
		claim[Cancel](RoleBox, AudienceAuthor),
		claim[Price](RoleBox, AudienceAuthor),
		claim[Capture](RoleBox, AudienceAuthor),
		claim[Void](RoleBox, AudienceAuthor),
		claim[Refund](RoleBox, AudienceAuthor),
		claim[Increment](RoleBox, AudienceAuthor),
		claim[IncrementAnswer](RoleWallet, AudienceAuthor),
		claim[Answer](RoleWallet, AudienceAuthor),
		claim[Mandate](RoleWallet, AudienceAuthor),
		claim[MandateEnd](RoleWallet, AudienceAuthor),
		claim[Mapping](RoleWallet, AudienceAuthor),
		claim[Revoke](RoleWallet, AudienceAuthor),
		claim[StepUpAbove](RoleWallet, AudienceAuthor).formerly("limit"),
		claim[Means](RoleWallet, AudienceAuthor),
		claim[MeansEnd](RoleWallet, AudienceAuthor),
		claim[PresetClaim](RoleWallet, AudienceAuthor),
		claim[Bind](RoleDevice, AudienceWallet),
		claim[Forgotten](RoleDevice, AudienceWallet),
		claim[Authority](RoleRoot, AudienceAll).readBy(RoleBox, RoleWallet),
		statement[Decision](AudienceParties).readBy(RoleBox, RoleWallet),
		statement[Refusal](AudienceParties).readBy(RoleBox, RoleWallet),
		statement[IncrementOffer](AudienceParties).readBy(RoleBox, RoleWallet),
		statement[IncrementEnd](AudienceParties).readBy(RoleBox, RoleWallet),
		statement[MandateStatus](AudienceParties).readBy(RoleBox, RoleWallet),
		statement[Challenge](AudienceWallet).readBy(RoleWallet),
		statement[DeviceStatus](AudienceWallet).readBy(RoleWallet),
		statement[StepUpStatus](AudienceWallet).formerly("limited").readBy(RoleWallet),
		statement[TopUp](AudienceWallet).readBy(RoleWallet),
		statement[PaidOut](AudienceAccount).readBy(RoleBox, RoleWallet),
		statement[Moved](AudienceWallet).readBy(RoleWallet),
		statement[MerchantKeys](AudienceMerchant).readBy(RoleBox),
		statement[KeyHeld](AudienceMerchant).readBy(RoleBox),
		statement[ActionKnown](AudienceMerchant).readBy(RoleBox),
		statement[Bill](AudienceMerchant).readBy(RoleBox),
		statement[Neighbours](AudienceMerchant).readBy(RoleBox),
		statement[Earshot](AudienceMerchant).readBy(RoleBox),
		statement[Replaced](AudienceWallet).readBy(RoleWallet),
		statement[Vouched](AudienceWallet).readBy(RoleWallet),
		statement[MeansStatus](AudienceWallet).readBy(RoleWallet),
		statement[PresetStatus](AudienceWallet).readBy(RoleWallet),
		statement[AcquirerAnswer](AudienceRegistry),
		statement[Contradiction](AudienceRegistry),
		statement[Settled](AudienceParties),
		statement[NodeStatus](AudienceRegistry),
		statement[ClockAccepted](AudienceRegistry),
	}
}

// KindRow is what the program knows of one kind of fact. Whether the kind is
// critical stands in its name; see Kind.Critical.
type KindRow struct {
	Kind Kind
	// Former is how the kind was spelled in facts of old, or "". Such facts are
	// read as of this kind; none is signed any more.
	Former Kind
	// Author is the role whose key signs such facts.
	Author Role
	// Audience is who sees them, beside the registry.
	Audience Audience

	// Readers are the roles of the nodes that act on such facts in their feed;
	// all others keep them and pass them on.
	Readers []Role

	check    func(payload []byte) (Body, error)
	signedAt func(Fact) (Time, error) // nil unless the registry signs
}

// Audience is who sees facts of a kind, beside the registry, which sees all.
type Audience string

// The audiences. The registry's own scope may hold a copy of everything.
const (
	AudienceAuthor   Audience = "author"   // nobody else: the fact stands in no feed
	AudienceParties  Audience = "parties"  // the merchant and the payer's wallet
	AudienceWallet   Audience = "wallet"   // the wallets that it concerns, mostly one
	AudienceMerchant Audience = "merchant" // the boxes of the merchants that it concerns
	AudienceAccount  Audience = "account"  // the wallet, or the merchant's boxes, whose account it is
	AudienceRegistry Audience = "registry" // nobody: it stands in the registry's own feed
	AudienceAll      Audience = "all"      // every node
)

// Allows reports whether a fact of this audience may stand in the feeds of all
// these scopes.
func (a Audience) Allows(scopes ...Scope) bool {
	return !slices.ContainsFunc(scopes, func(s Scope) bool { return !a.includes(s) })
}

func (a Audience) includes(s Scope) bool {
	merchant, wallet := strings.HasPrefix(string(s), "m/"), strings.HasPrefix(string(s), "w/")
	switch a {
	case AudienceAll:
		return true
	case AudienceParties, AudienceAccount:
		return merchant || wallet || s == ScopeRegistry
	case AudienceWallet:
		return wallet || s == ScopeRegistry
	case AudienceMerchant:
		return merchant || s == ScopeRegistry
	case AudienceRegistry:
		return s == ScopeRegistry
	default:
		return false
	}
}

// claim is the row of a kind that somebody else than the registry signs.
func claim[B Body](author Role, audience Audience) KindRow {
	var b B
	return KindRow{Kind: b.Kind(), Author: author, Audience: audience, check: checkAs[B]}
}

// signed is a body of the registry, which says when it was signed.
type signed interface {
	Body
	signedAt() Time
}

// statement is the row of a kind that the registry signs with its working key.
func statement[B signed](audience Audience) KindRow {
	row := claim[B](RoleRegistry, audience)
	row.signedAt = func(f Fact) (Time, error) {
		b, err := As[B](f)
		return b.signedAt(), err
	}
	return row
}

// readBy returns the row of a kind that nodes of these roles act on.
func (r KindRow) readBy(roles ...Role) KindRow {
	r.Readers = roles
	return r
}

// Urgent reports whether claims of the kind only ever reduce what can be paid, so
// that the registry takes them from any holder of the author's key, whatever the
// state of the author's outbox.
func (k Kind) Urgent() bool { return k == KindRevoke }

// Concerns reports whether nodes of the role sign facts of this kind or act on
// them, so that the role must have a rule for the kind.
func (r KindRow) Concerns(role Role) bool {
	return r.Author == role || slices.Contains(r.Readers, role)
}

// formerly returns the row of a kind that had another spelling.
func (r KindRow) formerly(k Kind) KindRow {
	r.Former = k
	return r
}

func (d Decision) signedAt() Time      { return d.At }
func (r Refusal) signedAt() Time       { return r.At }
func (d DeviceStatus) signedAt() Time  { return d.At }
func (n NodeStatus) signedAt() Time    { return n.At }
func (t TopUp) signedAt() Time         { return t.At }
func (s StepUpStatus) signedAt() Time  { return s.At }
func (c Challenge) signedAt() Time     { return c.At }
func (m MerchantKeys) signedAt() Time  { return m.At }
func (k KeyHeld) signedAt() Time       { return k.At }
func (n Neighbours) signedAt() Time    { return n.At }
func (e Earshot) signedAt() Time       { return e.At }
func (r Replaced) signedAt() Time      { return r.At }
func (v Vouched) signedAt() Time       { return v.At }
func (p PaidOut) signedAt() Time       { return p.At }
func (m Moved) signedAt() Time         { return m.At }
func (m MandateStatus) signedAt() Time { return m.At }
func (k ActionKnown) signedAt() Time   { return k.At }
func (m MeansStatus) signedAt() Time   { return m.At }
func (p PresetStatus) signedAt() Time  { return p.At }

func (b Bill) signedAt() Time           { return b.At }
func (o IncrementOffer) signedAt() Time { return o.At }
func (e IncrementEnd) signedAt() Time   { return e.At }
func (a AcquirerAnswer) signedAt() Time { return a.At }
func (c Contradiction) signedAt() Time  { return c.At }

// SignedAt returns when the registry signed f, a fact of this kind. It fails
// for the kinds of other authors and for facts of other kinds.
func (r KindRow) SignedAt(f Fact) (Time, error) {
	if r.signedAt == nil {
		return 0, fmt.Errorf("read %s: the registry does not sign this kind", f.Kind())
	}
	return r.signedAt(f)
}

var kindsByName = sync.OnceValue(func() map[Kind]KindRow {
	m := make(map[Kind]KindRow)
	for _, row := range kinds() {
		m[row.Kind] = row
		if row.Former != "" {
			m[row.Former] = row
		}
	}
	return m
})

// LookupKind returns the row of a kind, in its present or former spelling, and
// whether this program knows it.
func LookupKind(k Kind) (KindRow, bool) {
	row, ok := kindsByName()[k]
	return row, ok
}

// Kinds returns the rows of all kinds that this program knows.
func Kinds() []KindRow { return kinds() }
