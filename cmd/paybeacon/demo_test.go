package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// told is one line of a demo with --json: part of a scene, or the checks.
type told struct {
	api.Scene
	OK     bool            `json:"ok"`
	Checks []api.CheckItem `json:"checks"`
}

// playDemo starts a demo as a process of its own, which keeps running, and
// returns what it tells up to its checks.
func playDemo(t *testing.T, scenario string) (w *world, dir string, scenes []told, end told) {
	t.Helper()
	w = emptyWorld(t)
	dir = w.Data("d")
	w.must(w.Start("demo", nil, "demo", "--scenario", scenario, "--keep-running", "--data", dir))
	w.must(w.Until("the demo has checked itself", func() (bool, error) {
		log, err := os.ReadFile(w.Data("demo") + ".log")
		if err != nil {
			return false, err
		}
		scenes, end = nil, told{}
		for line := range bytes.Lines(log) {
			var s told
			if !bytes.HasSuffix(line, []byte("\n")) {
				break // it is being written
			}
			if err := json.Unmarshal(line, &s); err != nil {
				return false, err
			}
			switch s.Type {
			case "scene":
				scenes = append(scenes, s)
			case "check":
				end = s
			default:
				t.Fatalf("the demo says %s", line)
			}
		}
		if end.Type == "" && w.ended("demo") {
			return false, errors.New("the demo ended without its checks")
		}
		return end.Type != "", nil
	}))
	return w, dir, scenes, end
}

// leave ends a demo that keeps running, as Ctrl-C does.
func (w *world) leave() {
	w.t.Helper()
	demo := w.Procs["demo"]
	w.must(demo.Cmd.Process.Signal(syscall.SIGTERM))
	select {
	case <-demo.Done:
	case <-w.Ctx.Done():
		w.t.Fatal("the demo does not end")
	}
	if code := demo.Cmd.ProcessState.ExitCode(); code != 0 {
		w.t.Errorf("the demo ended with %d", code)
	}
}

func wantChecks(t *testing.T, end told, names ...string) {
	t.Helper()
	for _, c := range end.Checks {
		if !c.OK {
			t.Errorf("check %q failed: %s", c.Name, c.Said)
		}
	}
	for _, name := range names {
		if !slices.ContainsFunc(end.Checks, func(c api.CheckItem) bool { return c.Name == name }) {
			t.Errorf("check %q is missing", name)
		}
	}
	if !end.OK {
		t.Error("the demo itself says that something is wrong")
	}
}

// TestCounterDemo plays the demo that everybody sees first.
func TestCounterDemo(t *testing.T) {
	t.Parallel()
	w, dir, scenes, end := playDemo(t, "counter")
	wantChecks(t, end, "the audit finds the books right", "every receipt verifies", "the tab was paid and refunded", "the killed payment was made once", "the replay was refused")
	if last := scenes[len(scenes)-1]; last.Act != 7 {
		t.Errorf("the story ends with act %d", last.Act)
	}
	w.stays(dir, "box", 2)
	w.leave()
}

// TestForecourtDemo plays what happens at a filling station: three cars pay, by a hold, by
// a jack and at a charge point, a wrong nozzle gives nothing, the registry is killed while a
// pump runs, and one drives off.
func TestForecourtDemo(t *testing.T) {
	t.Parallel()
	w, dir, scenes, end := playDemo(t, "forecourt")
	wantChecks(t, end, "the audit finds the books right", "nothing was captured twice", "every receipt verifies", "a wrong nozzle gave nothing",
		"less was filled, and that paid", "the jack paid", "and without a touch", "the charge was paid", "the charge is what the meter says",
		"the killed fuelling was paid once", "who drove off is on the owed list")
	if last := scenes[len(scenes)-1]; last.Act != 8 {
		t.Errorf("the story ends with act %d", last.Act)
	}
	for _, s := range scenes {
		if s.Who != "" && len(s.Said)+len("  who        ") > 80 {
			t.Errorf("act %d: the line of %s is wider than a terminal: %s", s.Act, s.Who, s.Said)
		}
	}
	w.stays(dir, "pumps", 4)
	w.leave()
}

// TestFaultsDemo plays everything that a thief tries in the faults demo. Each
// attempt has to end with the very word that the design gives it, and what is
// left running has to work.
func TestFaultsDemo(t *testing.T) {
	t.Parallel()
	w, dir, scenes, end := playDemo(t, "faults")
	wantChecks(t, end, "the audit finds the books right", "nothing was captured twice", "the kiosk has nothing", "every receipt verifies",
		"the meal: both channels, and why", "the cake: both channels, and why", "max has what is left", "no wallet heard of the old code")
	type attempt struct {
		act  int
		word string
	}
	want := []attempt{
		{3, string(pay.StepUpElsewhere)},
		{4, string(pay.CodeDevice)}, {4, string(pay.CodeDevice)},
		{5, string(pay.CodeBound)}, {5, string(pay.CodeNotFound)}, {5, string(pay.ReasonWrongScope)},
		{6, string(pay.ReasonNeedsDevice)}, {6, string(pay.ReasonWrongCode)}, {6, string(pay.ReasonAlreadyDecided)},
		{7, "unmatched (out_of_step)"},
	}
	var got []attempt
	var beware bool
	for _, s := range scenes {
		if s.Word != "" {
			got = append(got, attempt{s.Act, s.Word})
			if s.Who != "stopped" || s.Said == "" {
				t.Errorf("act %d: %s by %q, because %q", s.Act, s.Word, s.Who, s.Said)
			}
		}
		beware = beware || s.Who == "ada" && strings.Contains(s.Said, "only if you stand at Night Kiosk, platform 2, now")
	}
	if !slices.Equal(got, want) {
		t.Errorf("the attempts ended with %v, want %v", got, want)
	}
	if !beware {
		t.Error("nobody warned ada of where she would pay")
	}
	w.stays(dir, "cafe", 3)
	w.leave()
}

// stays requires that a demo which keeps running has people at its counter.
func (w *world) stays(dir, box string, people int) {
	w.t.Helper()
	w.must(w.Until("the payers are back", func() (bool, error) {
		var n api.Nearby
		err := w.Ask(&n, "till", "nearby", "--data", dir+"/"+box)
		return len(n.Candidates) >= people, err
	}))
}

func TestDemoScenarios(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		code pay.ErrorCode
	}{{"crowd", pay.CodeNotAvailable}, {"bank robbery", pay.CodeUsage}, {"", pay.CodeUsage}} {
		exit, stdout, stderr := runMain(t, "demo", "--json", "--scenario", tc.name)
		var e api.Problem
		if err := json.Unmarshal([]byte(stderr), &e); err != nil {
			t.Fatalf("%q: stderr %q: %v", tc.name, stderr, err)
		}
		if exit != int(pay.ExitOf(tc.code)) || e.Code != tc.code || stdout != "" || !strings.Contains(e.Hint, "counter, faults or forecourt") {
			t.Errorf("%q: exit %d, stdout %q, error %+v", tc.name, exit, stdout, e)
		}
	}
}
