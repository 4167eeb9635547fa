package pay

import "fmt"

// Means is a wallet's claim that it pays by an acquirer, under a name of its owner's,
// which devices are tied to. Another Means of the same name takes its place. Nobody
// but the registry, which gives it to the acquirer, gets the token.
type Means struct {
	Name     Name     `cbor:"1,keyasint"`
	Acquirer Acquirer `cbor:"2,keyasint,omitempty"` // AcquirerNone: the closed-loop account
	Token    Token    `cbor:"3,keyasint,omitempty"` // "" beside AcquirerNone
	Created  Time     `cbor:"4,keyasint"`
}

// Kind returns KindMeans.
func (Means) Kind() Kind { return KindMeans }

// Check returns nil when every field is within its bounds and no card's number is
// among them.
func (m Means) Check() error {
	if err := firstError(m.Name.Check(), CheckNoCard(string(m.Name)), m.Acquirer.check(), m.Created.check()); err != nil {
		return err
	}
	switch {
	case m.Acquirer != AcquirerNone:
		return m.Token.Check()
	case m.Token != "":
		return fmt.Errorf("a token stands beside the closed-loop account")
	default:
		return nil
	}
}

// MeansEnd is a wallet's claim that it does not pay by a means any more.
type MeansEnd struct {
	Name    Name `cbor:"1,keyasint"`
	Created Time `cbor:"2,keyasint"`
}

// Kind returns KindMeansEnd.
func (MeansEnd) Kind() Kind { return KindMeansEnd }

// Check returns nil when every field is within its bounds.
func (m MeansEnd) Check() error {
	return firstError(m.Name.Check(), CheckNoCard(string(m.Name)), m.Created.check())
}

// MeansStatus is the registry's statement, to the wallet alone, on one of its means.
// It holds no token.
type MeansStatus struct {
	Name     Name     `cbor:"1,keyasint"`
	Acquirer Acquirer `cbor:"2,keyasint,omitempty"`
	Claim    FactID   `cbor:"3,keyasint"` // the Means, or the MeansEnd
	Ended    bool     `cbor:"4,keyasint,omitempty"`
	// Test means that the acquirer moves play money alone.
	Test bool `cbor:"5,keyasint,omitempty"`
	At   Time `cbor:"6,keyasint"`
}

// Kind returns KindMeansStatus.
func (MeansStatus) Kind() Kind { return KindMeansStatus }

// Check returns nil when every field is within its bounds.
func (m MeansStatus) Check() error {
	if m.Claim.IsZero() {
		return fmt.Errorf("the status of a means names no claim")
	}
	return firstError(m.Name.Check(), m.Acquirer.check(), m.At.check())
}
