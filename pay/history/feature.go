package history

import (
	"fmt"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// Feature is one thing that the role of a box or wallet does, with everything
// that belongs to it alone: what it takes in of the node's feed and which of the
// node's claims are its own.
type Feature struct {
	Name string
	// Mirrors are the rules for entries of the node's feed.
	Mirrors map[pay.Kind]EntryRule
	// Refusals are the rules for claims of this node that the registry refused.
	Refusals map[pay.Kind]RefusalRule
	// Recalls are the rules for claims of this node that the registry handed back,
	// because the node's store is an older copy.
	Recalls map[pay.Kind]RecallRule
	// Spaces are the key spaces that the rules write to.
	Spaces rows.Spaces
}

// EntryRule takes in an entry of the node's feed. It may publish claims. Its
// errors are the store's.
type EntryRule func(tx pay.WritableRows, now pay.Time, f pay.Fact) (pay.Reaction, error)

// RefusalRule notes that the registry refused a claim of this node. It
// may run more than once for one claim. Its errors are the store's.
type RefusalRule func(tx pay.WritableRows, claim pay.Fact, why pay.Reason) error

// RecallRule takes in a claim of this node that the store lacks, as it was when the
// node made it. What the registry made of it follows in the feed. Its errors are
// the store's.
type RecallRule func(tx pay.WritableRows, now pay.Time, claim pay.Fact) error

// Features are all that the role of a node does.
type Features []Feature

// React is the React of a node's role. It takes in an entry of the node's feed
// or the refusal of a claim of this node by the rule of the feature that has the
// kind. Refusals in the feed, authorities and kinds that nobody knows are the
// same for all roles. Its errors are those of the rules.
func (fs Features) React(tx pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	switch in := in.(type) {
	case pay.ClaimRefused:
		return pay.Reaction{}, fs.refused(tx, in.Fact, in.Reason)
	case pay.EntryMirrored:
		return fs.mirrored(tx, now, in.Fact)
	case pay.ClaimRecalled:
		return pay.Reaction{}, fs.recalled(tx, now, in.Fact)
	default:
		return pay.Reaction{}, nil
	}
}

func (fs Features) mirrored(tx pay.WritableRows, now pay.Time, f pay.Fact) (pay.Reaction, error) {
	switch f.Kind() {
	case pay.KindAuthority:
		return pay.Reaction{}, AddAuthority(tx, f)
	case pay.KindRefusal:
		r, err := pay.As[pay.Refusal](f)
		if err != nil {
			return pay.Reaction{}, err
		}
		claim, ok, err := tx.Fact(r.Claim)
		if err != nil {
			return pay.Reaction{}, err
		}
		if !ok {
			return pay.Reaction{}, noteOthersRefusal(tx, r)
		}
		return pay.Reaction{}, fs.refused(tx, claim, r.Reason)
	}
	for _, feature := range fs {
		if rule := feature.Mirrors[f.Kind()]; rule != nil {
			return rule(tx, now, f)
		}
	}
	return pay.Reaction{}, NoteKind(tx, f)
}

func (fs Features) refused(tx pay.WritableRows, claim pay.Fact, why pay.Reason) error {
	for _, feature := range fs {
		if rule := feature.Refusals[claim.Kind()]; rule != nil {
			return rule(tx, claim, why)
		}
	}
	return nil
}

func (fs Features) recalled(tx pay.WritableRows, now pay.Time, claim pay.Fact) error {
	for _, feature := range fs {
		if rule := feature.Recalls[claim.Kind()]; rule != nil {
			return rule(tx, now, claim)
		}
	}
	return nil
}

// Recalled makes a rule for claims that were handed back from one that reads the
// claim's body.
func Recalled[B pay.Body](take func(tx pay.WritableRows, now pay.Time, claim pay.FactID, body B) error) RecallRule {
	return func(tx pay.WritableRows, now pay.Time, claim pay.Fact) error {
		body, err := pay.As[B](claim)
		if err != nil {
			return err
		}
		return take(tx, now, claim.ID(), body)
	}
}

// Mirror makes a rule for entries of a feed from one that reads the fact's body
// and publishes nothing.
func Mirror[B pay.Body](take func(tx pay.WritableRows, f pay.Fact, body B) error) EntryRule {
	return func(tx pay.WritableRows, _ pay.Time, f pay.Fact) (pay.Reaction, error) {
		body, err := pay.As[B](f)
		if err != nil {
			return pay.Reaction{}, err
		}
		return pay.Reaction{}, take(tx, f, body)
	}
}

// Refused makes a rule for refused claims from one that reads the claim's body.
func Refused[B pay.Body](note func(tx pay.WritableRows, claim pay.FactID, body B, why pay.Reason) error) RefusalRule {
	return func(tx pay.WritableRows, claim pay.Fact, why pay.Reason) error {
		body, err := pay.As[B](claim)
		if err != nil {
			return err
		}
		return note(tx, claim.ID(), body, why)
	}
}

// Spaces returns the key spaces of all features, and those of this package.
func (fs Features) Spaces() rows.Spaces {
	all := slices.Clone(Spaces())
	for _, feature := range fs {
		all = append(all, feature.Spaces...)
	}
	return all
}

// CheckKinds returns nil when each kind that concerns the role, by pay's table,
// has exactly one place: a rule of one feature, or one that all roles share. A
// kind with a rule for refusals is one that the role signs, and each such kind has
// a rule for claims that were handed back.
func (fs Features) CheckKinds(role pay.Role) error {
	places := map[pay.Kind]int{pay.KindAuthority: 1, pay.KindRefusal: 1}
	recalls := map[pay.Kind]int{}
	for _, feature := range fs {
		for k := range feature.Recalls {
			recalls[k]++
		}
		for k := range feature.Mirrors {
			places[k]++
		}
		for k := range feature.Refusals {
			places[k]++
			if row, _ := pay.LookupKind(k); row.Author != role {
				return fmt.Errorf("feature %s has a rule for refused claims of kind %q, which a %s does not sign", feature.Name, k, role)
			}
		}
	}
	for _, row := range pay.Kinds() {
		want := 0
		if row.Concerns(role) {
			want = 1
		}
		if places[row.Kind] != want {
			return fmt.Errorf("kind %q has %d places at a %s, not %d", row.Kind, places[row.Kind], role, want)
		}
		if signs := row.Author == role; signs != (recalls[row.Kind] == 1) {
			return fmt.Errorf("kind %q has %d rules for being handed back at a %s", row.Kind, recalls[row.Kind], role)
		}
		delete(places, row.Kind)
	}
	for k := range places {
		return fmt.Errorf("kind %q stands in no table of pay", k)
	}
	return nil
}
