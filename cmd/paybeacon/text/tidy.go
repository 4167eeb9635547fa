package text

import (
	"fmt"
	"strings"
	"unicode"

	"github.com/paybeacon/paybeacon/pay"
)

// marksMax is how many marks one letter may bear. Chosen: Vietnamese has two, vocalised
// Hebrew and Tibetan up to four; more cover the lines above and below.
const marksMax = 4

// bidi are the characters that change the direction of what follows.
var bidi = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x061C, Hi: 0x061C, Stride: 1}, {Lo: 0x200E, Hi: 0x200F, Stride: 1}, {Lo: 0x202A, Hi: 0x202E, Stride: 1}, {Lo: 0x2066, Hi: 0x2069, Stride: 1},
}}

// Tidy returns a text for people, such as a reference or a name, as it is signed. What
// people write in any language is taken: any space becomes the plain one, and what
// only joins or parts its neighbours (U+200D in emoji, U+200C in Persian) is left out,
// because a node of an earlier version takes a fact that holds it for malformed. What
// can deceive or break a line is refused. Errors call the text what; they are
// *pay.Error with CodeUsage.
func Tidy(what, s string) (string, error) {
	refuse := func(why, hint string, r rune) error {
		return pay.NewError(pay.CodeUsage, fmt.Sprintf("%s holds %s (%U)", what, why, r), hint)
	}
	var b strings.Builder
	marks := 0
	for _, r := range s {
		switch {
		case unicode.Is(bidi, r):
			return "", refuse("a character that turns the direction of the text", "leave it out: letters bring their direction along", r)
		case unicode.IsControl(r) || unicode.In(r, unicode.Zl, unicode.Zp):
			return "", refuse("a control character or a line break", "write it in one line, with spaces", r)
		case unicode.Is(unicode.Zs, r):
			r = ' '
		case unicode.Is(unicode.Cf, r):
			continue
		}
		if !unicode.In(r, unicode.Mn, unicode.Me) {
			marks = 0
		} else if marks++; marks > marksMax {
			return "", refuse(fmt.Sprintf("more than %d marks on one letter", marksMax), fmt.Sprintf("leave at most %d on each", marksMax), r)
		}
		b.WriteRune(r)
	}
	if s != "" && IsBlank(b.String()) {
		return "", pay.NewError(pay.CodeUsage, what+" holds nothing but blanks", "write something that can be seen, or leave it out")
	}
	return b.String(), nil
}
