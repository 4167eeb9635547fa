package demo

import (
	"bytes"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
)

// TestFailedCheckEndsTheDemo shows that a demo cannot fail and look well.
func TestFailedCheckEndsTheDemo(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		checks []bool
		want   pay.Exit
	}{
		{"all hold", []bool{true, true}, pay.ExitDone},
		{"one fails", []bool{true, false, true}, pay.ExitFailed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			for _, asJSON := range []bool{true, false} {
				var out, errs bytes.Buffer
				tell := &teller{out: &out, json: asJSON}
				for _, ok := range tc.checks {
					tell.check("a thing", ok, "so it is")
				}
				if exit := cli.Report(&errs, tell.verdict(), asJSON); exit != tc.want || errs.Len() > 0 {
					t.Errorf("json %v: exit %d, want %d; stderr %q", asJSON, exit, tc.want, errs.String())
				}
				if bad := strings.Contains(out.String(), "FAIL") || strings.Contains(out.String(), `"ok":false`); bad != (tc.want != pay.ExitDone) {
					t.Errorf("json %v: it says %s", asJSON, out.String())
				}
			}
		})
	}
}
