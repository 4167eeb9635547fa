package pay

import (
	"fmt"
	"unicode"
	"unicode/utf8"
)

// Name is what a person calls a merchant, a site, a wallet, a vehicle or a
// payment means: at most NameBytesMax bytes of printable UTF-8.
type Name string

// Check returns nil when n is not empty, short enough and printable.
func (n Name) Check() error {
	if n == "" {
		return fmt.Errorf("name is empty")
	}
	return checkText("name", string(n), NameBytesMax)
}

// checkText returns nil when s, which errors call what, is printable UTF-8 of at
// most so many bytes.
func checkText(what, s string, most int) error {
	if len(s) > most {
		return fmt.Errorf("%s has %d bytes, the limit is %d", what, len(s), most)
	}
	if !utf8.ValidString(s) {
		return fmt.Errorf("%s is not UTF-8", what)
	}
	for _, r := range s {
		if !unicode.IsPrint(r) {
			return fmt.Errorf("%s holds a character that cannot be printed (%U)", what, r)
		}
	}
	return nil
}

// CheckRef returns nil when ref may stand on a receipt: at most RefBytesMax bytes
// of printable UTF-8.
func CheckRef(ref string) error { return checkText("ref", ref, RefBytesMax) }
