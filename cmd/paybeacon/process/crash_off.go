//go:build !crashpoints

package process

import (
	"os"

	"github.com/paybeacon/paybeacon/pay"
)

// seamsFromEnv returns no seams. The shipped program has none, and refuses to run
// when somebody asks for one.
func seamsFromEnv() (Seams, error) {
	for _, name := range []string{"PAYBEACON_CRASH", "PAYBEACON_TAP", "PAYBEACON_FAIL"} {
		if os.Getenv(name) != "" {
			return Seams{}, pay.NewError(pay.CodeConfig, name+" is set, but this program was built without crash points", "unset it, or build with -tags crashpoints for tests")
		}
	}
	return Seams{}, nil
}
