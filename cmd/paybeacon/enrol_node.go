package main

import (
	"context"
	"fmt"
	"time"

	paysync "github.com/paybeacon/paybeacon/sync"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

const enrolTimeout = 20 * time.Second

// enrolDir enrols the key of a locked directory. Repeating it with the same
// invite gives the same answer, so a crash in between locks nobody out.
func enrolDir(ctx context.Context, d dataDir, invite pay.Invite, role pay.Role, name pay.Name) (member, error) {
	switch have := d.role(); {
	case have == pay.RoleRegistry || have == pay.RoleDevice:
		return member{}, pay.NewError(pay.CodeConflict, fmt.Sprintf("%s is the directory of a %s", d, have), "enrol in a directory of its own")
	case have != "":
		m, err := d.loadMember()
		if err != nil {
			return member{}, err
		}
		if m.Invite != invite.ID || m.Root != invite.Root.String() || m.Role != role {
			return member{}, pay.NewError(pay.CodeConflict, fmt.Sprintf("%s is already enrolled as %s %s", d, m.Role, m.Name), "enrol in a directory of its own")
		}
		return m, nil
	}
	key, err := d.loadOrMakeKey("node.key")
	if err != nil {
		return member{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	joined, err := paysync.Enrol(ctx, quicnet.Dialer{}, key, invite, role, name)
	if err != nil {
		return member{}, err
	}
	m := member{
		V: 1, Role: joined.Node.Role, Scope: joined.Node.Scope, Name: joined.Node.Name, Shop: joined.Node.Shop, Site: joined.Node.Site,
		Server: invite.Address, Invite: invite.ID, Root: invite.Root.String(),
		Authority: joined.Authority.Raw(), Currency: joined.Currency, Resolver: joined.Resolver,
	}
	return m, d.saveMember(m)
}
