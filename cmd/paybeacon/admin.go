package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"strings"

	"github.com/oklog/ulid/v2"
	"github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

func adminCommand(ctx context.Context, io stdio) *cli.Command {
	return group("admin", "look after the registry: invites, accounts, audit",
		newLeaf(ctx, io, leaf{
			name: "invite", usage: "let one box or wallet enrol",
			long: "Prints a URL with the registry's address, the root key's fingerprint and a secret that dies at\nfirst use.",
			flags: []cli.Flag{
				dataFlag(),
				&cli.StringFlag{Name: "role", Usage: "who may enrol: `box|wallet`"},
				&cli.StringFlag{Name: "name", Usage: "what people call it: `NAME`"},
				&cli.StringFlag{Name: "merchant", Usage: "whose box it is: `NAME` (default: the name)"},
				&cli.StringFlag{Name: "site", Usage: "where the box stands: `NAME` (default: the name)"},
				&cli.StringFlag{Name: "address", Usage: "where nodes reach the registry: `HOST:PORT` (default: where it listens)"},
				&cli.DurationFlag{Name: "ttl", Value: pay.InviteTTLDefault.Std(), Usage: "how long it may be used: `DUR`"},
			}, run: adminInvite,
		}),
		newLeaf(ctx, io, leaf{
			name: "topup", usage: "put play money into a wallet's account",
			flags: []cli.Flag{
				dataFlag(),
				&cli.StringFlag{Name: "wallet", Usage: "whose account: the wallet's name, scope or node `ID`"},
				&cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT`, such as 50.00"},
				&cli.StringFlag{Name: "key", Usage: "your own `KEY`; repeat it to retry safely"},
			}, run: adminTopup,
		}),
		newLeaf(ctx, io, leaf{name: "book", usage: "all accounts and their balances", flags: []cli.Flag{dataFlag()}, run: adminBook}),
		newLeaf(ctx, io, leaf{
			name: "audit", usage: "recompute everything from the signed facts and compare",
			flags: []cli.Flag{dataFlag()}, run: adminAudit,
		}),
		newLeaf(ctx, io, leaf{name: "nodes", usage: "who is enrolled", flags: []cli.Flag{dataFlag()}, run: adminNodes}),
		newLeaf(ctx, io, leaf{
			name: "revoke", usage: "end a node's standing at once",
			flags: []cli.Flag{dataFlag(), &cli.StringFlag{Name: "node", Usage: "`ID` of the node, its name, or an unambiguous beginning of the id"}}, run: adminRevoke,
		}),
	)
}

func adminInvite(c *call) error {
	f := c.flags
	role := pay.Role(f.String("role"))
	switch {
	case role != pay.RoleBox && role != pay.RoleWallet:
		return pay.NewError(pay.CodeUsage, "--role is neither box nor wallet", "write --role box or --role wallet")
	case role == pay.RoleWallet && (f.String("merchant") != "" || f.String("site") != ""):
		return pay.NewError(pay.CodeUsage, "--merchant and --site are for boxes", "leave them out")
	}
	name := pay.Name(f.String("name"))
	if name == "" && f.String("merchant") != "" {
		name = pay.Name(f.String("merchant"))
	}
	if name == "" {
		name = pay.Name(role)
	}
	q := inviteQuery{
		Role: role, Name: name, Merchant: pay.Name(f.String("merchant")), Site: pay.Name(f.String("site")),
		Address: f.String("address"), TTL: pay.MillisOf(f.Duration("ttl")),
	}
	var i inviteJSON
	raw, err := ask(c.ctx, dirOf(c), "invite", q, &i)
	if err != nil {
		return err
	}
	return c.answer(raw, func(w io.Writer) {
		_, _ = fmt.Fprintln(w, i.Invite)
		_, _ = fmt.Fprintf(c.err, "For one %s, until %s. Use it as: paybeacon %s enrol --data DIR --invite 'URL'\n",
			role, moment(i.Expires), map[pay.Role]string{pay.RoleBox: "scan", pay.RoleWallet: "wallet"}[role])
	})
}

func adminTopup(c *call) error {
	f := c.flags
	q := topupQuery{Wallet: f.String("wallet"), Amount: f.String("amount"), Key: pay.IdempotencyKey(f.String("key"))}
	if q.Wallet == "" || q.Amount == "" {
		return pay.NewError(pay.CodeUsage, "--wallet or --amount is missing", "write it like: paybeacon admin topup --wallet ada --amount 50.00")
	}
	if q.Key == "" {
		q.Key = pay.IdempotencyKey(ulid.MustNew(ulid.Now(), rand.Reader).String())
	}
	var t topupJSON
	raw, err := ask(c.ctx, dirOf(c), "topup", q, &t)
	if err != nil {
		return withExtra(err, "key", q.Key)
	}
	return c.answer(raw, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s of play money put into the account of %s\n", formatMoney(t.Amount, t.Currency), printable(q.Wallet))
	})
}

func adminBook(c *call) error {
	var list listAnswer[accountJSON]
	if _, err := ask(c.ctx, dirOf(c), "book", noQuery{}, &list); err != nil {
		return err
	}
	return answerList(c, list.Items, func(w io.Writer) { printBook(w, list.Items) })
}

func printBook(w io.Writer, accounts []accountJSON) {
	for _, a := range accounts {
		name := string(a.Name)
		if name == "" {
			name = a.Account
		}
		_, _ = fmt.Fprintf(w, "%-9s %-24s %16s\n", a.Kind, printable(name), formatMoney(a.Balance, a.Currency))
	}
}

func adminAudit(c *call) error {
	var a auditJSON
	raw, err := ask(c.ctx, dirOf(c), "audit", noQuery{}, &a)
	if err != nil {
		return err
	}
	err = c.answer(raw, func(w io.Writer) {
		verdict := "The books are right"
		if !a.OK {
			verdict = "THE BOOKS ARE NOT RIGHT"
		}
		_, _ = fmt.Fprintf(w, "%s: %s, imbalance %d, duplicates %d.\n", verdict, count(a.Payments, "payment"), a.Imbalance, a.Duplicates)
		for _, f := range a.Findings {
			_, _ = fmt.Fprintf(w, "  %s\n", printable(f))
		}
	})
	if err != nil || a.OK {
		return err
	}
	return pay.NewError(pay.CodeFailed, fmt.Sprintf("the audit has %s", count(len(a.Findings), "finding")), "stop taking payments and compare with the nodes' own copies; facts held by both sides cannot be changed by one")
}

func adminNodes(c *call) error {
	var list listAnswer[nodeJSON]
	if _, err := ask(c.ctx, dirOf(c), "nodes", noQuery{}, &list); err != nil {
		return err
	}
	return answerList(c, list.Items, func(w io.Writer) {
		if len(list.Items) == 0 {
			_, _ = fmt.Fprintln(w, "No nodes. Make an invite with: paybeacon admin invite")
		}
		for _, n := range list.Items {
			state := "away"
			switch {
			case n.Revoked:
				state = "revoked"
			case n.Connected:
				state = "connected"
			}
			line := fmt.Sprintf("%s  %-7s %-20s %-10s %s", n.ID[:10], n.Role, printable(string(n.Name)), state, printable(string(n.Merchant)))
			_, _ = fmt.Fprintln(w, strings.TrimRight(line, " "))
		}
	})
}

func adminRevoke(c *call) error {
	q := nodeQuery{Node: c.flags.String("node")}
	if q.Node == "" {
		return pay.NewError(pay.CodeUsage, "--node is missing", "`paybeacon admin nodes` lists them")
	}
	var n nodeJSON
	raw, err := ask(c.ctx, dirOf(c), "revoke", q, &n)
	if err != nil {
		return err
	}
	return c.answer(raw, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s %s (%s) is revoked: its connection is closed and it pays and charges no more.\n", n.Role, printable(string(n.Name)), n.ID[:10])
	})
}
