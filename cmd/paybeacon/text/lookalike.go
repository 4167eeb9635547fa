package text

import (
	"strings"
	"unicode"
)

// LookAlike reports whether two different names look so much alike that a person may
// take one for the other.
func LookAlike(a, b string) bool { return a != b && skeleton(a) == skeleton(b) }

// alike are letters that look like the one before the colon, after the manner of the
// skeletons of UTS #39: those of Latin, Greek and Cyrillic, with and without marks,
// and digits. Chosen: the scripts that share letters; each other one looks like none.
var alike = strings.Fields(`
a:àáâãäåāăąǎαаӑӓɑά b:ьвβƅ c:çćĉċčсϲ d:ďđԁ e:èéêëēĕėęěеёєεέѐ f:ƒ g:ĝğġģɡ h:ĥħнһη
l:iI1|ìíîïĩīĭįıіїιίϊľĺļłӏⅰⅼ! j:ĵјϳ k:ķкκĸ m:мμ n:ñńņňŉпη o:0òóôõöøōŏőоοσόӧ p:рρþ q:ԛ
r:ŕŗřгѓ s:śŝşšѕș5 t:ţťŧтτț u:ùúûüũūŭůűųυύцս v:νѵ w:ŵωшԝώ x:хχ× y:ýÿŷуўγӯ z:źżžζ2 `)

// skeleton returns what is left of a name when all that looks alike is made the same:
// case, marks, wide forms, spaces and punctuation do not count.
func skeleton(s string) string {
	var b strings.Builder
	for _, r := range s {
		if r >= 0xFF01 && r <= 0xFF5E { // the wide forms of ASCII
			r -= 0xFEE0
		}
		if r = base(r); r != 0 {
			b.WriteRune(r)
		}
	}
	return strings.NewReplacer("rn", "m", "vv", "w", "cl", "d").Replace(b.String())
}

// base returns the letter that r looks like, or 0 for what does not count.
func base(r rune) rune {
	lower := unicode.ToLower(r)
	for _, row := range alike {
		to, like, _ := strings.Cut(row, ":")
		if strings.ContainsRune(like, r) || strings.ContainsRune(like, lower) {
			return []rune(to)[0]
		}
	}
	if !unicode.IsLetter(lower) && !unicode.IsDigit(lower) {
		return 0
	}
	return lower
}
