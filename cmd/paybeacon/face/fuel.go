package face

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// selectWait is how long `till fuel select` waits for the pump. Chosen: as long as the
// payer may take, and a pump to answer.
const selectWait = 90 * time.Second

// fuelCommand is `till fuel` and all below it: the forecourt.
func fuelCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	id := cli.IDFlag("fuelling `ID`, or an unambiguous beginning of it")
	plate := &cli.StringFlag{Name: "plate", Usage: "`PART` of the plate, in any case, with or without spaces and hyphens"}
	wait := func(d time.Duration) cli.Flag {
		return &cli.DurationFlag{Name: "wait", Value: d, Usage: "watch for `DUR` at most"}
	}
	leaf := func(l cli.Leaf) *cli.Command {
		l.Flags = append([]cli.Flag{cli.DataFlag()}, l.Flags...)
		return cli.NewLeaf(ctx, io, l)
	}
	return cli.Group(
		"fuel", "the forecourt: who is here, pumps, fuellings",
		leaf(cli.Leaf{
			Name: "prices", Usage: "what a litre or kWh costs",
			Flags: []cli.Flag{&cli.StringFlag{Name: "set", Usage: "set `PRICES`, such as diesel=1.639,petrol95=1.759"}}, Run: fuelPrices,
		}),
		leaf(cli.Leaf{Name: "pumps", Usage: "how each pump stands", Run: fuelPumps}),
		leaf(cli.Leaf{Name: "entered", Usage: "which vehicles are here", Flags: []cli.Flag{plate}, Run: fuelEntered}),
		leaf(cli.Leaf{
			Name: "select", Usage: "let a vehicle that is here be fuelled at a pump",
			Long: "It returns when the pump is released, which is once the amount is held; with --post-pay the payer is\n" +
				"asked when all is given. The most that it may cost is the least of --amount, the owner's preset and\n" +
				"what fits into the tank. With the same --key it never selects twice.",
			Flags: []cli.Flag{
				plate, &cli.StringFlag{Name: "to", Usage: "the one whose device is shown as these `WORDS`"},
				&cli.IntFlag{Name: "pump", Usage: "at pump `N`"}, &cli.StringFlag{Name: "amount", Usage: "at most this `AMOUNT`"},
				&cli.BoolFlag{Name: "post-pay", Usage: "hold nothing: it is paid afterwards"},
				&cli.StringFlag{Name: "key", Usage: "your own `KEY` for this; repeat it to retry safely"},
				&cli.DurationFlag{Name: "ttl", Usage: "how long the payer may take: `DUR`", DefaultText: "1m0s; with --post-pay 15m0s"}, wait(selectWait),
			},
			Run: fuelSelect,
		}),
		leaf(cli.Leaf{
			Name: "complete", Usage: "say what was given, where no pump tells it",
			Flags: []cli.Flag{
				id, &cli.StringFlag{Name: "litres", Usage: "litres or kWh: decimal `N`"}, &cli.StringFlag{Name: "total", Usage: "decimal `AMOUNT`"}, wait(actWait),
			},
			Run: fuelComplete,
		}),
		leaf(cli.Leaf{
			Name: "list", Usage: "fuellings, newest first",
			Flags: []cli.Flag{&cli.BoolFlag{Name: "owed", Usage: "those that left unpaid"}, cli.LimitFlag("at most `N` of them")}, Run: fuelList,
		}),
		leaf(cli.Leaf{Name: "show", Usage: "one fuelling", Flags: []cli.Flag{id}, Run: fuelShow}),
		leaf(cli.Leaf{
			Name: "cancel", Usage: "end a fuelling of which nobody pays anything", Flags: []cli.Flag{id, wait(actWait)}, Run: fuelCancel,
		}),
	)
}

func fuelPrices(c *cli.Call) error {
	if c.Flags.IsSet("set") && c.Flags.String("set") == "" {
		return pay.NewError(pay.CodeUsage, "--set is empty", "write it like --set diesel=1.639,petrol95=1.759")
	}
	reply, err := ask(c, api.VerbFuelPrices, api.FuelPricesRequest{Set: c.Flags.String("set")})
	if err != nil {
		return err
	}
	return answerLines(c, reply.Value.Items, "No prices: set them with `paybeacon till fuel prices --set diesel=1.639`.", func(w io.Writer, p api.FuelPrice) {
		_, _ = fmt.Fprintf(w, "%-12s %s %s\n", p.Product, fuel.FormatPrice(p.Price, text.Digits(p.Currency)), p.Currency)
	})
}

// answerLines prints a list, an object a line, or in words.
func answerLines[T any](c *cli.Call, list []T, none string, say func(io.Writer, T)) error {
	if c.JSON {
		for _, o := range list {
			if err := cli.PrintJSON(c.Out, o); err != nil {
				return err
			}
		}
		return nil
	}
	if len(list) == 0 {
		_, err := fmt.Fprintln(c.Out, none)
		return err
	}
	for _, o := range list {
		say(c.Out, o)
	}
	return nil
}

