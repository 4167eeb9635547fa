package cli

import (
	"bytes"
	"strings"
	"testing"
)

// TestLongLinesAreFolded: what a terminal would break in mid-word goes on under the
// column that it belongs to, and what is copied stays whole.
func TestLongLinesAreFolded(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in, want string
		columns  int
	}{
		"short":       {"a b c\n", "a b c\n", 20},
		"no terminal": {strings.Repeat("word ", 40), strings.Repeat("word ", 40), 0},
		"plain":       {"one two three four\n", "one two\n  three\n  four\n", 9},
		"indented":    {"  one two three\n", "  one\n  two\n  three\n", 8},
		"column":      {"ok    node  space  10 MiB are free, below 2 it stops\n", "ok    node  space  10 MiB are free,\n                   below 2 it stops\n", 38},
		"arrow":       {"      -> install the package bluez\n", "      -> install the\n         package\n         bluez\n", 20},
		"backticks":   {"look with `paybeacon till list` at it\n", "look with\n  `paybeacon till list`\n  at it\n", 20},
		"command":     {"  paybeacon receipt verify --root abc FILE\n", "  paybeacon receipt verify --root abc FILE\n", 20},
		"help name":   {"   paybeacon demo - watch it all\n", "   paybeacon demo -\n   watch it all\n", 20},
		"one word":    {"abcdefghijkl\n", "abcdefghijkl\n", 5},
		"accents":     {"äöü äöü äöü\n", "äöü äöü\n  äöü\n", 7},
		"colour":      {"\x1b[31mbad\x1b[m it\n", "\x1b[31mbad\x1b[m it\n", 6},
		"two lines":   {"aa bb cc\ndd ee ff", "aa bb\n  cc\ndd ee\n  ff", 6},
	} {
		if got := Fold(tc.in, tc.columns); got != tc.want {
			t.Errorf("%s: Fold is\n%q, want\n%q", name, got, tc.want)
		}
	}
}

// TestHelpFitsATerminal: help texts come in pieces of any size, and no line is wider
// than 80 columns where nothing says how wide a reader's window is.
func TestHelpFitsATerminal(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	h := newHelpWriter(&b)
	in := "OPTIONS:\n   --to WORDS   " + strings.Repeat("charge this one ", 12) + "\n   --json\n"
	for _, piece := range strings.SplitAfter(in, " ") {
		if n, err := h.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatalf("Write is %d, %v, want %d", n, err, len(piece))
		}
	}
	for line := range strings.Lines(b.String()) {
		if w := width(strings.TrimSuffix(line, "\n")); w > columnsDefault {
			t.Errorf("%d columns: %q", w, line)
		}
	}
	if got, want := strings.Fields(b.String()), strings.Fields(in); strings.Join(got, " ") != strings.Join(want, " ") {
		t.Errorf("the words are %q, want %q", got, want)
	}
}

// TestDescriptionsAreFilled: a paragraph that is too wide for 80 columns is filled
// anew, and a list is not joined.
func TestDescriptionsAreFilled(t *testing.T) {
	t.Parallel()
	wide := strings.Repeat("word ", 18) + "word\nand more."
	got := filled(wide + "\n\nlist   of a\nother  of b")
	first, rest, _ := strings.Cut(got, "\n\n")
	for line := range strings.Lines(first) {
		if w := width(strings.TrimSuffix(line, "\n")); w > columnsDefault-3 || strings.HasPrefix(line, " ") {
			t.Errorf("%d columns: %q", w, line)
		}
	}
	if strings.Join(strings.Fields(first), " ") != strings.Join(strings.Fields(wide), " ") || rest != "list   of a\nother  of b" {
		t.Errorf("filled is %q", got)
	}
}
