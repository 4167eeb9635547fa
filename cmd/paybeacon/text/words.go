package text

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/paybeacon/paybeacon/pay"
)

// Printable returns what a stranger may have written without anything that moves
// the cursor or changes colours, cut to 160 characters: nothing that travels in a
// fact or a key is so long.
func Printable(s string) string { return printableUpTo(s, 160) }

// Sentence does the same for a sentence of our own that may quote a stranger, cut to
// 400 characters.
func Sentence(s string) string { return printableUpTo(s, 400) }

func printableUpTo(s string, runesMax int) string {
	var b strings.Builder
	for i, r := range []rune(s) {
		if i == runesMax {
			b.WriteString("…")
			break
		}
		if !unicode.IsPrint(r) {
			r = '\uFFFD'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// IsBlank reports whether nothing of s can be seen.
func IsBlank(s string) bool {
	return strings.IndexFunc(s, func(r rune) bool { return !unicode.IsSpace(r) && !unicode.Is(unicode.Cf, r) && !unicode.IsControl(r) }) < 0
}

// ShellWord returns s as a person types it to a shell to mean s, quoted where it must be.
func ShellWord(s string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("/._-+=:@%,", r)
	}
	if s != "" && strings.IndexFunc(s, func(r rune) bool { return !plain(r) }) < 0 {
		return s
	}
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// shortDigits is how much of an id people are shown where it is not the answer itself.
// Chosen: two of a million ids begin alike once in a thousand times.
const shortDigits = 10

// Short returns the beginning of an id, for a sentence.
func Short(id string) string { return id[:min(len(id), shortDigits)] }

// Count returns a number and a noun with a regular plural, such as "2 offers".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Moment shortens an RFC 3339 time in UTC to whole seconds, for people.
func Moment(rfc3339 string) string {
	seconds, _, cut := strings.Cut(rfc3339, ".")
	if !cut {
		return rfc3339
	}
	return seconds + "Z"
}

// Because returns in words how a payment stands, and why.
func Because(s pay.State, r pay.Reason) string {
	if r == "" {
		return string(s)
	}
	return fmt.Sprintf("%s (%s)", s, r)
}

// WhatToSay returns what the merchant does about a payment that was not made for the
// reason, and what to tell the payer; otherwise where the reason asks for nothing
// else.
func WhatToSay(r pay.Reason, otherwise string) string {
	words := map[pay.Reason]string{
		pay.ReasonPayerCannotAnswer: "the payer cannot answer: the device does not belong to their wallet, or is too new for its word to count. Ask for another way to pay, or send them to who runs the registry",
		pay.ReasonNodeReplaced:      "the payer's wallet is being moved to a new phone: charge again once the new one is set up",
		pay.ReasonNodeRevoked:       "the payer's wallet, or the box that asked, was revoked: ask for another way to pay, or charge at another box",
		pay.ReasonNoVehicle:         "the device belongs to no vehicle: its owner pairs it with --vehicle plate=…,fuel=…",
		pay.ReasonWrongProduct:      "the vehicle takes another fuel: choose another pump",
		pay.ReasonAbovePreset:       "its owner wants less, or its tank takes less: select it again for less",
		pay.ReasonUnknownMeans:      "the payer took away what their device pays by, or chose another: charge again, or ask for another way to pay",
	}
	if w, ok := words[r]; ok {
		return w
	}
	return otherwise
}

// WhyRefused returns in words why the registry did not follow a claim on a payment.
func WhyRefused(r pay.Reason) string {
	words := map[pay.Reason]string{
		pay.ReasonLateCapture:       "nothing of it is held any more, or the hold is over",
		pay.ReasonLateVoid:          "nothing of it is held any more",
		pay.ReasonNotHeld:           "the payer has not approved it yet",
		pay.ReasonNotCaptured:       "nothing of it was captured",
		pay.ReasonAboveHeld:         "that is more than is held: ask the payer for more with `paybeacon till increment`, or capture less",
		pay.ReasonOnlyTipHeld:       "all of the amount is captured, and only a tip is still held: say how much of it with --amount",
		pay.ReasonAboveCaptured:     "that is more than was captured and is not refunded",
		pay.ReasonInsufficientFunds: "the account does not cover it",
		pay.ReasonAccountFull:       "the account that it goes to can hold no more",
		pay.ReasonLatePrice:         "the charge has ended: charge again",
		pay.ReasonAlreadyPriced:     "it has its amount already",
		pay.ReasonLateIncrement:     "nothing is held any more, or a part was captured already",
		pay.ReasonIncrementOpen:     "the payer is being asked for more already",
		pay.ReasonAboveLimit:        "no payment may be that large",
		pay.ReasonNeedsDevice:       "so much needs the payer's device: charge the rest apart",
		pay.ReasonTooManyActions:    "too much was done on this payment",
		pay.ReasonWrongClass:        "this box is for no fuel: ask who runs the registry for an invite with --class fuel",
		pay.ReasonNoVehicle:         "the device belongs to no vehicle: its owner pairs it with --vehicle",
		pay.ReasonWrongProduct:      "the vehicle takes another fuel",
		pay.ReasonAbovePreset:       "that is more than its owner wants, the tank takes or was agreed",
		pay.ReasonWrongTotal:        "quantity and price make another total",
		pay.ReasonImplausible:       "no pump gives so much in that time",
		pay.ReasonUnknownDevice:     "the device does not belong to this wallet",
		pay.ReasonHoldsNoMore:       "the acquirer holds what it has authorised and no more: charge the rest anew",
		pay.ReasonInFlight:          "the acquirer has not answered what was asked of it before: look at the payment when it has, that may have been the same, and only then ask again",
	}
	if w, ok := words[r]; ok {
		return w
	}
	return "the registry says " + Printable(string(r))
}

// Beware returns what to think of before approving an offer that needs a person.
func Beware(merchant, site pay.Name) string {
	return fmt.Sprintf("approve only if you stand at %s, %s, now", Printable(string(merchant)), Printable(string(site)))
}

// FoundBy returns in words how a till found the payer. certain means that level and
// lead leave no doubt.
func FoundBy(e pay.Evidence, certain bool) string {
	words := map[pay.Evidence]string{
		pay.EvidenceWords: "by the words",
		pay.EvidenceTap:   "tapped",
		pay.EvidencePlate: "by the plate",
		pay.EvidenceClear: "by strength",
	}
	w, ok := words[e]
	switch {
	case !ok:
		return Printable(string(e))
	case certain:
		return w + ", beyond doubt"
	default:
		return w
	}
}

// WhyAsked returns in words why no rule of the wallet answers an offer, or "" where
// one may, or where the offer says so otherwise.
func WhyAsked(a pay.Asks) string {
	return map[pay.Asks]string{
		pay.AsksStrengthAlone:   "the box found you by strength alone: no rule answers",
		pay.AsksNoEvidence:      "box or registry too old to say how you were found: no rule answers",
		pay.AsksUnknownEvidence: "the box is newer and found you in an unknown way: no rule answers",
	}[a]
}

// WhyTwoChannels returns in words who asks for two channels, and why.
func WhyTwoChannels(d pay.StepUp) string {
	words := map[pay.StepUp]string{
		pay.StepUpElsewhere: "the same code was heard at two sites at once",
		pay.StepUpDrift:     "the device's clock ran off",
		pay.StepUpRepaired:  "first payment since the device was paired again",
		pay.StepUpSilence:   "the device was not heard of for long",
		pay.StepUpPayer:     "above the payer's own limit",
		pay.StepUpFuel:      "fuel is paid with the device's word on pump, product and price",
		pay.StepUpMerchant:  "the merchant asked for it",
	}
	if w, ok := words[d]; ok {
		return w
	}
	return Printable(string(d))
}
