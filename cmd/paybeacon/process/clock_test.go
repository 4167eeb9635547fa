package process

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// The file of the clock's shift is read again and again, and what cannot be
// understood changes nothing.
func TestClockShiftedByAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "shift")
	c := &fileClock{path: path}
	for _, step := range []struct {
		text string
		want time.Duration
	}{{"+2h\n", 2 * time.Hour}, {"nonsense", 2 * time.Hour}, {"", 0}, {"-20m", -20 * time.Minute}} {
		if err := os.WriteFile(path, []byte(step.text), 0o600); err != nil {
			t.Fatal(err)
		}
		c.read = time.Time{}
		if got := time.Until(c.now()).Round(time.Minute); got != step.want {
			t.Errorf("%q shifts by %v, want %v", step.text, got, step.want)
		}
	}
	if _, err := parseShift("2 hours"); pay.CodeOf(err) != pay.CodeConfig {
		t.Errorf("a bad shift: %v", err)
	}
}
