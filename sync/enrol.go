package paysync

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// Enrol makes key a node of the registry that invite names, in role, which must
// be that of the invite. name may be empty when the invite gives one. The secret
// of the invite stays at this node: only a proof is sent, bound to this
// connection, and only to a registry that has an authority of the root in the
// invite. Enrolling again with the same key and invite gives the same answer.
//
// Its errors are *pay.Error: CodeUsage for a role or name that cannot enrol,
// CodeNotTrusted when somebody else answers, CodeInvite when the registry refuses
// the invite, CodeConflict and CodeNotAllowed when it refuses the key,
// CodeUpgrade when the two speak no version in common, CodeBadFact for an answer
// that breaks the protocol, CodeUnreachable when nobody answers.
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

// checkEnrolled returns the membership, or an error: CodeNotTrusted when root did
// not sign the authority, CodeBadFact when the answer is about another node.
func checkEnrolled(m wire.Enrolled, key pay.Key, root pay.NodeID, role pay.Role) (pay.Membership, error) {
	authority, err := pay.Parse(m.Authority)
	if err == nil {
		_, err = pay.OpenAuthority(m.Authority, root)
	}
	if err != nil {
		return pay.Membership{}, pay.Wrap(err, pay.CodeNotTrusted, "the registry has no authority of the root that the invite names", "ask for a new invite, and check where this one came from")
	}
	if m.Node.Node != key.Public() || m.Node.Role != role || m.Node.Revoked {
		return pay.Membership{}, protocolError("Enrolled is about another node").Err
	}
	return pay.Membership{Node: m.Node, Authority: authority, Currency: m.Currency, Resolver: m.Resolver}, nil
}

// ask sends one message over a new connection and returns the answer. address
// is the registry's, for people. Its errors are *pay.Error: CodeBadFact when the
// answer cannot be read, CodeUpgrade when the registry cannot read the question,
// CodeUnreachable when there is no answer until ctx is done.
func ask(ctx context.Context, conn Conn, address string, question wire.Message) (wire.Message, error) {
	m, err := exchange(ctx, conn, question)
	switch {
	case err == nil:
		return m, nil
	case errors.Is(err, wire.ErrMalformed):
		return nil, protocolError("an answer that cannot be read").Err
	case pay.CodeOf(err) == pay.CodeUpgrade:
		return nil, err
	default:
		return nil, pay.Wrap(err, pay.CodeUnreachable, "the registry at "+address+" does not answer", "check that it runs and can be reached, then try again")
	}
}

func exchange(ctx context.Context, conn Conn, question wire.Message) (wire.Message, error) {
	if err := conn.Open(ctx); err != nil {
		return nil, fmt.Errorf("open stream: %w", err)
	}
	defer context.AfterFunc(ctx, func() { conn.Close(CloseSilent) })()
	out := sender{conn: conn}
	if err := out.send(ctx, question); err != nil {
		return nil, err
	}
	m, err := wire.ReadMessage(conn, pay.FirstFrameBytesMax)
	if err != nil && ctx.Err() != nil {
		return nil, fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	if err != nil {
		return nil, readError(err)
	}
	return m, nil
}
