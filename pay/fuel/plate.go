package fuel

import (
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// folded is a plate as it is compared: letters, their marks and digits, each in one form.
type folded string

// fold returns a plate, or a part of one, as it is compared. Letters in either case are
// the same, and so are wide and narrow forms, digits of any script of the same value, and
// Hangul that is written as syllables, as their parts or as the letters of a keyboard.
// Spaces, hyphens, dots and whatever else is neither letter nor digit do not count.
// Letters that only look alike stay different, such as O and 0.
//
// The forms are those of Unicode's NFKC (UAX #15), letters in either case those of its
// simple case folding.
func fold(s string) folded {
	var b strings.Builder
	for _, r := range norm.NFKC.String(spell(s)) {
		switch {
		case unicode.Is(unicode.Nd, r):
			b.WriteRune(digitOf(r))
		case unicode.In(r, unicode.L, unicode.M, unicode.N):
			b.WriteRune(caseless(r))
		}
	}
	// What stood between a letter and its mark is gone, and so the two may join.
	return folded(norm.NFC.String(b.String()))
}

// caseless returns the first capital letter of those that differ from r in case alone, or
// r where there is none.
func caseless(r rune) rune {
	capital := rune(unicode.MaxRune)
	for at, more := r, true; more; more = at != r {
		if unicode.IsUpper(at) {
			capital = min(capital, at)
		}
		at = unicode.SimpleFold(at)
	}
	if capital == unicode.MaxRune {
		return r
	}
	return capital
}

// digitOf returns the ASCII digit of the value of a decimal digit of any script. Those of
// one script are ten code points in order, and each range of the table is whole such tens.
func digitOf(r rune) rune {
	for _, t := range unicode.Nd.R16 {
		if lo := rune(t.Lo); lo <= r && r <= rune(t.Hi) {
			return '0' + (r-lo)%10
		}
	}
	for _, t := range unicode.Nd.R32 {
		if lo := rune(t.Lo); lo <= r && r <= rune(t.Hi) {
			return '0' + (r-lo)%10
		}
	}
	return r
}

// signs returns how many characters of a plate there are.
func (f folded) signs() int {
	n := 0
	for _, r := range string(f) {
		if !unicode.Is(unicode.M, r) {
			n++
		}
	}
	return n
}

// holds reports whether part stands in f, neither cutting a letter from its mark.
func (f folded) holds(part folded) bool {
	for at := 0; ; {
		i := strings.Index(string(f[at:]), string(part))
		if i < 0 {
			return false
		}
		rest := f[at+i+len(part):]
		if rest == "" || !unicode.Is(unicode.M, firstRune(rest)) {
			return true
		}
		at += i + 1
	}
}

func firstRune(f folded) rune {
	for _, r := range string(f) {
		return r
	}
	return 0
}

// alike are the characters of plates that people take for one another. Chosen: those that
// registration offices leave out or write differently for that reason.
var alike = strings.NewReplacer("O", "0", "Q", "0", "D", "0", "I", "1", "L", "1", "Z", "2", "S", "5", "G", "6", "B", "8",
	"О", "0", "А", "A", "В", "8", "Е", "E", "К", "K", "М", "M", "Н", "H", "Р", "P", "С", "C", "Т", "T", "У", "Y", "Х", "X",
	"Α", "A", "Β", "8", "Ε", "E", "Ζ", "2", "Η", "H", "Ι", "1", "Κ", "K", "Μ", "M", "Ν", "N", "Ο", "0", "Ρ", "P", "Τ", "T", "Υ", "Y", "Χ", "X")

// blurred returns a plate with characters that look alike made the same.
func (f folded) blurred() folded { return folded(alike.Replace(string(f))) }