func fuelPumps(c *cli.Call) error {
	reply, err := ask(c, api.VerbPumps, api.Nothing{})
	if err != nil {
		return err
	}
	return answerLines(c, reply.Value.Items, "No pumps: this box works none, and nobody was selected at one yet.", printPump)
}

func printPump(w io.Writer, p api.Pump) {
	line := fmt.Sprintf("pump %-3d %-14s", p.Pump, p.State)
	if p.Product != "" {
		line += fmt.Sprintf(" %s", p.Product)
	}
	if p.Quantity != 0 {
		line += fmt.Sprintf("  %s %s", fuel.FormatQuantity(p.Quantity), p.Unit)
	}
	if p.Total != 0 {
		line += "  " + text.FormatMoney(p.Total, p.Currency)
	}
	switch {
	case p.Handle != "":
		line += "  " + string(p.Handle)
	case p.Guess != "":
		line += "  perhaps " + string(p.Guess)
	}
	if p.Offline != "" {
		line += "  " + text.Printable(p.Offline)
	}
	_, _ = fmt.Fprintln(w, line)
	if p.Doubt != "" {
		_, _ = fmt.Fprintf(w, "         look at it: %s; then `paybeacon till fuel complete` or `cancel`\n", text.WhyFuel(p.Doubt))
	}
}

func fuelEntered(c *cli.Call) error {
	reply, err := ask(c, api.VerbEntered, api.EnteredRequest{Plate: c.Flags.String("plate")})
	if err != nil {
		return err
	}
	return answerLines(c, reply.Value.Items, "No vehicle is here.", func(w io.Writer, v api.Vehicle) {
		preset := ""
		if v.Preset != "" {
			preset = "  wants " + v.Preset
		}
		_, _ = fmt.Fprintf(w, "%-14s %-10s %-22s since %s%s\n", text.Printable(v.Plate), v.Product, v.Handle, text.Moment(v.Since), preset)
	})
}

func fuelSelect(c *cli.Call) error {
	f := c.Flags
	switch {
	case f.Int("pump") <= 0 || f.Int("pump") > int(pay.PumpNumberMax):
		return pay.NewError(pay.CodeUsage, "--pump is missing, or no number of a pump", "write it like --pump 2")
	case f.IsSet("plate") == f.IsSet("to"):
		return pay.NewError(pay.CodeUsage, "name the vehicle by a part of its plate or by words", "give one of --plate and --to")
	case f.IsSet("plate") && f.String("plate") == "", f.IsSet("to") && f.String("to") == "":
		return pay.NewError(pay.CodeUsage, "that names no vehicle", "`paybeacon till fuel entered` shows plates and words")
	case f.IsSet("amount") && f.String("amount") == "":
		return pay.NewError(pay.CodeAmount, "--amount is empty", "leave it out, or write it like --amount 50.00")
	}
	q := api.FuelSelectRequest{
		Plate: f.String("plate"), To: pay.Handle(f.String("to")), Pump: pay.PumpNumber(f.Int("pump")), Amount: f.String("amount"),
		PostPay: f.Bool("post-pay"), Key: cmp.Or(pay.IdempotencyKey(f.String("key")), newKey()), Wait: pay.MillisOf(f.Duration("wait")),
	}
	if f.IsSet("ttl") {
		ttl, err := cli.PositiveDuration(c, "ttl")
		if err != nil {
			return err
		}
		q.TTL = ttl
	}
	reply, err := ask(c, api.VerbFuelSelect, q)
	if err != nil {
		if errors.Is(err, api.ErrDaemonLost) || errors.Is(err, context.Canceled) {
			err = pay.Wrap(err, pay.CodeUnknown, "the selection was handed over but not answered",
				"do not select anew: start the box again and repeat with the same --key")
		}
		return api.WithExtra(err, "key", q.Key)
	}
	v := reply.Value
	printed := c.Answer(reply, func(w io.Writer) { printFuelling(w, v) })
	return cmp.Or(selectExit(v, q.Key), printed)
}

// selectExit turns a fuelling into the error, or none, of `till fuel select`.
func selectExit(v api.Fuelling, key pay.IdempotencyKey) error {
	id := text.Short(v.ID)
	var err error
	switch {
	case v.Outcome == pay.OutcomeUnknown:
		err = pay.NewError(pay.CodeUnknown, fmt.Sprintf("outcome of fuelling %s is unknown", id), "do not select anew: repeat with the same --key when the registry is reachable again")
	case v.State == "cancelled":
		err = pay.NewError(pay.CodeNotPaid, fmt.Sprintf("pump %d is not released: %s", v.Pump, text.WhyFuel(v.Reason)), "nothing was charged; you may select again under a new key")
	case v.State == "selected", v.State == "released" && !v.Open:
		err = pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("pump %d is not released yet", v.Pump), fmt.Sprintf("it goes on: look at it with `paybeacon till fuel show --id %s`", id))
	default:
		return nil
	}
	return api.WithExtra(api.WithExtra(err, "key", key), "id", v.ID)
}

