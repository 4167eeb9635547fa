package paysync

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// Enrol makes key a node of the registry that invite names, in the role that
// both must agree on. name may be empty when the invite gives one. The secret
// of the invite never leaves this node: only a proof does, bound to this
// connection, and only once the other side has shown that it acts for the root
// that the invite names.
//
// Its errors are *pay.Error: CodeNotTrusted when somebody else answers,
// CodeInvite when the registry does not take the invite, CodeUpgrade when the two
// speak no version of the protocol in common, CodeUnreachable when nobody
// answers. Enrolling again with the same key and invite gives the same
// answer.
func Enrol(ctx context.Context, d Dialer, key pay.Key, invite pay.Invite, role pay.Role, name pay.Name) (pay.Membership, error) {
	ctx, cancel := context.WithTimeout(ctx, dialMax)
	defer cancel()
	ask := wire.Enrol{Invite: invite.ID, Role: role, Name: name}.Speaking(wire.Supported())
	if err := ask.Check(); err != nil {
		return pay.Membership{}, pay.Wrap(err, pay.CodeUsage, "cannot ask to enrol", "give a printable name of at most 64 bytes")
	}
	conn, err := d.Dial(ctx, invite.Address, invite.Root, key)
	if err != nil {
		return pay.Membership{}, err
	}
	defer conn.Close(CloseDone)
	m, err := askToEnrol(ctx, conn, key, invite.Secret, ask)
	if errors.Is(err, wire.ErrMalformed) {
		return pay.Membership{}, protocolError("an answer that cannot be read").Err
	}
	if pay.CodeOf(err) == pay.CodeUpgrade {
		return pay.Membership{}, err
	}
	if err != nil {
		return pay.Membership{}, pay.Wrap(err, pay.CodeUnreachable, "the registry at "+invite.Address+" does not answer", "check that it runs and can be reached, then enrol again with the same invite")
	}
	switch m := m.(type) {
	case wire.Bye:
		return pay.Membership{}, byeError(m, ask.Versions())
	case wire.Enrolled:
		return checkEnrolled(m, key, invite.Root, role)
	default:
		return pay.Membership{}, protocolError(fmt.Sprintf("%T answers Enrol", m)).Err
	}
}

// askToEnrol sends the claim and returns the answer.
func askToEnrol(ctx context.Context, conn Conn, key pay.Key, secret pay.InviteSecret, ask wire.Enrol) (wire.Message, error) {
	if err := conn.Open(ctx); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	exporter, err := conn.Exporter()
	if err != nil {
		return nil, fmt.Errorf("export keying material: %w", err)
	}
	ask.Proof = pay.InviteProof(secret, exporter, key.Public())
	defer context.AfterFunc(ctx, func() { conn.Close(CloseSilent) })()
	out := sender{conn: conn}
	if err := out.send(ctx, ask); err != nil {
		return nil, err
	}
	m, err := wire.ReadMessage(conn, pay.FirstFrameBytesMax)
	if err != nil && ctx.Err() != nil {
		return nil, errors.Join(context.Cause(ctx), err)
	}
	if err != nil {
		return nil, readError(err)
	}
	return m, nil
}

// checkEnrolled believes the registry only as far as it names this very node
// and shows the pinned root's word.
func checkEnrolled(m wire.Enrolled, key pay.Key, root pay.NodeID, role pay.Role) (pay.Membership, error) {
	authority, err := pay.Parse(m.Authority)
	if err == nil {
		_, err = pay.OpenAuthority(m.Authority, root)
	}
	if err != nil {
		return pay.Membership{}, pay.Wrap(err, pay.CodeNotTrusted, "the registry shows no authority of the root that the invite names", "ask for a new invite, and check where this one came from")
	}
	if m.Node.Node != key.Public() || m.Node.Role != role || m.Node.Revoked {
		return pay.Membership{}, protocolError("Enrolled speaks of another node").Err
	}
	return pay.Membership{Node: m.Node, Authority: authority, Currency: m.Currency, Resolver: m.Resolver}, nil
}
