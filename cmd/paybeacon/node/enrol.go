package node

import (
	"context"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// enrolTimeout bounds enrolment. Chosen: some round trips over a bad line.
const enrolTimeout = 20 * time.Second

// Enrol enrols the key of a locked directory with the registry of an invite, and
// keeps what became of it. Repeating it with the same invite gives the same answer,
// so a crash in between locks nobody out. Its errors are those of sync.Enrol, and a
// *pay.Error with CodeConflict where the directory is another node's.
func Enrol(ctx context.Context, d datadir.Dir, invite pay.Invite, role pay.Role, name pay.Name) (datadir.Member, error) {
	switch have := d.Role(); {
	case have == pay.RoleRegistry || have == pay.RoleDevice:
		return datadir.Member{}, pay.NewError(pay.CodeConflict, fmt.Sprintf("%s is the directory of a %s", d, have), "enrol in a directory of its own")
	case have != "":
		m, err := d.LoadMember()
		if err != nil {
			return datadir.Member{}, err
		}
		if m.Invite != invite.ID || m.Root != invite.Root.String() || m.Role != role {
			return datadir.Member{}, pay.NewError(pay.CodeConflict, fmt.Sprintf("%s is already enrolled as %s %s", d, m.Role, m.Name), "enrol in a directory of its own")
		}
		return m, nil
	}
	key, err := d.LoadOrMakeKey("node.key")
	if err != nil {
		return datadir.Member{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, enrolTimeout)
	defer cancel()
	joined, err := paysync.Enrol(ctx, quicnet.Dialer{}, key, invite, role, name)
	if err != nil {
		return datadir.Member{}, explainPath(ctx, invite.Address, err)
	}
	m := datadir.Member{
		V: 1, Role: joined.Node.Role, Scope: joined.Node.Scope, Name: joined.Node.Name, Shop: joined.Node.MerchantName, Site: joined.Node.Site, Class: joined.Node.Class,
		Server: invite.Address, Invite: invite.ID, Root: invite.Root.String(),
		Authority: joined.Authority.Raw(), Currency: joined.Currency, Resolver: joined.Resolver,
	}
	if !joined.Node.Replaces.IsZero() {
		m.Replaces = joined.Node.Replaces.String()
	}
	return m, d.SaveMember(m)
}
