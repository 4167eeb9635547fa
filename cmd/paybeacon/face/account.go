package face

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"io"

	"github.com/oklog/ulid/v2"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

func keyFlag() cli.Flag {
	return &cli.StringFlag{Name: "key", Usage: "your own `KEY`; repeat it to retry safely"}
}

// newKey returns an idempotency key for who gave none.
func newKey() pay.IdempotencyKey {
	return pay.IdempotencyKey(ulid.MustNew(ulid.Now(), rand.Reader).String())
}

// askKeyed asks for what is done once under a key, which is a field of q: the flag's, or a
// new one. An error bears the key, under which it is safe to ask again.
func askKeyed[Q, A any](c *cli.Call, v api.Verb[Q, A], q *Q, key *pay.IdempotencyKey) (api.Reply[A], error) {
	*key = cmp.Or(pay.IdempotencyKey(c.Flags.String("key")), newKey())
	reply, err := ask(c, v, *q)
	if err != nil {
		err = api.WithExtra(err, "key", *key)
	}
	return reply, err
}

func payOutCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "payout", Usage: "take money out of the account of a wallet or a merchant",
		Long: "The opposite of topup: you hand the owner the money by other means, and the account has it no more.\n" +
			"What open payments hold cannot be paid out. The owner sees it, signed by the registry.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "wallet", Usage: "whose account: the wallet's name, scope or node `ID`, or an unambiguous beginning of one"},
			&cli.StringFlag{Name: "merchant", Usage: "or: the merchant's name or scope, or a node `ID` of one of its boxes"},
			&cli.StringFlag{Name: "amount", Usage: "decimal `AMOUNT`, such as 50.00"},
			keyFlag(),
		}, Run: adminPayOut,
	})
}

func adminPayOut(c *cli.Call) error {
	f := c.Flags
	q := api.PayOutRequest{Wallet: f.String("wallet"), Merchant: f.String("merchant"), Amount: f.String("amount")}
	if (q.Wallet == "") == (q.Merchant == "") || q.Amount == "" {
		return pay.NewError(pay.CodeUsage, "one of --wallet and --merchant, and --amount, are needed", "write it like: paybeacon admin payout --merchant 'Corner Cafe' --amount 50.00")
	}
	reply, err := askKeyed(c, api.VerbPayOut, &q, &q.Key)
	if err != nil {
		return err
	}
	p := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s of play money paid out of the account of %s\n", text.FormatMoney(p.Amount, p.Currency), text.Printable(string(p.Name)))
	})
}

func moveBalanceCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "move", Usage: "move a lost phone's balance to its owner's other wallet",
		Long: "Both wallets exist and see it, signed by the registry. All that --from can spend is moved. What open\n" +
			"payments hold stays with --from until they end, and so does what is refunded to it later: move that\n" +
			"again, under another key. --from may be revoked; --to must work. Where a new phone is to take over\n" +
			"receipts and devices too, use `paybeacon admin invite --role wallet --replaces NODE`.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "from", Usage: "the lost `WALLET`: its name, scope or node id, or an unambiguous beginning of one"},
			&cli.StringFlag{Name: "to", Usage: "the owner's other `WALLET`, named likewise"},
			keyFlag(),
		}, Run: adminMove,
	})
}

func adminMove(c *cli.Call) error {
	q := api.MoveBalanceRequest{From: c.Flags.String("from"), To: c.Flags.String("to")}
	if q.From == "" || q.To == "" {
		return pay.NewError(pay.CodeUsage, "--from or --to is missing", "write it like: paybeacon admin move --from ada --to ada-new")
	}
	reply, err := askKeyed(c, api.VerbMoveMoney, &q, &q.Key)
	if err != nil {
		return err
	}
	m := reply.Value
	tellWarnings(c, m.Warnings)
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s moved from %s to %s\n", text.FormatMoney(m.Amount, m.Currency), text.Printable(q.From), text.Printable(q.To))
		if m.Held > 0 {
			_, _ = fmt.Fprintf(w, "  %s stay with %s: open payments hold them. Move what is left of them when they have ended.\n", text.FormatMoney(m.Held, m.Currency), text.Printable(q.From))
		}
	})
}

// printStatements says what the registry stated about an account beside payments.
func printStatements(w io.Writer, list []api.Statement) {
	for _, s := range list {
		if s.Kind == api.StatementTopUp {
			continue // money that came in explains itself
		}
		_, _ = fmt.Fprintf(w, "  %s  %s\n", text.Moment(s.At), text.Sentence(statementWords(s)))
	}
}

func statementWords(s api.Statement) string {
	amount := text.FormatMoney(s.Amount, s.Currency)
	switch s.Kind {
	case api.StatementPayout:
		return amount + " were paid out by the registry's operator"
	case api.StatementMovedHere:
		return amount + " were moved here by the registry's operator, from wallet " + string(s.Wallet)
	case api.StatementMovedAway:
		words := amount + " were moved by the registry's operator to wallet " + string(s.Wallet)
		if s.Held > 0 {
			words += "; " + text.FormatMoney(s.Held, s.Currency) + " stayed, which open payments held"
		}
		return words
	default:
		return amount + ": " + string(s.Kind)
	}
}
