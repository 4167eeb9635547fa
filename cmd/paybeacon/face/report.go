package face

import (
	"encoding/csv"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// tillReportLeaf is `till report`.
func tillReportLeaf() cli.Leaf {
	return cli.Leaf{
		Name: "report", Usage: "a day: what came in, what was given back, what is left",
		Long: "All boxes of the merchant together. Captures and refunds count on the day on which they happened,\n" +
			"payments on the day on which they were asked for. A day is the local one of this box.\n" +
			"With --csv, a line for each movement of money, and for each payment of the day that moved none; the\n" +
			"amounts between the first line and the last add up to the last. Tips are of what was captured.",
		Flags: []cli.Flag{
			cli.DataFlag(),
			&cli.StringFlag{Name: "day", Usage: "`YYYY-MM-DD` (default: today)"},
			&cli.BoolFlag{Name: "csv", Usage: "print it as comma-separated values (RFC 4180)"},
		}, Run: tillReport,
	}
}

func tillReport(c *cli.Call) error {
	asCSV := c.Flags.Bool("csv")
	if asCSV && c.JSON {
		return pay.NewError(pay.CodeUsage, "--csv and --json are two forms of one answer", "give one of them")
	}
	reply, err := ask(c, api.VerbReport, api.ReportRequest{Day: c.Flags.String("day"), Lines: asCSV})
	if err != nil {
		return err
	}
	r := reply.Value
	warnStanding(c, r.Standing)
	if asCSV {
		return c.AnswerExactly(reply, func(w io.Writer) { printReportCSV(w, r) })
	}
	return c.Answer(reply, func(w io.Writer) { printReport(c, w, r) })
}

func printReport(c *cli.Call, w io.Writer, r api.Report) {
	_, _ = fmt.Fprintf(w, "%s  %s  TEST (play money)\n", text.Printable(string(r.Merchant)), text.Printable(r.Day))
	money := func(a pay.Amount) string { return text.FormatMoney(a, r.Currency) }
	rows := [][]string{{"opening", money(r.Opening), ""}, {"captured", money(r.Captured), methodsTaken(r)}}
	if r.Tips != 0 {
		rows = append(rows, []string{"of it tips", money(r.Tips), ""})
	}
	rows = append(rows, []string{"refunded", money(-r.Refunded), ""}, []string{"net", money(r.Net), ""}, []string{"paid out", money(-r.PaidOut), ""}, []string{"closing", money(r.Closing), ""})
	if r.Held != 0 {
		rows = append(rows, []string{"held now", money(r.Held), "not captured yet"})
	}
	for _, line := range cli.Table(cli.Columns(c.Out), []cli.Column{{Keep: true}, {Right: true, Keep: true}, {}}, rows) {
		_, _ = fmt.Fprintln(w, "  "+line)
	}
	_, _ = fmt.Fprintf(w, "  %s%s\n", text.Count(r.Payments, "payment"), counted(r.ByState))
}

// methodsTaken says what was captured by which method, where there was more than one.
func methodsTaken(r api.Report) string {
	if len(r.CapturedByMethod) < 2 {
		return ""
	}
	var parts []string
	for _, m := range slices.Sorted(maps.Keys(r.CapturedByMethod)) {
		parts = append(parts, fmt.Sprintf("%s %s", text.Printable(string(m)), text.FormatMoney(r.CapturedByMethod[m], r.Currency)))
	}
	return strings.Join(parts, ", ")
}

// counted lists how many there are of each state.
func counted(by map[pay.State]int) string {
	var parts []string
	for _, s := range slices.Sorted(maps.Keys(by)) {
		parts = append(parts, fmt.Sprintf("%d %s", by[s], text.Printable(string(s))))
	}
	if len(parts) == 0 {
		return ""
	}
	return ": " + strings.Join(parts, ", ")
}

// printReportCSV writes the report as the lines of a journal: what there was, what
// moved, what there is.
func printReportCSV(w io.Writer, r api.Report) {
	out := csv.NewWriter(w)
	out.UseCRLF = true
	money := func(a pay.Amount) string { return text.FormatAmount(a, r.Currency) }
	_ = out.Write([]string{"day", "at", "what", "amount", "currency", "payment", "state", "method", "payer", "ref", "site", "tip"})
	edge := func(at, what string, amount pay.Amount) {
		_ = out.Write([]string{r.Day, at, what, money(amount), string(r.Currency), "", "", "", "", "", "", ""})
	}
	edge(r.From, "opening", r.Opening)
	for _, l := range r.Lines {
		tip := ""
		if l.Tip != 0 {
			tip = money(l.Tip)
		}
		_ = out.Write([]string{
			r.Day, l.At, l.What, money(l.Amount), string(r.Currency), l.Payment, cell(string(l.State)), cell(string(l.Method)),
			cell(string(l.Payer)), cell(l.Ref), cell(string(l.Site)), tip,
		})
	}
	edge(r.Until, "closing", r.Closing)
	out.Flush()
}

// cell returns text of somebody's own as a cell that no spreadsheet takes for a formula, nor
// for two cells of which one is: many of them split at semicolons, whatever the quotes, and
// take wide signs for narrow ones.
func cell(s string) string {
	var b strings.Builder
	begins := true
	for _, r := range s {
		if begins && strings.ContainsRune("=+-@＝＋－＠", r) {
			b.WriteByte('\'')
		}
		b.WriteRune(r)
		begins = r == ';' || begins && r == ' '
	}
	return b.String()
}
