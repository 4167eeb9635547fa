package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

// enrolLockWait is how long another process may take to leave the directory.
const enrolLockWait = 2 * time.Second

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
	url, err := secretFlag(c, "invite")
	if err != nil {
		return err
	}
	if c.data() == "" || url == "" {
		return pay.NewError(pay.CodeUsage, "--data or --invite is missing", "write it like: paybeacon "+map[pay.Role]string{pay.RoleBox: "scan", pay.RoleWallet: "wallet"}[role]+" enrol --data DIR --invite 'URL'")
	}
	invite, err := pay.ParseInvite(url)
	if err != nil {
		return err
	}
	name := pay.Name(c.flags.String("name"))
	if name != "" {
		if err := name.Check(); err != nil {
			return pay.Wrap(err, pay.CodeUsage, "read --name", "use a shorter or plainer name")
		}
	}
	d := dirOf(c)
	if err := d.make(); err != nil {
		return err
	}
	unlock, err := d.lock(c.ctx, enrolLockWait)
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
