package doctor

import (
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// waitWord agrees with how many wait.
func waitWord(n int) string {
	if n == 1 {
		return " waits"
	}
	return " wait"
}

// providerFindings say whether the acquirers that a registry calls answer.
func providerFindings(list []api.Provider) (out []finding) {
	for _, p := range list {
		name, money := string(p.Acquirer), "real money"
		if p.Test {
			money = "play money"
		}
		waits := ""
		if p.Waiting > 0 {
			waits = fmt.Sprintf("; %s without an answer, the oldest since %s", text.Count(p.Waiting, "call"), text.Moment(p.Since))
		}
		switch {
		case p.NotCalled && p.Waiting == 0: // it was called once
		case p.NotCalled:
			out = append(out, finding{"acquirer", levelBad, fmt.Sprintf("%s for %s, which this registry is not started to call%s, such as payment %.10s",
				text.Count(p.Waiting, "payment")+waitWord(p.Waiting), name, waits, p.Payments[0]),
				"start serve with --acquirer " + name + " again; if it is closed for good, see in its own list what became of each and settle it: paybeacon admin settle --id PAYMENT --paid (or --not-paid) --why TEXT"})
		case p.Error != "":
			out = append(out, finding{"acquirer", levelBad, fmt.Sprintf("%s does not answer: %s%s", name, text.Sentence(p.Error), waits),
				"payments by it wait and are asked for again, each under its key; nothing is charged twice. If it is closed for good: paybeacon admin settle"})
		case p.Waiting > 0:
			out = append(out, finding{"acquirer", levelWarn, name + " answers, " + money + waits, "look again in a moment; the log of serve says why a call has failed"})
		default:
			out = append(out, ok("acquirer", "%s answers, %s", name, money))
		}
		if p.ContradictionCount > 0 {
			out = append(out, finding{"acquirer", levelBad,
				fmt.Sprintf("%s gave two answers to %s, such as one on payment %.10s", name, text.Count(p.ContradictionCount, "call"), p.Contradictions[0]),
				"compare its own list with `paybeacon admin book` and ask who runs it; the registry believed none before it agreed with itself, or what its operator had settled stands"})
		}
	}
	return out
}
