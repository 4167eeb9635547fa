package pay

import (
	"errors"
	"fmt"
	"log/slog"
)

// Acquirer is the name of what moves a payer's money: AcquirerNone for the
// closed-loop account, else a provider that the registry calls.
type Acquirer string

// The acquirers.
const (
	AcquirerNone   Acquirer = ""
	AcquirerSim    Acquirer = "sim"    // simulated: play money
	AcquirerStripe Acquirer = "stripe" // Stripe, by PaymentIntents
)

// check returns nil for the closed-loop account and a name within its bounds. One
// that this program does not know is kept: a newer registry may call it.
func (a Acquirer) check() error { return checkText("acquirer", string(a), acquirerBytesMax) }

// Check returns nil for AcquirerSim and AcquirerStripe, the acquirers that this
// program can call.
func (a Acquirer) Check() error {
	if a != AcquirerSim && a != AcquirerStripe {
		return fmt.Errorf("acquirer %q is neither %s nor %s", string(a), AcquirerSim, AcquirerStripe)
	}
	return nil
}

// Token is what an acquirer gave a payer to pay by, such as the id of a payment
// method: never the number of a card. It prints as a placeholder, so that no log
// and no error shows it.
type Token string

const tokenShown = "[token]"

// String returns a placeholder.
func (Token) String() string { return tokenShown }

// GoString returns a placeholder.
func (Token) GoString() string { return tokenShown }

// LogValue returns a placeholder.
func (Token) LogValue() slog.Value { return slog.StringValue(tokenShown) }

// ErrCardNumber means that a text which is to be kept looks like the number of a
// card.
var ErrCardNumber = errors.New("it looks like the number of a card")

// Check returns nil when t may be kept: 1..TokenBytesMax printable ASCII
// characters, no blank at either end, and nothing that looks like the number of a
// card, for which the error wraps ErrCardNumber. No error holds the token.
func (t Token) Check() error {
	if t == "" || len(t) > TokenBytesMax {
		return fmt.Errorf("the token has %d characters, it must have 1 to %d", len(t), TokenBytesMax)
	}
	for i := 0; i < len(t); i++ {
		if blank := t[i] == ' ' && (i == 0 || i == len(t)-1); t[i] < ' ' || t[i] > '~' || blank {
			return fmt.Errorf("character %d of the token is not printable ASCII", i+1)
		}
	}
	return CheckNoCard(string(t))
}

// CheckNoCard returns an error that wraps ErrCardNumber when s holds what looks like
// the number of a card: 12 to 19 digits, however grouped by blanks and hyphens, whose
// last one is their check digit (ISO/IEC 7812-1, the Luhn algorithm). The error does not
// hold s.
func CheckNoCard(s string) error {
	var digits []byte
	for i := 0; i <= len(s); i++ {
		switch {
		case i < len(s) && s[i] >= '0' && s[i] <= '9':
			digits = append(digits, s[i]-'0')
		case i < len(s) && (s[i] == ' ' || s[i] == '-'):
		case looksLikeCard(digits):
			return fmt.Errorf("%w: never give that to anybody but your bank's or provider's own page", ErrCardNumber)
		default:
			digits = digits[:0]
		}
	}
	return nil
}

// The digits of a card's number (ISO/IEC 7812-1 and the networks' own rules).
const (
	cardDigitsMin = 12
	cardDigitsMax = 19
)

func looksLikeCard(digits []byte) bool {
	if len(digits) < cardDigitsMin || len(digits) > cardDigitsMax {
		return false
	}
	sum := 0
	for i := range digits {
		d := int(digits[len(digits)-1-i])
		if i%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}
