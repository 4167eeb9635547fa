package registry

import (
	"crypto/ecdh"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Options are the registry's keys and its currency.
type Options struct {
	// Key is the working key, which signs decisions.
	Key pay.Key
	// Authority is the root key's authority for Key.
	Authority pay.Fact
	// Root is the root key's name, which nodes pin and devices bind to.
	Root pay.NodeID
	// RefSecret makes payer references that differ for each merchant.
	RefSecret [32]byte
	// Resolver is the X25519 key with which devices' identity keys are derived.
	Resolver *ecdh.PrivateKey
	// Currency is the only one the registry deals in.
	Currency pay.Currency
	// Acquirers are those that the registry calls, beside closed-loop accounts.
	Acquirers map[pay.Acquirer]Acquirer
	// Log gets warnings of the background work; nil discards them.
	Log *slog.Logger
}

// Registry is the role. Its methods that take rows may be called from one
// goroutine at a time for each set of rows; RunCodes may run beside them.
type Registry struct {
	key       pay.Key
	authority pay.Authority
	rawAuth   pay.Fact
	root      pay.NodeID
	secret    [32]byte
	resolver  *ecdh.PrivateKey
	beacon    pay.BeaconKey // the public half of resolver
	currency  pay.Currency
	acquirers map[pay.Acquirer]Acquirer
	log       *slog.Logger
	codes     codes
	members   *rows.Cache[pay.NodeID, memberRow]
	shifts    atomic.Pointer[shifts]
	moving    atomic.Bool // shifts are about to change
}

// New returns the role. It fails when the authority is not one of the root key for
// the working key, when the resolver's key is of another curve, and for an invalid
// currency.
func New(o Options) (*Registry, error) {
	a, err := pay.OpenAuthority(o.Authority.Raw(), o.Root)
	if err != nil {
		return nil, fmt.Errorf("make registry: %w", err)
	}
	if a.Working != o.Key.Public() {
		return nil, errors.New("make registry: the authority names another working key")
	}
	if o.Resolver == nil || o.Resolver.Curve() != ecdh.X25519() {
		return nil, errors.New("make registry: the resolver's key is not an X25519 key")
	}
	if err := o.Currency.Check(); err != nil {
		return nil, fmt.Errorf("make registry: %w", err)
	}
	r := &Registry{
		key: o.Key, authority: a, rawAuth: o.Authority, root: a.Root.ID(), secret: o.RefSecret,
		resolver: o.Resolver, beacon: pay.BeaconKey(o.Resolver.PublicKey().Bytes()), currency: o.Currency, acquirers: o.Acquirers, log: o.Log,
		members: rows.NewCache(memberRows),
	}
	if r.log == nil {
		r.log = slog.New(slog.DiscardHandler)
	}
	return r, nil
}

// Currency returns the one currency that the registry deals in.
func (r *Registry) Currency() pay.Currency { return r.currency }

// React decides on one input and writes what follows from it. It returns an
// error only when rows fail, when the authority does not cover now, and for a
// deadline or a result that this registry has no rule for; refusing a claim is a
// Reaction.
func (r *Registry) React(tx pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	t := turn{Registry: r, rows: tx, now: now}
	switch in := in.(type) {
	case pay.DeadlineReached:
		return t.done("react to deadline of "+in.Subject.Short(), t.deadline(in.Subject))
	case pay.EffectDone:
		return t.done("react to effect on "+in.Effect.Subject.Short(), t.effect(in))
	case pay.ClaimArrived:
		t.in = in
		return t.claimed()
	default:
		return pay.Reaction{}, fmt.Errorf("react: %T is not for the registry", in)
	}
}

// claimed decides on the claim of a node: it checks who sent it, and whether it
// was settled before.
func (t *turn) claimed() (pay.Reaction, error) {
	in := t.in
	m, ok, err := t.members.Get(t.rows, in.Fact.Signer())
	switch {
	case err != nil:
		return pay.Reaction{}, fmt.Errorf("react to %s: %w", in.Fact.Kind(), err)
	case !ok:
		return pay.Reaction{Refused: pay.ReasonWrongScope}, nil
	case m.Status.Revoked:
		return pay.Reaction{Refused: pay.ReasonNodeRevoked}, nil
	}
	t.from = m.Status
	settled, ok, err := settledRows.Get(t.rows, in.Fact.ID())
	if err != nil {
		return pay.Reaction{}, fmt.Errorf("react to %s: %w", in.Fact.Kind(), err)
	}
	if ok {
		return pay.Reaction{Refused: settled.Reason}, nil
	}
	return t.done("react to "+string(in.Fact.Kind()), t.claim())
}

// turn is one call of React: the rows and the input, and what follows so far.
type turn struct {
	*Registry
	rows pay.WritableRows
	now  pay.Time
	in   pay.ClaimArrived // zero for a deadline
	from pay.NodeStatus   // who signed the fact
	out  pay.Reaction

	heardAt *heardRow // where the code of the payment at hand was heard, once it was read
}

func (t *turn) done(what string, err error) (pay.Reaction, error) {
	if err != nil {
		return pay.Reaction{}, fmt.Errorf("%s: %w", what, err)
	}
	return t.out, nil
}

// claim hands the fact to the rule for its kind, when the author has the role
// that such claims need.
func (t *turn) claim() error {
	row, known := pay.LookupKind(t.in.Fact.Kind())
	switch {
	case !known || row.Author == pay.RoleDevice: // what a device signs travels inside a wallet's claim
		return t.refuse(pay.ReasonUnknownKind, pay.PaymentID{})
	case t.from.Role != row.Author:
		return t.refuse(pay.ReasonWrongRole, pay.PaymentID{})
	}
	if decide := claimRule(row.Kind); decide != nil {
		return decide(t)
	}
	return t.refuse(pay.ReasonUnknownKind, pay.PaymentID{})
}

// setAside returns pay.ReasonSetAside when a deadline of the subject failed and
// waits to be tried again, else "". Until then no claim changes the subject.
func (t *turn) setAside(s pay.Subject) (pay.Reason, error) {
	aside, err := t.rows.SetAside(s)
	if aside {
		return pay.ReasonSetAside, err
	}
	return "", err
}

// publish signs body and publishes it in the feeds of the scopes. It fails as
// sign does.
func (t *turn) publish(body pay.Body, scopes ...pay.Scope) (pay.FactID, error) {
	p, err := t.sign(t.now, body, scopes...)
	if err != nil {
		return pay.FactID{}, err
	}
	t.out.Publications = append(t.out.Publications, p)
	return p.Fact.ID(), nil
}

// sign makes a fact of the registry, for the feeds of the scopes. Its error
// wraps pay.ErrCannotSign when the working key has no authority at the time.
func (r *Registry) sign(now pay.Time, body pay.Body, scopes ...pay.Scope) (pay.Publication, error) {
	if !r.authority.Covers(now) {
		return pay.Publication{}, pay.WrapCase(pay.ErrCannotSign, pay.CodeConfig, "authority_lapsed", "the authority of the working key does not cover "+now.String())
	}
	if row, ok := pay.LookupKind(body.Kind()); !ok || row.Author != pay.RoleRegistry || !row.Audience.Allows(scopes...) {
		panic(fmt.Sprintf("registry: internal error: %s is not for %v", body.Kind(), scopes))
	}
	f, err := pay.Sign(r.key, body)
	return pay.Publication{Fact: f, Scopes: scopes}, err
}

// payerRef names a wallet towards one merchant.
func (r *Registry) payerRef(wallet, merchant pay.Scope) pay.PayerRef {
	message := append([]byte{byte(len(wallet))}, wallet...)
	message = append(append(message, byte(len(merchant))), merchant...)
	sum := pay.MAC(r.secret[:], message)
	return pay.PayerRef(sum[:16])
}
