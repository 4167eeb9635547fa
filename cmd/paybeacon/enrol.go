package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

const enrolTimeout = 20 * time.Second

type enrolledJSON struct {
	V        int          `json:"v"`
	Type     string       `json:"type"`
	Role     pay.Role     `json:"role"`
	Node     string       `json:"node"`
	Scope    pay.Scope    `json:"scope"`
	Name     pay.Name     `json:"name"`
	Merchant pay.Name     `json:"merchant,omitempty"`
	Site     pay.Name     `json:"site,omitempty"`
	Server   string       `json:"server"`
	Root     string       `json:"root"`
	Currency pay.Currency `json:"currency"`
}

// enrolCommand is `scan enrol` or `wallet enrol`.
func enrolCommand(ctx context.Context, io stdio, role pay.Role) *cli.Command {
	flags := []cli.Flag{
		dataFlag(),
		&cli.StringFlag{Name: "invite", Usage: "the `URL` that paybeacon admin invite printed"},
		&cli.StringFlag{Name: "invite-file", Usage: "read the URL from `FILE`, or - for standard input"},
	}
	if role == pay.RoleWallet {
		flags = append(flags, &cli.StringFlag{Name: "name", Usage: "what the wallet is called: `NAME` (default: the invite's)"})
	}
	return newLeaf(ctx, io, leaf{
		name: "enrol", usage: "join a registry with an invite", flags: flags,
		run: func(c *call) error { return enrol(c, role) },
	})
}

func enrol(c *call, role pay.Role) error {
	text, err := secretFlag(c, "invite")
	if err != nil {
		return err
	}
	if c.data() == "" || text == "" {
		return pay.NewError(pay.CodeUsage, "--data or --invite is missing", "write it like: paybeacon "+map[pay.Role]string{pay.RoleBox: "scan", pay.RoleWallet: "wallet"}[role]+" enrol --data DIR --invite 'URL'")
	}
	invite, err := pay.ParseInvite(text)
	if err != nil {
		return err
	}
	name := pay.Name(c.flags.String("name"))
	if name != "" {
		if err := name.Check(); err != nil {
			return pay.Wrap(err, pay.CodeUsage, "read --name", "use a shorter or plainer name")
		}
	}
	d := c.data()
	if err := d.make(); err != nil {
		return err
	}
	unlock, err := d.lock(c.ctx, lockWaitReading)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := enrolDir(c.ctx, d, invite, role, name)
	if err != nil {
		return err
	}
	key, err := d.loadKey("node.key")
	if err != nil {
		return err
	}
	e := enrolledJSON{
		V: 1, Type: "enrolled", Role: m.Role, Node: key.ID().String(), Scope: m.Scope, Name: m.Name,
		Merchant: m.Shop, Site: m.Site, Server: m.Server, Root: m.Root, Currency: m.Currency,
	}
	return c.answer(e, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Enrolled as %s %s with the registry at %s\n  root %s\n", m.Role, printable(string(m.Name)), m.Server, m.Root)
	})
}

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
