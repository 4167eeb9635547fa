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

// Error returns the exit status in words.
func (e QuietError) Error() string { return fmt.Sprintf("exit %d", e.Exit) }

// repeatable are the errors after which the same command under the same key helps:
// something may have been done, and the key finds it. Where nothing was recorded, or
// what was recorded has ended, the next try may have any key.
var repeatable = map[pay.ErrorCode]bool{
	pay.CodeUnknown: true, pay.CodeWaitPassed: true, pay.CodeUnreachable: true, pay.CodeFailed: true,
}

// Report writes an error to w, as one JSON object or in words, and returns the exit
// status that goes with it. It is the one place that chooses an exit status.
func Report(w io.Writer, err error, asJSON bool) pay.Exit {
	if err == nil {
		return pay.ExitDone
	}
	var quiet QuietError
	if errors.As(err, &quiet) {
		return quiet.Exit
	}
	e := api.Describe(err)
	if asJSON {
		line, err := json.Marshal(e)
		if err != nil {
			panic("paybeacon: internal error: encode error object: " + err.Error())
		}
		_, _ = fmt.Fprintf(w, "%s\n", line)
		return e.Exit
	}
	said := fmt.Sprintf("paybeacon: %s (%s)\n", e.Message, e.Code)
	if e.Hint != "" {
		said += fmt.Sprintf("  %s\n", e.Hint)
	}
	_, _ = io.WriteString(w, Fold(said, Columns(w)))
	if key, ok := e.Extra["key"]; ok && repeatable[e.Code] {
		_, _ = fmt.Fprintf(w, "  to retry safely: --key %v\n", key)
	}
	return e.Exit
}
