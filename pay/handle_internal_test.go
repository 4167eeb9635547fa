package pay

import (
	"slices"
	"strings"
	"testing"
)

// The words of a handle are read aloud at a counter: each is there once, in
// small letters, and every pair of them is a handle.
func TestHandleWords(t *testing.T) {
	t.Parallel()
	lists := map[string][]string{"first": strings.Fields(handleFirst), "second": strings.Fields(handleSecond)}
	longest := 1
	for name, words := range lists {
		seen := map[string]bool{}
		long := 0
		for _, w := range words {
			if seen[w] || !isLowerWord(w) || len(w) < 3 {
				t.Errorf("%s word %q is there twice, short or not in small letters", name, w)
			}
			seen[w], long = true, max(long, len(w))
		}
		longest += long
		if !slices.IsSorted(words) {
			t.Errorf("the %s words are not sorted", name)
		}
	}
	if longest > handleBytesMax {
		t.Errorf("the longest handle has %d bytes, the limit is %d", longest, handleBytesMax)
	}
	if n := len(lists["first"]) * len(lists["second"]); n < 20_000 {
		t.Errorf("there are only %d handles", n)
	}
}
