package face

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// asksMax is how often one charge asks the cashier who is meant. Chosen: somebody who
// has mistyped so often looks again with `paybeacon till nearby`.
const asksMax = 5

// chargeAsking has the box charge. Where the nearest is too close to call and a person
// sits at the terminal, it lists who is near, reads which of them the payer is, and
// charges that one under the same key. An empty answer charges nobody: the error is
// then the first one. What the box says before it answers is passed to tell.
func chargeAsking(c *cli.Call, q api.ChargeRequest, tell func(note json.RawMessage)) (api.Reply[api.Payment], error) {
	reply, first := askTelling(c, api.VerbCharge, q, tell)
	if pay.CodeOf(first) != pay.CodeAmbiguous || q.To != "" || !asksPerson(c) {
		return reply, first
	}
	lines := bufio.NewReader(c.In)
	err := first
	for range asksMax {
		list := candidatesOf(err)
		if len(list) == 0 {
			list = candidatesOf(first)
		}
		tellChoice(c, err, list)
		answer, ok := readLine(c.Ctx, lines)
		if in, isFile := c.In.(*os.File); !isFile || !cli.IsTerminal(in) {
			_, _ = fmt.Fprintln(c.Err, text.Printable(answer)) // no terminal has shown it
		}
		if !ok || answer == "" {
			return reply, first
		}
		q.Said, q.Chosen = chosen(answer, list)
		if reply, err = askTelling(c, api.VerbCharge, q, tell); err == nil {
			return reply, nil
		}
		switch pay.CodeOf(err) {
		case pay.CodeAmbiguous, pay.CodeLeft, pay.CodeNotFound, pay.CodeUsage: // ask once more
		default:
			return reply, err
		}
	}
	return reply, first
}

// asksPerson reports whether somebody can be asked: the command was told so, or answers
// are in words, and both what is shown and what is typed belong to a terminal.
func asksPerson(c *cli.Call) bool {
	if c.Flags.Bool("ask") {
		return true
	}
	in, ok := c.In.(*os.File)
	return ok && !c.JSON && cli.IsTerminal(in) && cli.IsTerminal(c.Out)
}

// candidatesOf returns the candidates that an error carries, strongest first.
func candidatesOf(err error) (list []api.Candidate) {
	raw, bad := json.Marshal(api.Describe(err).Extra["candidates"])
	if bad != nil || json.Unmarshal(raw, &list) != nil {
		return nil
	}
	return list
}

// tellChoice shows who may be meant, and what to answer.
func tellChoice(c *cli.Call, err error, list []api.Candidate) {
	_, _ = fmt.Fprintf(c.Err, "%s.\n", text.Sentence(api.Describe(err).Message))
	for i, who := range list {
		tapped := ""
		if who.Tapped {
			tapped = "  tapped"
		}
		_, _ = fmt.Fprintf(c.Err, "  %d  %-24s %4d dBm%s\n", i+1, text.Printable(string(who.Handle)), who.RSSI, tapped)
	}
	_, _ = fmt.Fprint(c.Err, "The words that the payer's wallet shows, or a number; empty charges nobody:\n> ")
}

// chosen returns the words that an answer means, and whether they were chosen by their
// number in the list, so that nobody need have said them. Words may be written with
// spaces and in capitals.
func chosen(answer string, list []api.Candidate) (said pay.Handle, byNumber bool) {
	if n, err := strconv.Atoi(answer); err == nil && n >= 1 && n <= len(list) {
		return list[n-1].Handle, true
	}
	return pay.Handle(strings.ToLower(strings.Join(strings.Fields(answer), "-"))), false
}

// readLine reads one line without the blanks around it. It reports false at the end of
// the input and when ctx ends; what is read from a terminal cannot be interrupted, so
// the reading then goes on until the program ends, a moment later.
func readLine(ctx context.Context, r *bufio.Reader) (string, bool) {
	type read struct {
		line string
		err  error
	}
	done := make(chan read, 1)
	go func() {
		line, err := r.ReadString('\n')
		done <- read{line, err}
	}()
	select {
	case got := <-done:
		return strings.TrimSpace(got.line), got.err == nil
	case <-ctx.Done():
		return "", false
	}
}
