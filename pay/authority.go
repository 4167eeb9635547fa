package pay

import "fmt"

// Authority is the root key's statement that a working key signs for the
// registry during [From, Until). It is self-contained: it carries the root key,
// whose NodeID is what nodes pin.
type Authority struct {
	Root    PublicKey `cbor:"1,keyasint"`
	Working PublicKey `cbor:"2,keyasint"`
	From    Time      `cbor:"3,keyasint"`
	Until   Time      `cbor:"4,keyasint"`
}

// Kind returns KindAuthority.
func (Authority) Kind() Kind { return KindAuthority }

// Check returns nil when the interval is not empty.
func (a Authority) Check() error {
	if a.From >= a.Until {
		return fmt.Errorf("authority ends before it begins")
	}
	return nil
}

// OpenAuthority parses and verifies an authority against the pinned root. A
// zero root accepts any: the caller compares Root.ID() itself. Its errors wrap
// ErrNotCanonical or ErrSignature, but for a fact of another kind.
func OpenAuthority(raw []byte, root NodeID) (Authority, error) {
	f, err := Parse(raw)
	if err != nil {
		return Authority{}, fmt.Errorf("open authority: %w", err)
	}
	a, err := As[Authority](f)
	if err != nil {
		return Authority{}, fmt.Errorf("open authority: %w", err)
	}
	if err := f.Verify(a.Root); err != nil {
		return Authority{}, fmt.Errorf("open authority: %w", err)
	}
	if !root.IsZero() && a.Root.ID() != root {
		return Authority{}, fmt.Errorf("open authority: root is %s, pinned is %s: %w", a.Root.ID().Short(), root.Short(), ErrSignature)
	}
	return a, nil
}

// Covers reports whether the working key signs for the registry at t.
func (a Authority) Covers(t Time) bool { return t >= a.From && t < a.Until }
