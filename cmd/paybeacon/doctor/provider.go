package doctor

import (
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

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
		case p.Error != "":
			out = append(out, finding{"acquirer", levelBad, fmt.Sprintf("%s does not answer: %s%s", name, text.Sentence(p.Error), waits),
				"payments by it wait and are asked for again, each under its key; nothing is charged twice"})
		case p.Waiting > 0:
			out = append(out, finding{"acquirer", levelWarn, name + " answers, " + money + waits, "look again in a moment; the log of serve says why a call has failed"})
		default:
			out = append(out, ok("acquirer", "%s answers, %s", name, money))
		}
		if p.ContradictionCount > 0 {
			out = append(out, finding{"acquirer", levelBad,
				fmt.Sprintf("%s gave two answers to %s, such as one on payment %.10s", name, text.Count(p.ContradictionCount, "call"), p.Contradictions[0]),
				"compare its own list with `paybeacon admin book` and ask who runs it; the registry believed none before it agreed with itself"})
		}
	}
	return out
}
