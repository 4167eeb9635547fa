package face

import (
	"errors"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// standingJSON is what standard error says beside a list.
type standingJSON struct {
	V    int    `json:"v"`
	Type string `json:"type"`
	api.Standing
}

// warnStanding says on standard error that a list is not the last word, because the
// registry is down or does not serve the node.
func warnStanding(c *cli.Call, s *api.Standing) {
	if s == nil || s.Registry == api.RegistryUp {
		return
	}
	if c.JSON {
		_ = cli.PrintJSON(c.Err, standingJSON{1, "standing", *s})
		return
	}
	printStanding(c.Err, "", *s)
}

// warnOpen says on standard error, of a payment that is not final, how the node
// stands with its registry where that is not well, and returns it; nil where that
// says nothing about the payment.
func warnOpen(c *cli.Call, p api.Payment) *api.Standing {
	if p.State.Final() {
		return nil
	}
	reply, err := ask(c, api.VerbReady, api.Nothing{})
	if err != nil {
		return nil // the payment is what was asked for
	}
	warnStanding(c, &reply.Value.Standing)
	return &reply.Value.Standing
}

// asItStands gives an error about a payment that is open the hint that is true
// where the registry does not serve the node: waiting alone brings no decision.
func asItStands(err error, s *api.Standing) error {
	var e *pay.Error
	if s != nil && !s.Serves() && errors.As(err, &e) {
		e.Case, e.Hint = "", "do not charge again: nothing more is heard of it here until the registry serves this node again; "+s.Hint
	}
	return err
}

// printStanding says how a node stands with its registry, and what that means.
func printStanding(w io.Writer, indent string, s api.Standing) {
	_, _ = fmt.Fprintf(w, "%s%s\n", indent, text.Sentence(s.Sentence()))
	if s.Hint != "" {
		_, _ = fmt.Fprintf(w, "%s  %s\n", indent, text.Sentence(s.Hint))
	}
}

// printUnheard says since when what is shown may be out of date, and what waits.
func printUnheard(w io.Writer, what string, u api.Unheard) {
	if u.Queued > 0 {
		_, _ = fmt.Fprintf(w, "  %s to be sent to the registry\n", text.Count(int(min(u.Queued, 1<<30)), "claim")+map[bool]string{true: " waits", false: " wait"}[u.Queued == 1])
	}
	if u.StaleSince != nil {
		_, _ = fmt.Fprintf(w, "  %s as of %s: what the registry decided since is not known here\n", what, text.Moment(*u.StaleSince))
	}
}

func tillStatus(c *cli.Call) error {
	reply, err := ask(c, api.VerbTill, api.Nothing{})
	if err != nil {
		return err
	}
	s := reply.Value
	return c.Answer(reply, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%s of %s, site %s\n", text.Printable(string(s.Name)), text.Printable(string(s.Merchant)), text.Printable(string(s.Site)))
		printStanding(w, "  ", s.Standing)
		switch {
		case s.Radio == "":
		case s.RadioWhy != "":
			_, _ = fmt.Fprintf(w, "  radio %s: %s\n", s.Radio, text.Sentence(s.RadioWhy))
		default:
			_, _ = fmt.Fprintf(w, "  radio %s, %.1f adverts/s\n", s.Radio, s.AdvertsPerSecond)
		}
		printUnheard(w, "payments", s.Unheard)
		printStatements(w, s.Statements)
	})
}
