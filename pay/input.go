package pay

import "fmt"

// Input is one thing that a role reacts to. It is one of the types below.
type Input interface{ input() }

type (
	// ClaimArrived means that a node's claim reached the registry. Its signature
	// is verified.
	ClaimArrived struct {
		Fact Fact
		// Age is how long before now the author stored the claim.
		Age Millis
		// With are the facts of the same outbox item that come after Fact.
		With []Fact
	}
	// EntryMirrored means that the next entry of a node's feed is stored. Its
	// signature is verified.
	EntryMirrored struct{ Fact Fact }
	// ClaimRefused means that the registry acknowledged a node's own claim and
	// refused it for this reason.
	ClaimRefused struct {
		Fact   Fact
		Reason Reason
	}
	// ClaimRecalled means that the registry handed a node a claim back that the
	// node signed itself and does not hold any more, because its store is an older
	// copy. The claim was applied; what the registry made of it stands in the feed.
	ClaimRecalled struct{ Fact Fact }
	// DeadlineReached means that a moment which the role named with Wake has
	// come.
	DeadlineReached struct{ Subject Subject }
	// EffectDone means that an effect which the role asked for was carried out,
	// with this result. The role publishes what follows from it as facts, so that
	// an audit recomputes everything without carrying out anything.
	EffectDone struct {
		Effect Effect
		Result []byte
	}
)

func (ClaimArrived) input()    {}
func (EntryMirrored) input()   {}
func (ClaimRefused) input()    {}
func (ClaimRecalled) input()   {}
func (DeadlineReached) input() {}
func (EffectDone) input()      {}

// FactOf returns the fact that an input brings, and whether it brings one.
func FactOf(in Input) (Fact, bool) {
	switch in := in.(type) {
	case ClaimArrived:
		return in.Fact, true
	case EntryMirrored:
		return in.Fact, true
	case ClaimRefused:
		return in.Fact, true
	case ClaimRecalled:
		return in.Fact, true
	default:
		return Fact{}, false
	}
}

// Publication is a fact that a role publishes. At the registry it is appended
// to the feeds of the Scopes; on a node Scopes is empty and it goes to the
// outbox.
type Publication struct {
	Fact   Fact
	Scopes []Scope
}

// Reaction is all that a role does about one Input.
type Reaction struct {
	Publications []Publication
	// Effects are to be carried out once the transaction is durable.
	Effects []Effect
	// Refused is the reason when the input was a claim that was refused; the
	// author is told even where no signed refusal was published.
	Refused Reason
}

// Effect is something to be done outside the store, such as a call to an
// acquirer. It is stored in the transaction that asks for it and carried out
// afterwards, again after a restart, until it has a result: whoever carries it
// out must recognise it by its number and subject and do it once.
type Effect struct {
	// Kind names who carries it out. It is a stable name.
	Kind EffectKind `cbor:"1,keyasint"`
	// Subject is what it is about.
	Subject Subject `cbor:"2,keyasint"`
	// Body is what has to be known to carry it out, in deterministic CBOR.
	Body []byte `cbor:"3,keyasint"`
}

// EffectKind is the stable name of a sort of effect, such as "acquirer".
type EffectKind string

// Check returns nil when the effect can be stored.
func (e Effect) Check() error {
	switch {
	case e.Kind == "":
		return fmt.Errorf("effect has no kind")
	case len(e.Body) > EffectBytesMax:
		return fmt.Errorf("effect has %d bytes, the limit is %d", len(e.Body), EffectBytesMax)
	}
	return firstError(checkText("effect kind", string(e.Kind), kindBytesMax), e.Subject.Check())
}
