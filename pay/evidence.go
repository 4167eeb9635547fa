package pay

import "fmt"

// A box that charges says how it found the payer, and both parties see it for ever
// after. It matters where nobody looks: a wrong pick that a person is asked about
// costs a glance at merchant and amount, and one that a rule answers is a wrong
// charge.
//
//	words, tap, plate       the payer did something for it: a rule may answer
//	clear, and certain      so strong and so far ahead at the box: a rule may answer
//	clear                   a person is asked
//	none, or one of later   a person is asked

// Evidence is how a payer was found. It is a stable name; a reader keeps those that
// it does not know.
type Evidence string

// The kinds of evidence.
const (
	EvidenceWords Evidence = "words" // the payer said the handle
	EvidenceTap   Evidence = "tap"   // the device was held to the box
	EvidencePlate Evidence = "plate" // the vehicle's plate was given
	EvidenceClear Evidence = "clear" // the strongest, by level and lead
)

// checkEvidence returns nil when a request or a decision may state e, known or not,
// together with certain.
func checkEvidence(e Evidence, certain bool) error {
	if certain && e == "" {
		return fmt.Errorf("certain of a payer without saying how they were found")
	}
	return checkText("evidence", string(e), evidenceBytesMax)
}

// checkExcess returns nil when a request or a decision may state x together with how
// the payer was found: strength says nothing about a device that was found by it.
func checkExcess(e Evidence, x Excess) error {
	if !x.IsZero() && e == "" {
		return fmt.Errorf("a strength is stated without saying how the payer was found")
	}
	return nil
}

// Asks is why an offer waits for a person whatever rule or mandate the payer has
// set, or "" where such may answer alone. It is a stable name.
type Asks string

// The reasons to ask a person.
const (
	AsksElsewhere       Asks = "code_elsewhere"   // the code was heard at two sites
	AsksStrengthAlone   Asks = "strength_alone"   // found by strength, and not certain
	AsksNoEvidence      Asks = "no_evidence"      // a box or registry of old does not say how
	AsksUnknownEvidence Asks = "unknown_evidence" // a later box says what this program does not know
)

// Asks returns why a payment on these terms needs a person's answer, or "".
func (t Terms) Asks() Asks {
	if t.StepUp.NeedsPerson() {
		return AsksElsewhere
	}
	switch t.Evidence {
	case EvidenceWords, EvidenceTap, EvidencePlate:
		return ""
	case EvidenceClear:
		if t.Certain {
			return ""
		}
		return AsksStrengthAlone
	case "":
		return AsksNoEvidence
	default:
		return AsksUnknownEvidence
	}
}

// AnswersAlone reports whether a rule or a mandate of the payer may approve a
// payment on these terms without asking a person.
func (t Terms) AnswersAlone() bool { return t.Asks() == "" }
