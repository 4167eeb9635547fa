package text_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// TestLookAlike: names that a person may take for one another, and names that
// nobody would.
func TestLookAlike(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"Corner Cafe", "Corner Cafe", false},
		{"Corner Cafe", "corner cafe", true},
		{"Corner Cafe", "CornerCafe", true},
		{"Corner Cafe", "Corner Café", true},
		{"Corner Café", "Corner Cafe\u0301", true},
		{"Corner Cafe", "Сorner Сafe", true}, // Cyrillic Es
		{"Corner Cafe", "Ϲorner Cafe", true}, // Greek lunate sigma
		{"Corner Cafe", "Ｃｏｒｎｅｒ Ｃａｆｅ", true},
		{"Corner Cafe", "C0rner Cafe", true},
		{"Corner Cafe", "Comer Cafe", true},
		{"Lidl", "LidI", true},
		{"Lidl", "Lid1", true},
		{"Bar.", "Bar", true},
		{"Corner Cafe", "Corner Bar", false},
		{"Till 3", "Till 4", false},
		{"ada", "ben", false},
		{"北京", "北亰", false},
		{"Пекарня", "Аптека", false},
	} {
		if got := text.LookAlike(c.a, c.b); got != c.want {
			t.Errorf("%q and %q: %v, want %v", c.a, c.b, got, c.want)
		}
	}
}
