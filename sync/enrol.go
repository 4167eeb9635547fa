package paysync

import (
	"context"
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
	claim := wire.Enrol{Invite: invite.ID, Role: role, Name: name}.Speaking(wire.Supported())
	if err := claim.Check(); err != nil {
		return pay.Membership{}, pay.Wrap(err, pay.CodeUsage, "cannot ask to enrol", "give a printable name of at most 64 bytes")
	}
	conn, err := d.Dial(ctx, invite.Address, invite.Root, key)
	if err != nil {
		return pay.Membership{}, err
	}
	defer conn.Close(CloseDone)
	exporter, err := conn.Exporter()
	if err != nil {
		return pay.Membership{}, pay.Wrap(err, pay.CodeFailed, "cannot bind the invite's proof to this connection", "report it; the invite was not used")
	}
	claim.Proof = pay.InviteProof(invite.Secret, exporter, key.Public())
	m, err := ask(ctx, conn, invite.Address, claim)
	if err != nil {
		return pay.Membership{}, err
	}
	switch m := m.(type) {
	case wire.Bye:
		return pay.Membership{}, byeError(m, claim.Versions())
	case wire.Enrolled:
		return checkEnrolled(m, key, invite.Root, role)
	default:
		return pay.Membership{}, protocolError(fmt.Sprintf("%T answers Enrol", m)).Err
	}
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
