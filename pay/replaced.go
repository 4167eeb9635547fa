package pay

import "fmt"

// Replaced is the registry's statement that another node signs for a wallet's
// scope from now on: its owner has lost the old one. It stands in the wallet's
// feed. A device that is bound to the old wallet and pins this registry belongs to
// the new one from the moment it has seen the statement.
type Replaced struct {
	Scope Scope  `cbor:"1,keyasint"`
	Old   NodeID `cbor:"2,keyasint"`
	New   NodeID `cbor:"3,keyasint"`
	At    Time   `cbor:"4,keyasint"`
}

// Kind returns KindReplaced.
func (Replaced) Kind() Kind { return KindReplaced }

// Check returns nil when every field is within its bounds.
func (r Replaced) Check() error {
	if r.Old.IsZero() || r.New.IsZero() || r.Old == r.New {
		return fmt.Errorf("a wallet is replaced by another one")
	}
	return firstError(r.Scope.check("w/"), r.At.check())
}

// OpenReplaced parses and verifies a statement under the authority that is
// enclosed with it and the pinned root. Its errors wrap ErrNotCanonical or
// ErrSignature, but for a fact of another kind.
func OpenReplaced(authority, raw []byte, root NodeID) (Replaced, error) {
	refuse := func(err error) (Replaced, error) { return Replaced{}, fmt.Errorf("open replaced: %w", err) }
	a, err := OpenAuthority(authority, root)
	if err != nil {
		return refuse(err)
	}
	f, err := Parse(raw)
	if err != nil {
		return refuse(err)
	}
	r, err := As[Replaced](f)
	if err != nil {
		return refuse(err)
	}
	if err := f.Verify(a.Working); err != nil {
		return refuse(err)
	}
	if !a.Covers(r.At) {
		return refuse(fmt.Errorf("the authority does not cover %s: %w", r.At, ErrSignature))
	}
	return r, nil
}
