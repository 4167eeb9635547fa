package till_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/till"
)

func asError(err error) *pay.Error {
	var e *pay.Error
	if errors.As(err, &e) {
		return e
	}
	return nil
}

// In the air column a star marks who is clear, brackets who is not near, and words
// after a "<" under which others somebody is known: "icy-fox<shy-elk". A dash marks
// who has left.
const pickTable = `
who is meant              | air                          | to          | result
--------------------------|------------------------------|-------------|------------------------------------
nobody at all             |                              |             | E_NOBODY_NEAR
only somebody far         | (icy-fox)                    |             | E_NOBODY_NEAR
one, clear                | *amber-otter                 |             | amber-otter
the clear one of two      | *amber-otter icy-fox         |             | amber-otter
clear, though not first   | icy-fox *amber-otter         |             | amber-otter
too close to call         | amber-otter icy-fox          |             | E_AMBIGUOUS amber-otter icy-fox
one, fallen silent        | amber-otter                  |             | E_AMBIGUOUS amber-otter
a far one is no candidate | amber-otter icy-fox (shy-elk)|             | E_AMBIGUOUS amber-otter icy-fox
clear, but not listed     | *red-owl! amber-otter        |             | E_AMBIGUOUS amber-otter
deaf                      | deaf                         |             | E_NOBODY_NEAR
by handle                 | amber-otter icy-fox          | icy-fox     | icy-fox
by handle, another clear  | *amber-otter icy-fox         | icy-fox     | icy-fox
by handle, far            | (icy-fox)                    | icy-fox     | icy-fox
by handle, gone           | *amber-otter                 | gone-hare   | E_LEFT
by handle, nobody left    |                              | gone-hare   | E_LEFT
by handle, never shown    | *amber-otter                 | icy-fox     | E_NOT_FOUND
by handle, deaf and gone  | deaf                         | gone-hare   | E_LEFT
by a beginning            | amber-otter icy-fox          | icy         | icy-fox
by two letters, far       | *amber-otter (icy-fox)       | ic          | icy-fox
by half the second word   | amber-otter amber-hare       | amber-o     | amber-otter
two begin so              | amber-otter amber-hare       | amber       | E_AMBIGUOUS amber-otter amber-hare
a handle before beginnings| amber-otter amber-otterhound | amber-otter | amber-otter
none begins so            | amber-otter                  | icy         | E_NOT_FOUND
one letter                | amber-otter                  | a           | E_USAGE
the end is no beginning   | amber-otter                  | otter       | E_NOT_FOUND
two words that two share  | amber-otter-elk amber-otter-wren | amber-otter | E_AMBIGUOUS amber-otter-elk amber-otter-wren
all three words           | amber-otter-elk amber-otter-wren | amber-otter-wren | amber-otter-wren
half the third word       | amber-otter-elk amber-otter-wren | amber-otter-w | amber-otter-wren
three words for two       | %s icy-fox | %s | %s
another's three words     | %s icy-fox | %s-elk | E_NOT_FOUND
the words before          | icy-fox<shy-elk amber-otter  | shy-elk     | shy-elk
the beginning of those    | icy-fox<shy-elk amber-otter  | shy         | shy-elk
the same one twice        | icy-fox<icy-hare             | icy         | icy-fox
words before and now      | icy-fox<shy-elk shy-elk-wren | shy-elk     | E_AMBIGUOUS shy-elk-wren shy-elk
a beginning of one who left | amber-otter -amber-hare    | amber       | E_AMBIGUOUS amber-otter
and more of the word      | amber-otter -amber-hare      | amber-o     | amber-otter
only who left began so    | icy-fox -amber-hare          | amber       | E_LEFT
two words that who left shared | amber-otter-elk -amber-otter | amber-otter | E_AMBIGUOUS amber-otter-elk
of who left all three     | amber-otter-elk -amber-otter-wren | amber-otter | E_AMBIGUOUS amber-otter-elk
all three tell them apart | amber-otter-elk -amber-otter | amber-otter-elk | amber-otter-elk
too new, like who left    | icy-fox<shy-elk -shy-elk     | shy-elk     | E_AMBIGUOUS shy-elk
four words                | amber-otter                  | a-b-c-d     | E_USAGE
gone, and one begins so   | gone-harerabbit              | gone-hare   | E_LEFT
no handle at all          | *amber-otter                 | Amber_Otter | E_USAGE
`

func TestPick(t *testing.T) {
	t.Parallel()
	two, three := pay.HandleFor(pay.Code{1}, 0), pay.HandleFor(pay.Code{1}, 1)
	for _, line := range strings.Split(strings.TrimSpace(pickTable), "\n")[2:] {
		line = strings.Replace(line, "%s", string(two), 1)
		line = strings.Replace(strings.Replace(line, "%s-elk", string(two)+"-elk", 1), "%s", string(three), 1)
		line = strings.Replace(line, "%s", string(two), 1)
		cell := strings.Split(line, "|")
		for i := range cell {
			cell[i] = strings.TrimSpace(cell[i])
		}
		t.Run(cell[0], func(t *testing.T) {
			t.Parallel()
			c, err := till.Pick(parseAir(cell[1]), pay.Handle(cell[2]), func(h pay.Handle) bool { return h == "gone-hare" })
			if got := picked(t, c, err); got != cell[3] {
				t.Errorf("picked %s, want %s", got, cell[3])
			}
		})
	}
}

func parseAir(s string) (n pay.Nearby) {
	for _, word := range strings.Fields(s) {
		if word == "deaf" {
			n.Deaf = true
			continue
		}
		if left, ok := strings.CutPrefix(word, "-"); ok {
			n.Gone = append(n.Gone, pay.Called{Handle: pay.Handle(left), Candidate: pay.Candidate{Handle: pay.Handle(left), Code: pay.Code{0xff, byte(len(n.Gone))}}})
			continue
		}
		word, before, _ := strings.Cut(word, "<")
		h := pay.Handle(strings.Trim(word, "*()!"))
		if strings.HasPrefix(word, "*") {
			n.Clear = h
		}
		if !strings.HasSuffix(word, "!") {
			n.Candidates = append(n.Candidates, pay.Candidate{Handle: h, Code: pay.Code{byte(len(n.Candidates) + 1)}, Near: !strings.HasPrefix(word, "(")})
		}
		if before != "" {
			n.Others = append(n.Others, pay.Called{Handle: pay.Handle(before), Candidate: n.Candidates[len(n.Candidates)-1]})
		}
	}
	return n
}

func picked(t *testing.T, c till.Choice, err error) string {
	if err == nil {
		return string(c.Handle)
	}
	if e := asError(err); e == nil || e.Case == "" || c.Handle != "" {
		t.Errorf("error %v has no hint, or names %q all the same", err, c.Handle)
	}
	got := string(pay.CodeOf(err))
	var ambiguous *till.AmbiguousError
	if errors.As(err, &ambiguous) {
		for _, c := range ambiguous.Candidates {
			got += " " + string(c.Handle)
		}
	}
	return got
}
