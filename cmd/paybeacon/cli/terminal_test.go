package cli

import (
	"os"
	"testing"
)

// TestNullIsNoTerminal: a table is drawn, and colours are used, only where
// somebody can look; /dev/null is a device like a terminal, but nobody is there.
func TestNullIsNoTerminal(t *testing.T) {
	t.Parallel()
	for _, name := range []string{os.DevNull, "/dev/zero"} {
		f, err := os.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		if IsTerminal(f) {
			t.Errorf("%s is taken for a terminal", name)
		}
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}
}
