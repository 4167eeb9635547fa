package cli

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// ExitTable is what `paybeacon help exit-codes` prints.
const ExitTable = `Exit codes. An unknown one means failure.

    0  done
    1  failed
    3  part of it failed
    4  not enrolled, not allowed, not trusted
    5  not found
    6  payment not made
    7  outcome unknown: do not charge again, ask later
    8  conflict: wrong state, or the key was used with another request
   10  server or daemon not reachable
   11  radio not usable
   12  data directory in use
   64  usage
   78  configuration
  124  --timeout or --wait passed; nothing is said about money
`

// QuietError carries an exit status for a command that has already said all
// there is to say.
type QuietError struct{ Exit pay.Exit }

func (e QuietError) Error() string { return fmt.Sprintf("exit %d", e.Exit) }

// Report is the one place where an error becomes words and an exit status.
func Report(w io.Writer, err error, asJSON bool) pay.Exit {
	if err == nil {
		return pay.ExitDone
	}
	var quiet QuietError
	if errors.As(err, &quiet) {
		return quiet.Exit
	}
	e := api.Describe(err)
	var extra *api.Detailed
	hasExtra := errors.As(err, &extra)
	if asJSON {
		fields := map[string]any{"v": e.V, "type": e.Type, "code": e.Code, "exit": e.Exit, "message": e.Message, "hint": e.Hint}
		if hasExtra {
			for k, v := range extra.Extra {
				fields[k] = v
			}
		}
		line, err := json.Marshal(fields)
		if err != nil {
			panic("paybeacon: internal error: encode error object: " + err.Error())
		}
		_, _ = fmt.Fprintf(w, "%s\n", line)
		return e.Exit
	}
	_, _ = fmt.Fprintf(w, "paybeacon: %s (%s)\n", e.Message, e.Code)
	if e.Hint != "" {
		_, _ = fmt.Fprintf(w, "  %s\n", e.Hint)
	}
	// After a mistake in the flags nothing was asked for, and the corrected
	// command is another one: no key to repeat.
	if hasExtra && e.Exit != pay.ExitUsage {
		if key, ok := extra.Extra["key"]; ok {
			_, _ = fmt.Fprintf(w, "  to retry safely: --key %v\n", key)
		}
	}
	return e.Exit
}
