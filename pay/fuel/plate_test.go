package fuel_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"

	"golang.org/x/text/unicode/norm"
	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/fuel"
)

// with returns the vehicles of plates, in that order.
func with(plates ...string) []fuel.Entry {
	here := make([]fuel.Entry, len(plates))
	for i, p := range plates {
		here[i] = fuel.Entry{Visitor: fuel.Visitor{byte(i), byte(i >> 8)}, Vehicle: pay.Vehicle{Plate: p, Product: "diesel"}}
	}
	return here
}

// plates returns how a search ended: "=" with the one taken, "?" with those listed, "~"
// with those that look alike, "-" for none.
func plates(f fuel.Found) string {
	names := func(es []fuel.Entry) string {
		var all []string
		for _, e := range es {
			all = append(all, e.Vehicle.Plate)
		}
		return strings.Join(all, "|")
	}
	switch {
	case f.Taken != nil && f.Listed == nil && f.Alike == nil:
		return "= " + f.Taken.Vehicle.Plate
	case f.Taken == nil && f.Listed != nil && f.Alike == nil:
		return "? " + names(f.Listed)
	case f.Taken == nil && f.Listed == nil && f.Alike != nil:
		return "~ " + names(f.Alike)
	case f.Taken == nil && f.Listed == nil:
		return "-"
	default:
		return fmt.Sprintf("%+v", f)
	}
}

func TestNarrow(t *testing.T) {
	t.Parallel()
	here := with("B-PB 1234", "M·AB 567", "12가 3456", "서울34나5678", "AB O12", "CD I34", "Wörth 9", "AB 12", "AB 123", "77 х 999")
	for _, c := range []struct{ part, want string }{
		{"B-PB 1234", "= B-PB 1234"},
		{"pb1234", "= B-PB 1234"},
		{"  p.b  12-34 ", "= B-PB 1234"},
		{"ｐｂ１２３４", "= B-PB 1234"},
		{"1234", "= B-PB 1234"},
		{"PB١٢٣٤", "= B-PB 1234"}, // Arabic digits of the same value
		{"1235", "-"},
		{"mab567", "= M·AB 567"},
		{"12가3456", "= 12가 3456"},
		{norm.NFD.String("12가3456"), "= 12가 3456"},
		{"12ㄱㅏ3456", "= 12가 3456"},
		{"가", "? 12가 3456"}, // one sign lists
		{"가3", "= 12가 3456"},
		{"각3", "-"},  // another syllable
		{"12ㄱ", "-"}, // no syllable yet
		{"서울34", "= 서울34나5678"},
		{"ㅅㅓㅇㅜㄹ34ㄴㅏ", "= 서울34나5678"},
		{norm.NFD.String("울34"), "= 서울34나5678"},
		{"AB 12", "? AB 12|AB 123"}, // the whole plate first, and not taken: it may be the other
		{"ab 123", "= AB 123"},
		{"AB O12", "= AB O12"},
		{"AB 012", "~ AB O12"}, // nought and O differ
		{"cd 134", "~ CD I34"},
		{"cdl34", "~ CD I34"},
		{"worth", "-"}, // o and ö differ
		{"WÖRTH", "= Wörth 9"},
		{norm.NFD.String("wörth"), "= Wörth 9"},
		{"77х", "= 77 х 999"},
		{"77x", "~ 77 х 999"}, // a Latin x for a Cyrillic one
		{"9", "? Wörth 9|77 х 999"},
		{"zz", "-"},
		{strings.Repeat("1", pay.PlateBytesMax+1), "-"},
		{"\xff\xfe", "? B-PB 1234|M·AB 567|12가 3456|서울34나5678|AB O12|CD I34|Wörth 9|AB 12|AB 123|77 х 999"}, // nothing that counts
		{"", "? B-PB 1234|M·AB 567|12가 3456|서울34나5678|AB O12|CD I34|Wörth 9|AB 12|AB 123|77 х 999"},
	} {
		if got := plates(fuel.Narrow(here, c.part)); got != c.want {
			t.Errorf("%q: %s, want %s", c.part, got, c.want)
		}
	}
	// A mark that joins no letter into one stays with its letter.
	for part, want := range map[string]string{"ax": "-", "ax\u030c": "= AX\u030c 7", "x\u030c7": "= AX\u030c 7"} {
		if got := plates(fuel.Narrow(with("AX\u030c 7"), part)); got != want {
			t.Errorf("%q: %s, want %s", part, got, want)
		}
	}
	if got := plates(fuel.Narrow(nil, "")); got != "-" {
		t.Errorf("nobody here: %s", got)
	}
	if got := plates(fuel.Narrow(with("Q"), "q")); got != "= Q" {
		t.Errorf("a whole plate of one sign: %s", got)
	}
	if got := plates(fuel.Narrow(with("--"), "")); got != "? --" {
		t.Errorf("nothing typed takes a plate of nothing: %s", got)
	}
}

