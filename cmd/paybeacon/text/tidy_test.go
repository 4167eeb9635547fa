package text_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

func TestTidy(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ given, want, refused string }{
		{given: "table 7", want: "table 7"},
		{given: "Café Zürich №5 커피 قهوة กาแฟ ☕", want: "Café Zürich №5 커피 قهوة กาแฟ ☕"},
		{given: "12\u00a0345\u202f€\u3000x", want: "12 345 € x"},
		{given: "👨\u200d👩\u200d👧 ❤\ufe0f", want: "👨👩👧 ❤\ufe0f"},
		{given: "می\u200cخواهم", want: "میخواهم"},
		{given: "a\u0301\u0302\u0303\u0304b", want: "a\u0301\u0302\u0303\u0304b"},
		{given: "a\u0301\u0302\u0303\u0304\u0305", refused: "more than 4 marks"},
		{given: "a\u0301\u0302\u200d\u0303\u0304\u0305", refused: "more than 4 marks"},
		{given: "x\u202etxt", refused: "U+202E"},
		{given: "\u2066x", refused: "direction"},
		{given: "\u200fx", refused: "direction"},
		{given: "two\nlines", refused: "line break"},
		{given: "two\u2028lines", refused: "line break"},
		{given: "\x1b[31m", refused: "control"},
		{given: "\u00a0 ", refused: "blanks"},
		{given: "\u200d", refused: "blanks"},
		{given: "", want: ""},
	} {
		got, err := text.Tidy("read ref", tc.given)
		if tc.refused != "" {
			if err == nil || pay.CodeOf(err) != pay.CodeUsage || !strings.Contains(err.Error(), tc.refused) {
				t.Errorf("%q: %q, %v; want a usage error with %q", tc.given, got, err, tc.refused)
			}
			continue
		}
		if err != nil || got != tc.want {
			t.Errorf("%q: %q, %v; want %q", tc.given, got, err, tc.want)
		}
		if err := pay.CheckRef(got); err != nil {
			t.Errorf("%q becomes what may not be signed: %v", tc.given, err)
		}
	}
}
