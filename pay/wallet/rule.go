package wallet

import (
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
)

// Kind is how a rule answers.
type Kind string

// The kinds of rules. A rule by a program of the owner's is Ask here: the node that
// runs the program answers through Answer.
const (
	Ask   Kind = "ask"   // leave offers to a person
	None  Kind = "none"  // decline all
	All   Kind = "all"   // approve all
	Under Kind = "under" // approve up to Limit in Currency, ask for the rest
)

// Rule is what the owner lets the wallet answer without being asked. The zero
// Rule asks.
type Rule struct {
	Kind     Kind
	Limit    pay.Amount   // for Under: the largest amount that is approved
	Currency pay.Currency // for Under: the only one that is approved
	Name     pay.Rule     // stands in the answer and on the receipt; the Kind if ""
}

func (r Rule) complete() (Rule, error) {
	if r.Kind == "" {
		r.Kind = Ask
	}
	if r.Name == "" {
		r.Name = pay.Rule(r.Kind)
	}
	if err := checkBy(r.Name); err != nil {
		return r, err
	}
	if r.Name == pay.ByHand {
		return r, pay.NewCase(pay.CodeUsage, "rule_name_taken", "a rule cannot be named like an answer by hand")
	}
	switch r.Kind {
	case Ask, None, All:
		return r, nil
	case Under:
		if err := r.Limit.CheckPayable(); err != nil {
			return r, pay.WrapCase(err, pay.CodeAmount, "rule_amount", "read rule")
		}
		if err := r.Currency.Check(); err != nil {
			return r, pay.WrapCase(err, pay.CodeCurrency, "rule_currency", "read rule")
		}
		return r, nil
	default:
		return r, pay.NewCase(pay.CodeUsage, "rule_unknown", fmt.Sprintf("rule %.20q is none", string(r.Kind)))
	}
}

// checkBy returns nil when a name may stand in an answer as who gave it.
func checkBy(by pay.Rule) error {
	if len(by) > pay.RuleBytesMax {
		return pay.NewCase(pay.CodeUsage, "rule_name_form", fmt.Sprintf("the rule's name has %d bytes", len(by)))
	}
	if err := pay.Name(by).Check(); err != nil {
		return pay.WrapCase(err, pay.CodeUsage, "rule_name_form", "read the rule's name")
	}
	return nil
}

// verdict returns how the rule answers an offer, and whether it covers it. No rule
// approves an offer that asks a person.
func (r Rule) verdict(d pay.Decision) (v pay.Verdict, covers bool) {
	switch {
	case r.Kind == None:
		return pay.Decline, true
	case !d.AnswersAlone():
		return "", false
	}
	switch r.Kind {
	case All:
		return pay.Approve, true
	case Under:
		return pay.Approve, d.Currency == r.Currency && d.Amount <= r.Limit
	default:
		return "", false
	}
}