// The errors say which of the cases it is, in a code that a script can branch on.
func TestNarrowErrors(t *testing.T) {
	t.Parallel()
	here := with("AB 12", "AB 123", "CD O1")
	for part, want := range map[string]struct {
		code pay.ErrorCode
		c    pay.Case
	}{
		"AB 123": {"", ""}, "AB": {pay.CodeAmbiguous, "plate_several"}, "C": {pay.CodeAmbiguous, "plate_short"}, "": {pay.CodeAmbiguous, "plate_short"},
		"XX": {pay.CodeNotFound, "plate_none"}, "CD 01": {pay.CodeNotFound, "plate_alike"},
	} {
		err := fuel.Narrow(here, part).Err(part)
		var c pay.Case
		if e, ok := err.(*pay.Error); ok {
			c = e.Case
		}
		if pay.CodeOf(err) != want.code || c != want.c {
			t.Errorf("%q: %v (%s, %s), want %s, %s", part, err, pay.CodeOf(err), c, want.code, want.c)
		}
	}
}

// letters are what plates are drawn from; each is one character as it is compared.
var letters = []rune("ABCDEFGHIKLMNOPQRSTUVWXYZÄÖÜ0123456789가나다라마거너더러머하허호서울АВЕКМНОРСТУХ")

// typed writes a plate in one of the ways in which it may be typed.
func typed(t *rapid.T, plate []rune) string {
	var b strings.Builder
	for _, r := range plate {
		switch rapid.IntRange(0, 5).Draw(t, "way") {
		case 0:
			r = unicode.ToLower(r)
		case 1:
			if r < 0x7f && r > ' ' {
				r += 0xFEE0 // its wide form
			}
		case 2:
			b.WriteRune(rapid.SampledFrom([]rune(" -.·_\u00a0\u200b/")).Draw(t, "between"))
		case 3:
			if keys, ok := keyboard[r]; ok {
				b.WriteString(keys)
				continue
			}
		}
		b.WriteRune(r)
	}
	form := rapid.SampledFrom([]norm.Form{norm.NFC, norm.NFD, norm.NFKC, norm.NFKD}).Draw(t, "form")
	if s := b.String(); !strings.ContainsFunc(s, func(r rune) bool { return r >= 'ㄱ' && r <= 'ㅣ' }) {
		return form.String(s)
	}
	return b.String()
}

// keyboard are syllables as the keys that write them.
var keyboard = map[rune]string{'가': "ㄱㅏ", '나': "ㄴㅏ", '서': "ㅅㅓ", '울': "ㅇㅜㄹ", '호': "ㅎㅗ"}

// TestEveryPartOfAPlateFindsIt draws plates and types a part of one of them in any way:
// it is always among those found, those found always hold the part, and one alone is
// taken.
func TestEveryPartOfAPlateFindsIt(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(rapid.SliceOfN(rapid.SampledFrom(letters), pay.PlatePartMin, 9), 1, 6).Draw(t, "plates")
		here := make([]fuel.Entry, len(all))
		for i, p := range all {
			here[i] = with(typed(t, p))[0]
		}
		meant := rapid.IntRange(0, len(all)-1).Draw(t, "meant")
		from := rapid.IntRange(0, len(all[meant])-pay.PlatePartMin).Draw(t, "from")
		to := rapid.IntRange(from+pay.PlatePartMin, len(all[meant])).Draw(t, "to")
		part := all[meant][from:to]
		holds := 0
		for _, p := range all {
			if strings.Contains(string(p), string(part)) {
				holds++
			}
		}
		f := fuel.Narrow(here, typed(t, part))
		switch {
		case holds == 1 && (f.Taken == nil || f.Taken.Vehicle != here[meant].Vehicle):
			t.Fatalf("%q is in %q alone, found %s", string(part), string(all[meant]), plates(f))
		case holds > 1 && (len(f.Listed) != holds || !slices.Contains(f.Listed, here[meant])):
			t.Fatalf("%q is in %d plates, found %s", string(part), holds, plates(f))
		}
	})
}

// TestNothingElseIsFound types what may be anything: nothing is taken whose plate does not
// hold it, letter for letter.
func TestNothingElseIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		plate := rapid.SliceOfN(rapid.SampledFrom(letters), 1, 9).Draw(t, "plate")
		part := rapid.SliceOfN(rapid.SampledFrom(letters), 1, 4).Draw(t, "part")
		f := fuel.Narrow(with(typed(t, plate)), typed(t, part))
		if f.Taken != nil && !strings.Contains(string(plate), string(part)) {
			t.Fatalf("%q took %q", string(part), string(plate))
		}
		// Anything at all ends in one of the four ways.
		any := rapid.String().Draw(t, "anything")
		if got := plates(fuel.Narrow(with(any), any)); !strings.HasPrefix(got, "= ") && !strings.HasPrefix(got, "? ") && len(any) <= pay.PlateBytesMax {
			t.Fatalf("%q does not find itself: %s", any, got)
		}
	})
}
