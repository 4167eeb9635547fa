//go:build !crashpoints

package node

import (
	"os"

	"github.com/paybeacon/paybeacon/pay"
)

// seams are the places where tests reach into a running process. The shipped
// program has none: it refuses to run when somebody asks for one.
type seams struct {
	at  func(point string)
	tap func(direction string, frame []byte)
}

func seamsFromEnv() (seams, error) {
	for _, name := range []string{"PAYBEACON_CRASH", "PAYBEACON_TAP"} {
		if os.Getenv(name) != "" {
			return seams{}, pay.NewError(pay.CodeConfig, name+" is set, but this program was built without crash points", "unset it, or build with -tags crashpoints for tests")
		}
	}
	return seams{}, nil
}
