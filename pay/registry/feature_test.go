package registry

import (
	"maps"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestEveryKindHasAFeature sees that each kind of fact is claimed or published by
// exactly one feature, unless a device or the root key signs it.
func TestEveryKindHasAFeature(t *testing.T) {
	t.Parallel()
	places := make(map[pay.Kind][]string)
	for _, f := range features {
		for k := range f.claims {
			places[k] = append(places[k], "claimed by "+f.name)
			if row, _ := pay.LookupKind(k); row.Author != pay.RoleBox && row.Author != pay.RoleWallet {
				t.Errorf("%s has a rule for claims of kind %q, which a %s signs", f.name, k, row.Author)
			}
		}
		for _, k := range f.publishes {
			places[k] = append(places[k], "published by "+f.name)
			if row, _ := pay.LookupKind(k); row.Author != pay.RoleRegistry {
				t.Errorf("%s publishes %q, which a %s signs", f.name, k, row.Author)
			}
		}
	}
	for _, row := range pay.Kinds() {
		want := 1
		if row.Author == pay.RoleDevice || row.Author == pay.RoleRoot {
			want = 0 // no claim of a node, and nothing that the registry signs
		}
		if len(places[row.Kind]) != want {
			t.Errorf("kind %q stands in %d places, not %d: %q", row.Kind, len(places[row.Kind]), want, places[row.Kind])
		}
		delete(places, row.Kind)
	}
	for k, at := range places {
		t.Errorf("kind %q is in no table of pay and is %q", k, at)
	}
}

// TestFeaturesAreWhole sees that each feature has a name and spaces of its own,
// and that no deadline, effect or kind of fact is read by two.
func TestFeaturesAreWhole(t *testing.T) {
	t.Parallel()
	names, spaces, due, reads := map[string]bool{}, map[string]string{}, map[pay.SubjectKind]string{}, map[pay.Kind]string{}
	for _, f := range features {
		if f.name == "" || names[f.name] {
			t.Errorf("the name %q is none, or stands twice", f.name)
		}
		names[f.name] = true
		if len(f.spaces) == 0 && len(f.publishes) == 0 {
			t.Errorf("%s declares no key space and publishes nothing", f.name)
		}
		for _, s := range f.spaces {
			if other, taken := spaces[s.Prefix]; taken {
				t.Errorf("%s and %s both declare the space %s", f.name, other, s.Layout())
			}
			spaces[s.Prefix] = f.name
		}
		for kind := range f.due {
			if other, taken := due[kind]; taken {
				t.Errorf("%s and %s both have deadlines of kind %c", f.name, other, kind)
			}
			due[kind] = f.name
		}
		if f.audit == nil {
			continue
		}
		for kind := range f.audit(&auditor{}).reads {
			if other, taken := reads[kind]; taken {
				t.Errorf("%s and %s both read %q in an audit", f.name, other, kind)
			}
			reads[kind] = f.name
		}
	}
	// Of devices nothing is due yet.
	if got := slices.Sorted(maps.Keys(due)); !slices.Equal(got, []pay.SubjectKind{pay.SubjectPayment}) {
		t.Errorf("there are deadlines of kinds %q", got)
	}
}

// TestInputsOfNoFeature has deadlines and effects that no rule knows: they are
// errors, which the store confines to their subject.
func TestInputsOfNoFeature(t *testing.T) {
	t.Parallel()
	unknown := pay.Subject{Kind: 'z'}
	for _, in := range []pay.Input{
		pay.DeadlineReached{Subject: unknown},
		pay.EffectDone{Effect: pay.Effect{Kind: "acquirer", Subject: unknown}},
		pay.EntryMirrored{},
	} {
		if _, err := (&Registry{}).React(nil, 0, in); err == nil {
			t.Errorf("%T of no feature is no error", in)
		}
	}
}
