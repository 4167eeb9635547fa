package face

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// enrolLockWait is how long another process may take to leave the directory.
// Chosen: a command is done in less.
const enrolLockWait = 2 * time.Second

// enrolCommand is `scan enrol` or `wallet enrol`.
func enrolCommand(ctx context.Context, io cli.Stdio, role pay.Role) *cli.Command {
	flags := []cli.Flag{
		cli.DataFlag(),
		&cli.StringFlag{Name: "invite", Usage: "the `URL` that paybeacon admin invite printed"},
		&cli.StringFlag{Name: "invite-file", Usage: "read the URL from `FILE`, or - for standard input"},
	}
	if role == pay.RoleWallet {
		flags = append(flags, &cli.StringFlag{Name: "name", Usage: "what the wallet is called: `NAME` (default: the invite's)"})
	}
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "enrol", Usage: "join a registry with an invite", Flags: flags,
		Run: func(c *cli.Call) error { return enrol(c, role) },
	})
}

func enrol(c *cli.Call, role pay.Role) error {
	url, err := secretFlag(c, "invite")
	if err != nil {
		return err
	}
	if c.Data() == "" || url == "" {
		return pay.NewError(pay.CodeUsage, "--data or --invite is missing", "write it like: paybeacon "+map[pay.Role]string{pay.RoleBox: "scan", pay.RoleWallet: "wallet"}[role]+" enrol --data DIR --invite 'URL'")
	}
	invite, err := pay.ParseInvite(url)
	if err != nil {
		return err
	}
	tidied, err := text.Tidy("read --name", c.Flags.String("name"))
	if err != nil {
		return err
	}
	name := pay.Name(tidied)
	if name != "" {
		if err := name.Check(); err != nil {
			return pay.Wrap(err, pay.CodeUsage, "read --name", "use a shorter or plainer name")
		}
	}
	d := dirOf(c)
	if err := d.Make(); err != nil {
		return err
	}
	unlock, err := d.Lock(c.Ctx, enrolLockWait)
	if err != nil {
		return err
	}
	defer unlock()
	m, err := node.Enrol(c.Ctx, d, invite, role, name)
	if err != nil {
		return err
	}
	c.Acted()
	key, err := d.LoadKey("node.key")
	if err != nil {
		return err
	}
	e := api.Enrolled{
		V: 1, Type: "enrolled", Role: m.Role, Node: key.ID().String(), Scope: m.Scope, Name: m.Name,
		Merchant: m.Shop, Site: m.Site, Server: m.Server, Root: m.Root, Currency: m.Currency,
	}
	return c.Answer(e, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "Enrolled as %s %s with the registry at %s\n  root %s\n", m.Role, text.Printable(string(m.Name)), m.Server, m.Root)
	})
}
