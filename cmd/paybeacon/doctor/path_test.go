package doctor

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
)

func TestWhatDoctorSaysOfAPath(t *testing.T) {
	t.Parallel()
	down := api.Session{Server: "a:1", Error: "no answer"}
	stalled := api.Session{Server: "a:1", Up: true, Stall: "datagrams seem to get lost", StallHint: "look"}
	all, some, few := node.Reach{Passes: 1_452}, node.Reach{Passes: 1_280, Fails: 1_281}, node.Reach{Passes: 1_100, Fails: 1_101}
	no := func(r node.Reach) finding { return greetingPathFindings(r, "a:1", false)[0] }
	for name, c := range map[string]struct {
		finding finding
		level   level
		want    string
	}{
		"down, all gets through":           {sessionPathFinding(all, down), levelOK, "up to 1452 bytes get through to a:1"},
		"down, some does not":              {sessionPathFinding(some, down), levelOK, "up to 1280 bytes"},
		"down, too little does":            {sessionPathFinding(few, down), levelBad, "datagrams above 1100 bytes do not get through"},
		"stalled, all gets through":        {sessionPathFinding(all, stalled), levelWarn, "seem to get lost"},
		"stalled, some does not":           {sessionPathFinding(some, stalled), levelWarn, "datagrams above 1280 bytes do not get through to a:1"},
		"stalled, too little does":         {sessionPathFinding(few, stalled), levelBad, "datagrams above 1100 bytes"},
		"no greeting, all gets through":    {no(all), levelWarn, "up to 1452 bytes get through to a:1, and only small ones"},
		"no greeting, too little does":     {no(few), levelBad, "datagrams above 1100 bytes"},
		"no greeting, what is needed does": {no(node.Reach{Passes: 1_200, Fails: 1_201}), levelWarn, "up to 1200 bytes"},
	} {
		if f := c.finding; f.name != "path" || f.level != c.level || !strings.Contains(f.message, c.want) || (f.level != levelOK && f.hint == "") {
			t.Errorf("%s: %+v, want %s %q", name, f, c.level, c.want)
		}
	}
	for name, c := range map[string]struct {
		reach node.Reach
		want  int
	}{"all gets through": {all, 0}, "some does not": {some, 0}, "too little does": {few, 1}} {
		if f := greetingPathFindings(c.reach, "a:1", true); len(f) != c.want {
			t.Errorf("a greeting, %s: %+v", name, f)
		}
	}
}
