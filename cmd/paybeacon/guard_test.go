package main

import (
	"strings"
	"testing"
)

// TestFlagsAreNotLost: what a script gets wrong with an empty variable, a flag given
// twice or a number without a unit is refused with what to write, and is not taken
// for something else. Without a node all that is well-formed ends with exit 10 or 78.
func TestFlagsAreNotLost(t *testing.T) {
	t.Parallel()
	charge := "till charge --data missing --amount 12.00 "
	for _, tc := range []struct{ line, said string }{
		{charge + "--ref --two-channel", "--ref has no value"},
		{charge + "--key --two-channel", "--key has no value"},
		{charge + "--ref --two-chanel", "--ref=--two-chanel"},
		{charge + "--ref -json", "--ref has no value"},
		{charge + "--ref --", "--ref has no value"},
		{charge + "--wait --json", "--wait has no value"},
		{charge + "--amount 4.90", "--amount is given twice"},
		{charge + "-amount=4.90", "--amount is given twice"},
		{charge + "--two-channel --two-channel=false", "--two-channel is given twice"},
		{charge + "--key BLANK", "--key holds nothing but blanks"},
		{charge + "--key=", "--key is empty"},
		{charge + "--to=", "--to is empty"},
		{charge + "--wait 5", "--wait 5s"},
		{charge + "--ttl 60", "--ttl 60s"},
		{charge + "--wait -5s", "--wait 5s"},
		{"scan --data missing --dwell -1s", "--dwell 800ms"},
		{charge + "--ttl 0s", "--ttl is not above zero"},
		{charge + "--ttl 500us", "--ttl is not above zero"},
		{charge + "--ref \xff", "--ref is not UTF-8"},
		{"till list --data missing --limit -1", "--limit 50"},
		{"till list --data missing --limit 0", "--limit 50"},
		{"wallet receipts --data missing --limit -1", "--limit 50"},
		{"wallet approve --data missing --id=", "--id is empty"},
		{"admin invite --data missing --role box --ttl 0s", "--ttl is not above zero"},
		{"scan enrol --data --invite x", "--data has no value"},
		{charge + "--two-channel --two-channel", ""},
		{charge + "--ref=--x", ""},
		{charge + "--ref -5", ""},
		{charge + "--ref=", ""},
		{charge + "--wait 0s", ""},
		{charge + "--wait 1m30s", ""},
	} {
		args := strings.Fields(tc.line)
		for i, a := range args {
			if a == "BLANK" {
				args[i] = " \u00a0\u200d "
			}
		}
		exit, stdout, stderr := runMain(t, args...)
		switch {
		case tc.said == "" && (exit == 64 || exit == 0):
			t.Errorf("%q: exit %d, stderr %q; want it taken", tc.line, exit, stderr)
		case tc.said != "" && (exit != 64 || stdout != "" || !strings.Contains(stderr, tc.said)):
			t.Errorf("%q: exit %d, stdout %q, stderr %q; want exit 64 and %q", tc.line, exit, stdout, stderr, tc.said)
		}
	}
}