func printFuelling(w io.Writer, f api.Fuelling) {
	_, _ = fmt.Fprintf(w, "%s  pump %d  %s\n", text.Short(f.ID), f.Pump, fuellingWords(f))
	if f.Plate != "" {
		_, _ = fmt.Fprintf(w, "  vehicle  %s, %s\n", text.Printable(f.Plate), f.Handle)
	}
	digits := text.Digits(f.Currency)
	switch {
	case f.Quantity != 0 && f.Price != 0:
		_, _ = fmt.Fprintf(w, "  given    %s %s of %s at %s: %s\n", fuel.FormatQuantity(f.Quantity), f.Unit, f.Product, fuel.FormatPrice(f.Price, digits), text.FormatMoney(f.Total, f.Currency))
	case f.Quantity != 0:
		_, _ = fmt.Fprintf(w, "  given    %s of %s\n", fuel.FormatQuantity(f.Quantity), f.Product)
	case f.Ceiling != 0:
		_, _ = fmt.Fprintf(w, "  at most  %s %s of %s at %s: %s\n", fuel.FormatQuantity(f.Most), f.Unit, f.Product, fuel.FormatPrice(f.Price, digits), text.FormatMoney(f.Ceiling, f.Currency))
	}
	if f.Doubt != "" {
		_, _ = fmt.Fprintf(w, "  look at  %s; then `paybeacon till fuel complete` or `cancel`\n", text.WhyFuel(f.Doubt))
	}
	if f.Key != "" {
		_, _ = fmt.Fprintf(w, "  key      %s\n", text.Printable(string(f.Key)))
	}
}

// fuellingWords says where a fuelling stands.
func fuellingWords(f api.Fuelling) string {
	why := ""
	if f.Reason != "" {
		why = ": " + text.WhyFuel(f.Reason)
	}
	switch {
	case f.Stopping:
		return "is being stopped" + why
	case f.State == "selected":
		return "waits for the payer"
	case f.State == "released" && !f.Open:
		return "is being released"
	case f.State == "complete" && f.Doubt == "":
		return "is complete, and being paid"
	case f.State == "unpaid":
		return "UNPAID" + why
	default:
		return f.State + why
	}
}

func fuelShow(c *cli.Call) error {
	if c.Flags.String("id") == "" {
		return noFuelling()
	}
	reply, err := ask(c, api.VerbFuelShow, api.FuelRef{ID: c.Flags.String("id")})
	if err != nil {
		return err
	}
	return c.Answer(reply, func(w io.Writer) { printFuelling(w, reply.Value) })
}

func noFuelling() error {
	return pay.NewError(pay.CodeUsage, "--id is missing", "`paybeacon till fuel list` shows ids")
}

func fuelList(c *cli.Call) error {
	limit, err := cli.Limit(c)
	if err != nil {
		return err
	}
	owed := c.Flags.Bool("owed")
	reply, err := ask(c, api.VerbFuelList, api.FuelListRequest{Limit: limit, Owed: owed})
	if err != nil {
		return err
	}
	none := "No fuellings."
	if owed {
		none = "Nobody left unpaid."
	}
	return answerLines(c, reply.Value.Items, none, func(w io.Writer, f api.Fuelling) { printFuelling(w, f) })
}

func fuelComplete(c *cli.Call) error {
	f := c.Flags
	switch {
	case f.String("id") == "":
		return noFuelling()
	case f.String("litres") == "" || f.String("total") == "":
		return pay.NewError(pay.CodeUsage, "--litres or --total is missing", "write it like --litres 31.20 --total 54.88")
	}
	reply, err := ask(c, api.VerbFuelComplete, api.FuelCompleteRequest{ID: f.String("id"), Litres: f.String("litres"), Total: f.String("total"), Wait: pay.MillisOf(f.Duration("wait"))})
	if err != nil {
		return err
	}
	v := reply.Value
	printed := c.Answer(reply, func(w io.Writer) { printFuelling(w, v) })
	switch v.State {
	case "paid":
		return printed
	case "complete":
		return pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("fuelling %s is not paid yet", text.Short(v.ID)), "it is stored: look at it with `paybeacon till fuel show`")
	default:
		return pay.NewError(pay.CodeNotPaid, fmt.Sprintf("fuelling %s is %s: %s", text.Short(v.ID), v.State, text.WhyFuel(v.Reason)), "`paybeacon till fuel list --owed` lists what is owed")
	}
}

func fuelCancel(c *cli.Call) error {
	if c.Flags.String("id") == "" {
		return noFuelling()
	}
	reply, err := ask(c, api.VerbFuelCancel, api.FuelRef{ID: c.Flags.String("id"), Wait: pay.MillisOf(c.Flags.Duration("wait"))})
	if err != nil {
		return err
	}
	v := reply.Value
	printed := c.Answer(reply, func(w io.Writer) { printFuelling(w, v) })
	if v.State != "cancelled" && v.State != "unpaid" {
		return pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("pump %d has not stopped yet", v.Pump), "it is asked for: look at it with `paybeacon till fuel show`")
	}
	return printed
}
