package face

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// watchPayment waits until a payment has ended or the wait has passed, prints the
// payment as it then is and exits accordingly. known is what to print if the
// daemon goes away; nil where nothing is known yet.
func watchPayment(c *cli.Call, q api.WaitRequest, known *api.Payment, key pay.IdempotencyKey) error {
	reply, err := ask(c, api.VerbWait, q)
	switch {
	case err != nil && known != nil:
		return lostPayment(c, *known, key, err)
	case errors.Is(err, api.ErrDaemonLost), errors.Is(err, context.Canceled):
		return pay.Wrap(err, pay.CodeUnknown, "the outcome is not known", "do not charge anew: ask again once the box runs")
	case err != nil:
		return err
	}
	return answerWaited(c, reply)
}

// answerWaited prints a payment whose outcome was waited for, and exits accordingly.
func answerWaited(c *cli.Call, reply api.Reply[api.Payment]) error {
	p := reply.Value
	standing := warnOpen(c, p)
	printed := c.Answer(reply, func(w io.Writer) { printPayment(w, p, dirOf(c).Role()) })
	return cmp.Or(asItStands(chargeExit(c, p, p.Key, true), standing), printed)
}

// lostPayment prints a payment that was recorded, of which nobody here knows what
// became of it because of err.
func lostPayment(c *cli.Call, p api.Payment, key pay.IdempotencyKey, err error) error {
	p.Outcome, p.SafeToRetry = pay.OutcomeUnknown, false
	lost := pay.Wrap(err, pay.CodeUnknown, "outcome of payment "+text.Short(p.ID)+" is unknown",
		"do not charge anew: ask "+waitHint(c, p.ID)+" once the box runs again")
	_ = c.Answer(p, func(w io.Writer) { printPayment(w, p, pay.RoleBox) }) // lost is told in any case
	return api.WithExtra(lost, "key", key)
}

// chargeExit turns a payment into the error, or none, that the contract's table
// asks for. waited says that --wait was given and has passed.
func chargeExit(c *cli.Call, p api.Payment, key pay.IdempotencyKey, waited bool) error {
	var err error
	switch p.Outcome {
	case pay.OutcomePaid:
		return nil
	case pay.OutcomeNotPaid:
		if p.ConflictsWith != "" {
			err = pay.NewError(pay.CodeKeyUsed, fmt.Sprintf("payment %s was not made: its key stands for payment %s, which asked for something else", text.Short(p.ID), p.ConflictsWith[:10]),
				fmt.Sprintf("before you charge again look at `paybeacon till show --data %s --id %s`", c.Data(), p.ConflictsWith[:10]))
			break
		}
		err = pay.NewError(notPaidCode(p.Reason), fmt.Sprintf("payment %s was not made: %s", text.Short(p.ID), text.Because(p.State, p.Reason)), "nothing was charged; "+text.WhatToSay(p.Reason, "you may charge again under a new key"))
	case pay.OutcomePending:
		if !waited || p.State == pay.StateHeld {
			return nil
		}
		err = pay.NewError(pay.CodeWaitPassed, fmt.Sprintf("payment %s is still %s", text.Short(p.ID), p.State),
			"the charge goes on: watch it with "+waitHint(c, p.ID))
	case pay.OutcomeUnknown:
		if p.State == pay.StateApproved && p.Acquirer != pay.AcquirerNone {
			err = pay.NewError(pay.CodeUnknown, fmt.Sprintf("outcome of payment %s is unknown: the payer approved it, and the acquirer has not answered", text.Short(p.ID)),
				"do not charge anew: the registry goes on asking; ask "+waitHint(c, p.ID))
			break
		}
		fallthrough
	default:
		err = pay.NewError(pay.CodeUnknown, fmt.Sprintf("outcome of payment %s is unknown", text.Short(p.ID)),
			"do not charge anew: ask "+waitHint(c, p.ID)+" when the registry is reachable again")
	}
	return api.WithExtra(api.WithExtra(err, "key", key), "id", p.ID)
}

// notPaidCode is the code for a payment that was not made for a reason: a bill that is
// not there, or is used, is no matter of the payer.
func notPaidCode(r pay.Reason) pay.ErrorCode {
	switch r {
	case pay.ReasonUnknownBill:
		return pay.CodeNotFound
	case pay.ReasonBillUsed:
		return pay.CodeConflict
	default:
		return pay.CodeNotPaid
	}
}

// waitHint is what to type to watch a payment of this till.
func waitHint(c *cli.Call, id string) string {
	return fmt.Sprintf("`paybeacon till wait --data %s --id %s`", c.Data(), text.Short(id))
}

