package registry

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// feature is one thing that the registry can do, with everything that belongs to
// it alone. React, the audit and Spaces read the list of features and know none
// of them by name.
type feature struct {
	name string
	// claims are the rules for claims of nodes. Who may sign a kind stands in
	// pay's table of kinds and is checked before.
	claims map[pay.Kind]rule
	// publishes are the kinds of facts that the feature signs.
	publishes []pay.Kind
	// due are the rules for deadlines, by what they concern.
	due map[pay.SubjectKind]func(*turn, pay.Subject) error
	// done are the rules for the results of effects.
	done map[pay.EffectKind]func(*turn, pay.EffectDone) error
	// gone ends what waits for a wallet whose node was revoked just now.
	gone func(*turn, pay.NodeStatus) error
	// replaced ends what the owner of a wallet had agreed to by a node whose place
	// another has taken just now: what answers in the owner's name without being
	// asked is agreed to anew.
	replaced func(t *turn, wallet pay.Scope) error
	// audit returns the feature's part in one audit; nil for none.
	audit func(*auditor) inspection
	// spaces are the key spaces that the rules write to.
	spaces rows.Spaces
}

// rule decides on the claim at hand: it refuses it, or writes and publishes what
// follows. Its errors are the store's, or wrap pay.ErrCannotSign.
type rule func(*turn) error

// inspection is a feature's part in one audit.
type inspection struct {
	// reads take in the facts of some kinds, in any order. Who signed them is
	// verified.
	reads map[pay.Kind]func(pay.Fact) error
	// passes hold the feature's rows against all facts that were read. What does
	// not fit is reported; an error ends the audit.
	passes []func(context.Context) error
}

// features are what this registry can do.
var features = []feature{
	payments,
	holds,
	acquirerCalls,
	openings,
	merchantKeys,
	stepUp,
	neighbours,
	devices,
	means,
	presets,
	mandates,
	codeSources,
	members,
	replacement,
	topUps.feature(),
	payouts.feature(),
	balanceMoves.feature(),
	settlements.feature(),
	refusals,
	clocks,
	auditMemory,
}

// Spaces returns the key spaces of all features.
func Spaces() (all rows.Spaces) {
	for _, f := range features {
		all = append(all, f.spaces...)
	}
	return all
}

// claimRule returns the rule for claims of a kind, or nil.
func claimRule(k pay.Kind) rule {
	for _, f := range features {
		if r := f.claims[k]; r != nil {
			return r
		}
	}
	return nil
}

// claimOf makes a rule of one that reads the claim's body.
func claimOf[B pay.Body](decide func(*turn, B) error) rule {
	return func(t *turn) error {
		body, err := pay.As[B](t.in.Fact)
		if err != nil {
			return err
		}
		return decide(t, body)
	}
}

// deadline runs the rule for deadlines of the subject.
func (t *turn) deadline(s pay.Subject) error {
	for _, f := range features {
		if r := f.due[s.Kind]; r != nil {
			return r(t, s)
		}
	}
	return fmt.Errorf("no feature of this registry has deadlines of kind %c", s.Kind)
}

// effect runs the rule for the result of an effect.
func (t *turn) effect(in pay.EffectDone) error {
	for _, f := range features {
		if r := f.done[in.Effect.Kind]; r != nil {
			return r(t, in)
		}
	}
	return fmt.Errorf("no feature of this registry has effects of kind %q", string(in.Effect.Kind))
}
