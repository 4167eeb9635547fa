package face

import (
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

func tellEvent(c *cli.Call, e api.Event) error {
	return c.Answer(e, func(w io.Writer) { printEvent(w, e) })
}

// tellEvents is tellEvent for several, which are written at once.
func tellEvents(c *cli.Call, list []api.Event) error {
	return cli.AnswerList(c, list, func(w io.Writer) {
		for _, e := range list {
			printEvent(w, e)
		}
	})
}

// printEvent writes an event as one line.
func printEvent(w io.Writer, e api.Event) {
	_, _ = fmt.Fprintf(w, "%s  ", text.Moment(e.At))
	switch {
	case e.PaymentEvent != nil:
		p := e.PaymentEvent
		state := string(p.State)
		if p.Reason != "" {
			state += " (" + string(p.Reason) + ")"
		}
		_, _ = fmt.Fprintf(w, "payment %s  %s  %s  %s", text.Short(p.ID), text.FormatMoney(p.Amount, p.Currency), text.Printable(string(p.Payer)), state)
		switch {
		case p.Tip > 0:
			_, _ = fmt.Fprintf(w, ", %s with a tip of %s", text.FormatMoney(p.Captured, p.Currency), text.FormatMoney(p.Tip, p.Currency))
		case p.Captured > 0 && p.Captured != p.Amount:
			_, _ = fmt.Fprintf(w, ", %s of it", text.FormatMoney(p.Captured, p.Currency))
		}
		if p.Held > 0 && p.Captured > 0 {
			_, _ = fmt.Fprintf(w, ", %s held", text.FormatMoney(p.Held, p.Currency))
		}
		if p.Refunded > 0 {
			_, _ = fmt.Fprintf(w, ", %s refunded", text.FormatMoney(p.Refunded, p.Currency))
		}
		if p.By != "" {
			_, _ = fmt.Fprintf(w, ", answered %s", by(p.By))
		}
		if p.Test {
			_, _ = io.WriteString(w, "  TEST")
		}
	case e.RadioEvent != nil:
		r := e.RadioEvent
		_, _ = fmt.Fprintf(w, "radio %s, %.1f adverts/s", r.Radio, r.AdvertsPerSecond)
		if r.RadioWhy != "" {
			_, _ = fmt.Fprintf(w, ": %s", text.Sentence(r.RadioWhy))
		}
	case e.DeviceEvent != nil && e.Device != "":
		_, _ = fmt.Fprintf(w, "device %s  %s", text.Short(e.Device), e.DeviceState)
	case e.DeviceEvent != nil && e.DeviceState == pay.DeviceActive:
		_, _ = fmt.Fprintf(w, "paired with wallet %s", text.Short(e.DeviceEvent.Wallet))
	case e.DeviceEvent != nil:
		_, _ = fmt.Fprintf(w, "released by wallet %s", text.Short(e.DeviceEvent.Wallet))
	case e.NodeEvent != nil:
		standing := "enrolled"
		if e.Revoked {
			standing = "revoked"
		}
		_, _ = fmt.Fprintf(w, "%s %s  %s  %s", e.Role, text.Short(e.Node), text.Printable(string(e.Name)), standing)
	case e.TopUpEvent != nil:
		t := e.TopUpEvent
		_, _ = fmt.Fprintf(w, "top-up  %s into %s  TEST", text.FormatMoney(t.Amount, t.Currency), text.Printable(string(t.Wallet)))
	case e.IncrementEvent != nil && e.Ended:
		came := "more is held"
		if r := e.IncrementEvent.Reason; r != "" {
			came = "no more is held (" + text.Printable(string(r)) + ")"
		}
		_, _ = fmt.Fprintf(w, "payment %s  %s", text.Short(e.IncrementEvent.ID), came)
	case e.IncrementEvent != nil:
		i := e.IncrementEvent
		_, _ = fmt.Fprintf(w, "payment %s  %s more asked for, %s in all", text.Short(i.ID), text.FormatMoney(i.Amount, i.Currency), text.FormatMoney(i.Total, i.Currency))
	case e.RefusalEvent != nil:
		_, _ = fmt.Fprintf(w, "payment %s  refused: %s", text.Short(e.RefusalEvent.ID), text.Printable(string(e.RefusalEvent.Reason)))
	case e.MandateEvent != nil:
		m := e.MandateEvent
		_, _ = fmt.Fprintf(w, "mandate %s  for %s  %s", text.Short(m.Mandate), text.Printable(m.To), m.MandateState)
		if m.Reason != "" {
			_, _ = fmt.Fprintf(w, " (%s)", text.Printable(string(m.Reason)))
		}
	case e.PaidOutEvent != nil:
		p := e.PaidOutEvent
		_, _ = fmt.Fprintf(w, "payout  %s out of %s  TEST", text.FormatMoney(p.Amount, p.Currency), text.Printable(string(p.Account)))
	case e.MovedEvent != nil:
		m := e.MovedEvent
		_, _ = fmt.Fprintf(w, "move  %s from %s to %s", text.FormatMoney(m.Amount, m.Currency), text.Printable(string(m.From)), text.Printable(string(m.To)))
		if m.Held > 0 {
			_, _ = fmt.Fprintf(w, ", %s held there", text.FormatMoney(m.Held, m.Currency))
		}
		_, _ = io.WriteString(w, "  TEST")
	default:
		_, _ = io.WriteString(w, text.Printable(string(e.Kind)))
	}
	_, _ = fmt.Fprintln(w)
}

func printReady(w io.Writer, r api.Ready) {
	_, _ = fmt.Fprintf(w, "ready: %s %s", r.Role, text.Short(r.Node))
	for _, f := range [][2]string{{"quic", r.QUIC}, {"http", r.HTTP}, {"link", r.Link}, {"registry", string(r.Registry)}} {
		if f[1] != "" {
			_, _ = fmt.Fprintf(w, "  %s %s", f[0], f[1])
		}
	}
	_, _ = fmt.Fprintln(w)
	if !r.Serves() {
		printStanding(w, "  ", r.Standing)
	}
}