func printPayer(w io.Writer, p api.Payment) {
	if p.Payer != "" {
		_, _ = fmt.Fprintf(w, "  payer    %s\n", p.Payer)
	}
	if p.Ref != "" {
		_, _ = fmt.Fprintf(w, "  ref      %s\n", text.Printable(p.Ref))
	}
	if p.Evidence != "" {
		_, _ = fmt.Fprintf(w, "  found    %s\n", text.FoundBy(p.Evidence, p.Certain))
	}
	if why := text.WhyAsked(p.Asks); why != "" {
		_, _ = fmt.Fprintf(w, "  asks     %s\n", why)
	}
}

// printHold says what of a payment is held, and until when it can be captured; while
// it is only offered, that it will be.
func printHold(w io.Writer, p api.Payment) {
	switch {
	case p.HoldUntil == "":
	case p.AmountHeld > 0:
		_, _ = fmt.Fprintf(w, "  held     %s until %s\n", text.FormatMoney(p.AmountHeld, p.Currency), text.Moment(p.HoldUntil))
		if i := p.Increment; i != nil {
			_, _ = fmt.Fprintf(w, "  more     %s asked for, until %s: then %s would be held\n", text.FormatMoney(i.Amount, p.Currency), text.Moment(i.Expires), text.FormatMoney(i.Total, p.Currency))
		}
	case p.State == pay.StateOffered:
		_, _ = fmt.Fprintf(w, "  holds    the amount until %s: %s may take up to that much of it\n", text.Moment(p.HoldUntil), text.Printable(string(p.Merchant)))
	}
}

// printTip says how much a tip may be, before the payer has answered and as long as one may
// be captured. What was captured as tip says printSums.
func printTip(w io.Writer, p api.Payment, reader pay.Role) {
	left := min(p.AmountHeld, p.TipAgreed-p.Tip)
	switch {
	case p.TipMax == 0:
	case p.State == pay.StateOffered && p.TipAgreed > 0:
		_, _ = fmt.Fprintf(w, "  tip      %s\n", text.FormatMoney(p.TipAgreed, p.Currency))
	case p.State == pay.StateOffered && reader == pay.RoleWallet:
		_, _ = fmt.Fprintf(w, "  tip      up to %s, if you like: `paybeacon wallet approve --tip AMOUNT`\n", text.FormatMoney(p.TipMax, p.Currency))
	case p.State == pay.StateOffered, p.State == pay.StateRequested:
		_, _ = fmt.Fprintf(w, "  tip      up to %s, if the payer likes\n", text.FormatMoney(p.TipMax, p.Currency))
	case left > 0:
		_, _ = fmt.Fprintf(w, "  tip      up to %s of what is held\n", text.FormatMoney(left, p.Currency))
	}
}

// printSums says how much was captured where that is not what was asked for, how much of
// it is tip, and how much of it was refunded.
func printSums(w io.Writer, s pay.State, cur pay.Currency, asked, captured, tip, refunded pay.Amount) {
	switch {
	case tip > 0:
		_, _ = fmt.Fprintf(w, "  captured %s, of it a tip of %s\n", text.FormatMoney(captured, cur), text.FormatMoney(tip, cur))
	case captured != asked && (captured > 0 || s == pay.StateCaptured):
		_, _ = fmt.Fprintf(w, "  captured %s of it\n", text.FormatMoney(captured, cur))
	}
	if refunded > 0 {
		_, _ = fmt.Fprintf(w, "  refunded %s\n", text.FormatMoney(refunded, cur))
	}
}

// printPayment prints a payment as a box or a wallet sees it.
func printPayment(w io.Writer, p api.Payment, reader pay.Role) {
	test := ""
	if p.Test != nil && *p.Test {
		test = "  TEST (play money)"
	}
	_, _ = fmt.Fprintf(w, "%s  %s  %s at %s, %s%s\n", text.Short(p.ID), text.FormatMoney(p.Amount, p.Currency), p.Merchant, p.Site, text.Because(p.State, p.Reason), test)
	printHold(w, p)
	printTip(w, p, reader)
	printSums(w, p.State, p.Currency, p.Amount, p.AmountCaptured, p.Tip, p.AmountRefunded)
	printFuel(w, p.Fuel, p.Currency)
	printPayer(w, p)
	if p.By != "" {
		_, _ = fmt.Fprintf(w, "  answered %s\n", by(p.By))
	}
	for _, x := range p.Warnings {
		_, _ = fmt.Fprintf(w, "  WARNING  %s: %s\n", x.Message, x.Hint)
	}
	printChannels(w, p, reader)
	note := map[pay.Outcome]string{
		pay.OutcomePaid:    "paid",
		pay.OutcomeNotPaid: "not paid; you may charge again",
		pay.OutcomePending: "pending; do not charge again",
		pay.OutcomeUnknown: "UNKNOWN; do not charge again, ask later",
	}[p.Outcome]
	if p.State == pay.StateHeld && p.Outcome == pay.OutcomePending {
		note = "held; nothing is paid until it is captured"
	}
	if p.Outcome == pay.OutcomeNotPaid {
		note = "not paid; " + text.WhatToSay(p.Reason, "you may charge again")
	}
	if p.ConflictsWith != "" {
		note = "not paid; its key stands for payment " + p.ConflictsWith[:10]
	}
	switch atTill := reader == pay.RoleBox; {
	case !atTill && p.Answering:
		note = "pending; the answer is on its way to the registry"
	case !atTill:
		note, _, _ = strings.Cut(note, ";") // a payer charges nobody
	case p.Queued:
		note += "; queued until the registry has it"
	}
	_, _ = fmt.Fprintf(w, "  outcome  %s\n", note)
	if p.Key != "" {
		_, _ = fmt.Fprintf(w, "  key      %s\n", text.Printable(string(p.Key)))
	}
}

