//go:build crashpoints

package process

import (
	"encoding/hex"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/paybeacon/paybeacon/pay"
)

// seamsFromEnv reads PAYBEACON_CRASH=point[:n], which kills this process with
// SIGKILL when it reaches the point for the n-th time, PAYBEACON_TAP=FILE, which
// appends every frame in clear, and PAYBEACON_FAIL=FILE: the deadlines of the
// subjects whose beginning stands in it, one a line, fail as long as it does.
func seamsFromEnv() (Seams, error) {
	var s Seams
	if spec := os.Getenv("PAYBEACON_CRASH"); spec != "" {
		point, count, counted := strings.Cut(spec, ":")
		n := int64(1)
		if counted {
			var err error
			if n, err = strconv.ParseInt(count, 10, 32); err != nil || n < 1 {
				return s, pay.NewError(pay.CodeConfig, fmt.Sprintf("PAYBEACON_CRASH=%q is not point[:n]", spec), "write it like store.after-commit:3")
			}
		}
		var passed atomic.Int64
		s.At = func(at string) {
			if at == point && passed.Add(1) == n {
				_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
				select {} // until the signal is delivered
			}
		}
	}
	if file := os.Getenv("PAYBEACON_TAP"); file != "" {
		f, err := os.OpenFile(file, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return s, pay.Wrap(err, pay.CodeConfig, "open PAYBEACON_TAP", "name a file that you may write")
		}
		var mu sync.Mutex
		s.Tap = func(direction string, frame []byte) {
			mu.Lock()
			defer mu.Unlock()
			_, _ = fmt.Fprintf(f, "%s %s\n", direction, hex.EncodeToString(frame))
		}
	}
	if file := os.Getenv("PAYBEACON_FAIL"); file != "" {
		s.Fails = func(subject pay.Subject) bool {
			list, _ := os.ReadFile(file)
			return slices.ContainsFunc(strings.Fields(string(list)), func(start string) bool { return StartsSubject(subject, start) })
		}
	}
	return s, nil
}
