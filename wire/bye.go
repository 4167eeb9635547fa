package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/paybeacon/paybeacon/pay"
)

// Bye ends a session and carries the reason, as a code for programs and as text
// for people.
type Bye struct {
	Code    pay.ErrorCode `cbor:"1,keyasint"`
	Message string        `cbor:"2,keyasint"`
	Hint    string        `cbor:"3,keyasint"`
}

// Type returns TypeBye.
func (Bye) Type() Type { return TypeBye }

// Check returns an error when the code is empty, a field is too long, or a text
// holds what cannot be printed on a terminal as it is.
func (b Bye) Check() error {
	if b.Code == "" {
		return fmt.Errorf("bye without a code")
	}
	return errors.Join(checkText("code", string(b.Code), codeBytesMax),
		checkText("message", b.Message, pay.TextBytesMax), checkText("hint", b.Hint, pay.TextBytesMax))
}

// codeBytesMax bounds an error code. Chosen: twice the longest one.
const codeBytesMax = 32

// ByeFor returns the Bye that reports err to the peer: code, message and hint of
// the outermost pay.Error. The causes are left out, because they may name files
// of this machine. Any other error becomes pay.CodeFailed without details.
func ByeFor(err error) Bye {
	var e *pay.Error
	if !errors.As(err, &e) {
		return Bye{Code: pay.CodeFailed, Message: "the other side failed", Hint: "its log says why"}
	}
	return Bye{
		Code:    pay.ErrorCode(clip(string(e.Code), codeBytesMax)),
		Message: clip(e.Message, pay.TextBytesMax),
		Hint:    clip(e.Hint, pay.TextBytesMax),
	}
}

// Err returns the error that the Bye reports.
func (b Bye) Err() *pay.Error { return pay.NewError(b.Code, b.Message, b.Hint) }

// clip returns s in at most limit bytes, with a space for each character that
// cannot be printed.
func clip(s string, limit int) string {
	var out strings.Builder
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			r = ' '
		}
		if out.Len()+utf8.RuneLen(r) > limit {
			break
		}
		out.WriteRune(r)
	}
	return out.String()
}

func checkText(what, s string, limit int) error {
	if len(s) > limit {
		return fmt.Errorf("%s has %d bytes, the limit is %d", what, len(s), limit)
	}
	for _, r := range s {
		if r == utf8.RuneError || !unicode.IsPrint(r) {
			return fmt.Errorf("%s holds a character that cannot be printed", what)
		}
	}
	return nil
}
