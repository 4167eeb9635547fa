package main

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// TestWhatIsToCome: what is settled and not there yet says so, and nothing else does:
// a misspelt command or flag is a mistake.
func TestWhatIsToCome(t *testing.T) {
	t.Parallel()
	for line, code := range map[string]pay.ErrorCode{
		"till offline on":                   pay.CodeNotAvailable,
		"wallet mandate add --offline 5.00": pay.CodeNotAvailable,
		"wallet say hello":                  pay.CodeNotAvailable,
		"admin backup --to x":               pay.CodeNotAvailable,
		"scan restore":                      pay.CodeNotAvailable,
		"export --json":                     pay.CodeNotAvailable,
		"hook":                              pay.CodeNotAvailable,
		"help hook add":                     pay.CodeNotAvailable,
		"sim --seed 1":                      pay.CodeNotAvailable,
		"serve --store postgres://x":        pay.CodeNotAvailable,
		"demo --scenario conversation":      pay.CodeNotAvailable,
		"till fuel wash":                    pay.CodeUsage,
		"till fuels":                        pay.CodeUsage,
		"hook remove-all":                   pay.CodeUsage,
		"exports":                           pay.CodeUsage,
		"till charge --holds 7d":            pay.CodeUsage,
		"till list --hold 7d":               pay.CodeUsage,
		"demo --scenario concert":           pay.CodeUsage,
	} {
		exit, stdout, stderr := runMain(t, strings.Fields(line)...)
		if exit != int(pay.ExitUsage) || stdout != "" || !strings.Contains(stderr, string(code)) {
			t.Errorf("%s: exit %d, stdout %q, stderr %q; want exit 64 and %s", line, exit, stdout, stderr, code)
		}
	}
}
