package history_test

import (
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
)

func noEntry(pay.WritableRows, pay.Time, pay.Fact) (pay.Reaction, error) { return pay.Reaction{}, nil }

func noRefusal(pay.WritableRows, pay.Fact, pay.Reason) error { return nil }

func noRecall(pay.WritableRows, pay.Time, pay.Fact) error { return nil }

// TestCheckKinds has roles whose features leave a kind out, have it twice, or
// have one that does not concern them.
func TestCheckKinds(t *testing.T) {
	t.Parallel()
	till := func() history.Features {
		all := history.Feature{
			Name: "payments", Mirrors: map[pay.Kind]history.EntryRule{},
			Refusals: map[pay.Kind]history.RefusalRule{}, Recalls: map[pay.Kind]history.RecallRule{},
		}
		for _, row := range pay.Kinds() {
			switch {
			case row.Author == pay.RoleBox:
				all.Refusals[row.Kind], all.Recalls[row.Kind] = noRefusal, noRecall
			case row.Concerns(pay.RoleBox) && row.Kind != pay.KindAuthority && row.Kind != pay.KindRefusal:
				all.Mirrors[row.Kind] = noEntry
			}
		}
		return history.Features{all}
	}
	mirrors := func(k pay.Kind) history.Feature {
		return history.Feature{Name: "more", Mirrors: map[pay.Kind]history.EntryRule{k: noEntry}}
	}
	without := till()
	delete(without[0].Refusals, pay.KindCancel)
	lost := till()
	delete(lost[0].Recalls, pay.KindCancel)
	for name, tc := range map[string]struct {
		role     pay.Role
		features history.Features
		ok       bool
	}{
		"each kind once":              {pay.RoleBox, till(), true},
		"one left out":                {pay.RoleBox, without, false},
		"one that cannot be recalled": {pay.RoleBox, lost, false},
		"one twice":                   {pay.RoleBox, append(till(), mirrors(pay.KindDecision)), false},
		"one that all roles share":    {pay.RoleBox, append(till(), mirrors(pay.KindRefusal)), false},
		"one of another role's feed":  {pay.RoleBox, append(till(), mirrors(pay.KindDevice)), false},
		"one that nobody knows":       {pay.RoleBox, append(till(), mirrors("treaty")), false},
		"claims of another role":      {pay.RoleWallet, till(), false},
	} {
		if err := tc.features.CheckKinds(tc.role); (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestRefusalReachesItsRule sends the refusal of a claim as an acknowledgement
// and as an entry of the feed. A claim that is not here, or has no rule, is
// nobody's.
func TestRefusalReachesItsRule(t *testing.T) {
	t.Parallel()
	r := newRows()
	var told []pay.Reason
	features := history.Features{{Refusals: map[pay.Kind]history.RefusalRule{
		pay.KindCancel: history.Refused(func(_ pay.WritableRows, _ pay.FactID, c pay.Cancel, why pay.Reason) error {
			if c.Created != start {
				t.Errorf("the rule got %+v", c)
			}
			told = append(told, why)
			return nil
		}),
	}}}
	react := func(in pay.Input) {
		t.Helper()
		if out, err := features.React(r, start, in); err != nil || len(out.Publications) > 0 {
			t.Errorf("%T: %+v, %v", in, out, err)
		}
	}
	claim, other := sign(t, key(t, 1), pay.Cancel{Created: start}), sign(t, key(t, 1), pay.Revoke{})
	refusal := func(f pay.Fact) pay.Input {
		return pay.EntryMirrored{Fact: sign(t, key(t, 3), pay.Refusal{Claim: f.ID(), Reason: pay.ReasonLateCancel, At: start})}
	}
	react(refusal(claim)) // it is not here
	r.facts[claim.ID()], r.facts[other.ID()] = claim, other
	react(refusal(claim))
	react(pay.ClaimRefused{Fact: claim, Reason: pay.ReasonTooMany})
	react(refusal(other))
	react(pay.ClaimRefused{Fact: other, Reason: pay.ReasonTooMany})
	react(pay.EntryMirrored{Fact: claim})
	if len(told) != 2 || told[0] != pay.ReasonLateCancel || told[1] != pay.ReasonTooMany {
		t.Errorf("the rule was told %q", told)
	}
}

// TestLateKindsAreThoseThatNoRuleHad: against the list that the program before noted, or
// without one.
func TestLateKindsAreThoseThatNoRuleHad(t *testing.T) {
	t.Parallel()
	must := func(err error) {
		if err != nil {
			t.Fatal(err)
		}
	}
	program := func(kinds ...pay.Kind) history.Features {
		rules := map[pay.Kind]history.EntryRule{}
		for _, k := range kinds {
			rules[k] = noEntry
		}
		return history.Features{{Name: "all", Mirrors: rules}}
	}
	for name, tc := range map[string]struct {
		before, now, late []pay.Kind
		noted             bool
	}{
		"nothing noted":    {nil, []pay.Kind{"moved", "paid-out", "topup"}, []pay.Kind{"moved", "paid-out"}, false},
		"one more":         {[]pay.Kind{"topup"}, []pay.Kind{"must-weigh", "topup"}, []pay.Kind{"must-weigh"}, false},
		"the same":         {[]pay.Kind{"paid-out", "topup"}, []pay.Kind{"topup", "paid-out"}, nil, true},
		"one less":         {[]pay.Kind{"paid-out", "topup"}, []pay.Kind{"topup"}, nil, false},
		"another in place": {[]pay.Kind{"paid-out"}, []pay.Kind{"moved"}, []pay.Kind{"moved"}, false},
	} {
		rows := newRows()
		if tc.before != nil {
			must(program(tc.before...).NoteKinds(rows))
		}
		late, noted, err := program(tc.now...).Late(rows)
		if err != nil || noted != tc.noted || !slices.Equal(late, tc.late) {
			t.Errorf("%s: %v, noted: %v (%v)", name, late, noted, err)
		}
		must(program(tc.now...).NoteKinds(rows))
		if late, noted, err := program(tc.now...).Late(rows); len(late) > 0 || !noted || err != nil {
			t.Errorf("%s, noted: %v, noted: %v (%v)", name, late, noted, err)
		}
	}
}
