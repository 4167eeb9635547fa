package wire

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/paybeacon/paybeacon/pay"
)

// Bye ends a session and says why, for a person as well.
type Bye struct {
	Code    pay.ErrorCode `cbor:"1,keyasint"`
	Message string        `cbor:"2,keyasint"`
	Hint    string        `cbor:"3,keyasint"`
}

// Type returns TypeBye.
func (Bye) Type() Type { return TypeBye }

// Check bounds every field; the texts may be printed on a terminal as they are.
func (b Bye) Check() error {
	if b.Code == "" {
		return fmt.Errorf("bye without a code")
	}
	return errors.Join(checkText("code", string(b.Code), codeBytesMax),
		checkText("message", b.Message, pay.TextBytesMax), checkText("hint", b.Hint, pay.TextBytesMax))
}

const codeBytesMax = 32

// ByeFor returns the Bye that tells the peer about err: code, message and hint
// of the outermost pay.Error, without its causes, which are this node's own
// affair. Any other error is told as pay.CodeFailed and no more.
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

// Err returns the Bye as the error that it speaks of.
func (b Bye) Err() *pay.Error { return pay.NewError(b.Code, b.Message, b.Hint) }

// clip returns what of s is printable, in at most limit bytes.
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
