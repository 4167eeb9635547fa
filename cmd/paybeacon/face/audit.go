package face

import (
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

func adminAudit(c *cli.Call) error {
	reply, err := askAudit(c)
	if err != nil {
		return err
	}
	a := reply.Value
	err = c.Answer(reply, func(w io.Writer) { printAudit(w, a) })
	if a.OK {
		return err
	}
	return pay.NewError(pay.CodeFailed, fmt.Sprintf("the audit has %s", text.Count(len(a.Findings), "finding")), "stop taking payments and compare with the nodes' own copies; facts held by both sides cannot be changed by one")
}

// askAudit has the registry audit itself, and shows on a terminal how far it is.
func askAudit(c *cli.Call) (api.Reply[api.Audit], error) {
	if !cli.IsTerminal(c.Err) {
		return ask(c, api.VerbAudit, api.AuditRequest{Full: c.Flags.Bool("full")})
	}
	line := newProgressLine(c.Err, time.Now)
	defer line.clear()
	return node.AskTelling(c.Ctx, dirOf(c), api.VerbAudit, api.AuditRequest{Full: c.Flags.Bool("full")}, func(raw json.RawMessage) { line.note(raw) })
}

func printAudit(w io.Writer, a api.Audit) {
	verdict := "The books are right"
	if !a.OK {
		verdict = "THE BOOKS ARE NOT RIGHT"
	}
	_, _ = fmt.Fprintf(w, "%s: %s, imbalance %d, duplicates %d.\n", verdict, text.Count(a.Payments, "payment"), a.Imbalance, a.Duplicates)
	printCovered(w, a)
	for _, f := range a.Findings {
		_, _ = fmt.Fprintf(w, "  %s\n", text.Sentence(f))
	}
	for _, step := range a.ClockSteps {
		_, _ = fmt.Fprintf(w, "Worth knowing, and no finding: %s\n", text.Sentence(step))
	}
	if a.AsideCount == 0 {
		return
	}
	verb := "are"
	if a.AsideCount == 1 {
		verb = "is"
	}
	_, _ = fmt.Fprintf(w, "Not finished, which is no finding: %s %s set aside.\nTry again with: paybeacon admin retry\n", text.Count(a.AsideCount, "subject"), verb)
	for _, x := range a.Aside {
		_, _ = fmt.Fprintf(w, "  %s\n", text.Sentence(node.AsideSentence(x)))
	}
	if more := a.AsideCount - len(a.Aside); more > 0 {
		_, _ = fmt.Fprintf(w, "  and %d more\n", more)
	}
}

// printCovered says what an audit has not read again.
func printCovered(w io.Writer, a api.Audit) {
	if a.Since == "" {
		return
	}
	_, _ = fmt.Fprintf(w, "Read again: %s since the good audit of %s, and all accounts, nodes and devices.\n", text.Count(a.PaymentsRead, "payment"), text.Moment(a.Since))
	if old := a.Payments - a.PaymentsRead; old > 0 {
		_, _ = fmt.Fprintf(w, "Not read again: %s. That their rows were changed behind the program's back\nshows only with: paybeacon admin audit --full\n", text.Count(old, "older payment"))
	}
}