// printChannels says why the device has to speak too, and what is in the way.
func printChannels(w io.Writer, p api.Payment, reader pay.Role) {
	if p.Demand == "" {
		return
	}
	_, _ = fmt.Fprintf(w, "  channels two: %s\n", text.WhyTwoChannels(p.Demand))
	if p.Demand.NeedsPerson() && reader == pay.RoleWallet && !p.State.Final() {
		_, _ = fmt.Fprintf(w, "  BEWARE   %s\n", text.Beware(p.Merchant, p.Site))
	}
	if p.Problem != "" {
		_, _ = fmt.Fprintf(w, "  problem  %s\n", text.Sentence(p.Problem))
	}
}

// moreJSON is what standard error says where a list goes on.
type moreJSON struct {
	V      int    `json:"v"`
	Type   string `json:"type"`
	Before string `json:"before"`
}

// listedID is an id as a list shows it: whole where a program reads it, and on a
// terminal as much as a person needs to name it.
func listedID(c *cli.Call, id string) string {
	if cli.IsTerminal(c.Out) {
		return text.Short(id)
	}
	return id
}

// tellMore says on standard error that a list goes on, and how to see the rest.
func tellMore(c *cli.Call, next string) {
	switch {
	case next == "":
	case c.JSON:
		_ = cli.PrintJSON(c.Err, moreJSON{1, "more", next})
	default:
		_, _ = fmt.Fprintf(c.Err, "There are more: add --before %s, or a higher --limit.\n", text.Short(next))
	}
}

// listed says how a list of payments is printed.
type listed struct {
	none    string                   // for an empty list
	other   func(api.Payment) string // who the other side is, as whoever reads the list sees it
	unknown string                   // of a payment of which nobody here knows what became
	reader  pay.Role                 // whose list it is
}

func (o listed) doubt(p api.Payment) string {
	if p.Outcome != pay.OutcomeUnknown {
		return ""
	}
	return ", " + o.unknown
}

func by(r pay.Rule) string {
	switch r {
	case pay.ByHand:
		return "by hand"
	case pay.ByOperator:
		return "by the registry's operator, who settled it"
	}
	return "by the rule " + string(r)
}

func paymentQuery(c *cli.Call) (api.PaymentRef, error) {
	q := api.PaymentRef{ID: c.Flags.String("id"), Key: pay.IdempotencyKey(c.Flags.String("key"))}
	if (q.ID == "") == (q.Key == "") {
		return q, pay.NewError(pay.CodeUsage, "name the payment by one of --id and --key", "`paybeacon till list` shows ids; the key is the one that till charge printed")
	}
	return q, nil
}

// listPayments prints a line for each payment.
func listPayments[Q any](c *cli.Call, v api.Verb[Q, api.List[api.Payment]], q Q, o listed) error {
	reply, err := ask(c, v, q)
	if err != nil {
		return err
	}
	list := reply.Value.Items
	warnStanding(c, reply.Value.Standing)
	defer tellMore(c, reply.Value.Next)
	return cli.AnswerList(c, list, func(w io.Writer) {
		if len(list) == 0 {
			_, _ = fmt.Fprintln(w, o.none)
		}
		rows := make([][]string, 0, len(list))
		for _, p := range list {
			rows = append(rows, []string{listedID(c, p.ID), text.Moment(p.Created), text.FormatMoney(p.Amount, p.Currency), o.other(p), text.Because(p.State, p.Reason) + o.doubt(p)})
		}
		// How it stands is kept: what a cashier must not do is said there.
		layout := []cli.Column{{Keep: true}, {}, {Right: true, Keep: true}, {}, {Keep: true}}
		lines := cli.Table(cli.Columns(c.Out), layout, rows)
		for i, p := range list {
			_, _ = fmt.Fprintln(w, lines[i])
			printHold(w, p)
			printTip(w, p, o.reader)
			if p.Tip > 0 {
				printSums(w, p.State, p.Currency, p.Amount, p.AmountCaptured, p.Tip, 0)
			}
			if p.State.Final() {
				continue
			}
			if o.reader == pay.RoleWallet { // what a payer compares before the answer
				printPayer(w, p)
			}
			printChannels(w, p, o.reader)
		}
	})
}
