package fuel

import "strings"

// The letters of a Korean keyboard (Hangul Compatibility Jamo, U+3131 to U+3163) say not
// whether a consonant begins or ends a syllable, and Unicode's own forms take each for a
// beginning. A keyboard's rule is simple: a consonant ends the syllable before it unless
// a vowel follows.

// initials and finals are the letters of the keyboard at the place of the conjoining
// letter that they stand for; a blank where the keyboard has none.
const (
	initials = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"         // U+1100 and on
	finals   = "ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ" // U+11A8 and on

	initialFirst, vowelFirst, finalFirst = 'ᄀ', 'ᅡ', 'ᆨ'
	keyVowelFirst, keyVowelLast          = 'ㅏ', 'ㅣ'
)

// spell returns s with the letters of a Korean keyboard as conjoining letters, so that
// Unicode's forms join them into the syllables that are meant.
func spell(s string) string {
	if !strings.ContainsFunc(s, onKeyboard) {
		return s
	}
	in := []rune(s)
	var b strings.Builder
	vowelBefore := false // the syllable that is being spelt has its vowel and no end yet
	for i, r := range in {
		vowelFollows := i+1 < len(in) && isKeyVowel(in[i+1])
		switch final := place(finals, r); {
		case isKeyVowel(r):
			b.WriteRune(vowelFirst + r - keyVowelFirst)
			vowelBefore = true
		case vowelBefore && !vowelFollows && final >= 0:
			b.WriteRune(finalFirst + rune(final))
			vowelBefore = false
		default:
			if initial := place(initials, r); initial >= 0 {
				r = initialFirst + rune(initial)
			}
			b.WriteRune(r)
			vowelBefore = false
		}
	}
	return b.String()
}

func onKeyboard(r rune) bool { return r >= 'ㄱ' && r <= keyVowelLast }

func isKeyVowel(r rune) bool { return r >= keyVowelFirst && r <= keyVowelLast }

// place returns at which place a letter stands, or -1.
func place(letters string, r rune) int {
	n := 0
	for _, l := range letters {
		if l == r {
			return n
		}
		n++
	}
	return -1
}
