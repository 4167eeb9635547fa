package survey

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/pay"
)

// TestWhatACaptureLostIsSaid looks at how a command ends that listened to a capture:
// in words on standard error, in JSON in its object or in that of its error.
func TestWhatACaptureLostIsSaid(t *testing.T) {
	t.Parallel()
	odd := replay.Report{Adverts: 9, Skipped: 6, Damaged: 1, Notes: []replay.Note{
		{Line: 2, Why: "adv: ends inside a structure"}, {Line: 3, Skipped: true, Why: "is no JSON object"},
	}}
	failed := pay.NewError(pay.CodeWaitPassed, "nobody came", "try again")
	finish := func(r replay.Report, inJSON bool, err error) (said string, _ error) {
		var out, talk bytes.Buffer
		c := &cli.Call{Stdio: cli.Stdio{Out: &out, Err: &talk}, JSON: inJSON}
		err = (&capture{file: "walk\x1b[2J", report: r}).finish(c, err)
		if out.Len() > 0 {
			t.Errorf("on standard output: %s", out.String())
		}
		return talk.String(), err
	}
	const want = "Not all of the capture walk\ufffd[2J can be played: 9 adverts played, 1 of them damaged and only in part, 6 lines skipped.\n" +
		"  line 2: adv: ends inside a structure\n  line 3: is no JSON object\n  and 5 more\n"
	for _, err := range []error{nil, failed} {
		if said, got := finish(odd, false, err); said != want || got != err {
			t.Errorf("said %q, want %q; error %v", said, want, got)
		}
		for _, inJSON := range []bool{false, true} {
			if said, got := finish(replay.Report{Adverts: 9}, inJSON, err); said != "" || got != err {
				t.Errorf("a sound capture: said %q, error %v", said, got)
			}
		}
	}
	if said, err := finish(odd, true, nil); said != "" || err != nil {
		t.Errorf("in JSON: said %q, error %v", said, err)
	}
	said, err := finish(odd, true, failed)
	line, jsonErr := json.Marshal(api.Describe(err))
	if said != "" || pay.CodeOf(err) != pay.CodeWaitPassed || jsonErr != nil || !strings.Contains(string(line),
		`"adverts":9,"damaged":1,"skipped":6,"lines":[{"line":2,"skipped":false,"why":"adv: ends inside a structure"},{"line":3,"skipped":true,"why":"is no JSON object"}]`) {
		t.Errorf("in JSON: said %q, error %s", said, line)
	}
}
