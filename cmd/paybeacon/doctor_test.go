package main

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

func TestWhatDoctorSaysOfANode(t *testing.T) {
	t.Parallel()
	const big = 1 << 40
	dir := dataDir(t.TempDir())
	stale := dataDir(t.TempDir())
	if err := os.WriteFile(stale.path("control.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := dataDir(t.TempDir())
	if err := os.WriteFile(damaged.path(memberFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		finding finding
		level   level
		want    string
	}{
		"much space":         {spaceFinding(spaceJSON{Free: big, Need: 100 * mib}), levelOK, "1048576 MiB are free, below 100 MiB"},
		"little space":       {spaceFinding(spaceJSON{Free: 150 * mib, Need: 100 * mib}), levelWarn, "150 MiB are free"},
		"no space":           {spaceFinding(spaceJSON{Free: 99 * mib, Need: 100 * mib}), levelBad, "99 MiB are free"},
		"clock right":        {clockFinding(0, "just now"), levelOK, "0s from the registry's, just now"},
		"clock nearly right": {clockFinding(-1999, "just now"), levelOK, "1.999s ahead of"},
		"clock slow":         {clockFinding(600_000, "just now"), levelWarn, "10m0s behind"},
		"clock fast":         {clockFinding(-2001, "just now"), levelWarn, "2.001s ahead of"},
		"connected":          {sessionFinding(sessionJSON{Server: "a:1", Up: true, Since: "2025-01-01T12:00:00.000Z"}), levelOK, "connected to a:1"},
		"connecting":         {sessionFinding(sessionJSON{Server: "a:1"}), levelWarn, "not connected to a:1 yet"},
		"away":               {sessionFinding(sessionJSON{Server: "a:1", Error: "no answer"}), levelBad, "not connected to a:1: no answer"},
		"daemon runs":        {daemonFinding(dir, true, lockHolder{true, 7, "pay\x1bbeacon"}), levelOK, "(pay\uFFFDbeacon, process 7)"},
		"somebody has it":    {daemonFinding(dir, false, lockHolder{true, 7, "cp"}), levelBad, "in use (cp, process 7)"},
		"nobody known":       {daemonFinding(dir, false, lockHolder{held: true}), levelBad, "in use, and nobody"},
		"no daemon":          {daemonFinding(dir, false, lockHolder{}), levelWarn, "no daemon runs"},
		"it died":            {daemonFinding(stale, false, lockHolder{}), levelWarn, "one that died"},
		"not enrolled":       {directoryFinding(dir, ""), levelWarn, "belongs to no node yet"},
		"not known to whom":  {directoryFinding(damaged, damaged.role()), levelBad, "cannot be understood"},
		"gone":               {directoryFinding("no/such/folder", pay.RoleBox), levelBad, "no/such/folder"},
	} {
		if f := c.finding; f.level != c.level || !strings.Contains(f.message, c.want) || (f.level != levelOK && f.hint == "") {
			t.Errorf("%s: %+v, want %s %q", name, f, c.level, c.want)
		}
	}
}

// TestDoctorSeesWhoHoldsTheLock lets this process hold one and looks, without
// leaving anything behind.
func TestDoctorSeesWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	dir := dataDir(t.TempDir())
	if h := dir.lockHolder(); h.held {
		t.Errorf("nobody has it, yet %+v", h)
	}
	if _, err := os.Stat(dir.path("lock")); err == nil {
		t.Error("looking made a lock")
	}
	unlock, err := dir.lock(t.Context(), lockPoll)
	if err != nil {
		t.Fatal(err)
	}
	h := dir.lockHolder()
	if !h.held || (h.pid != 0 && h.pid != os.Getpid()) {
		t.Errorf("this process (%d) has it, yet %+v", os.Getpid(), h)
	}
	t.Logf("held by%s", h)
	unlock()
	// A process that another test is just starting holds a copy until it runs.
	tick := time.NewTicker(lockPoll)
	defer tick.Stop()
	for dir.lockHolder().held {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("given back, yet held")
		}
	}
}

// TestDoctorAndADaemonOfAnotherVersion: while a directory is being upgraded its
// daemon may not know what it is asked. That is a finding like any other.
func TestDoctorAndADaemonOfAnotherVersion(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	dir := dataDir(w.data("box"))
	w.must(dir.make())
	w.must(dir.saveMember(member{V: 1, Role: pay.RoleBox}))
	control, err := listenControl(dir)
	w.must(err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- serveControl(ctx, control, verbs{}, slog.New(slog.DiscardHandler)) }()
	raw, err := exec.CommandContext(ctx, "paybeacon", "doctor", "--data", string(dir), "--json").Output()
	stop()
	if served := <-ended; served != nil {
		t.Error(served)
	}
	lines := strings.Split(strings.TrimSpace(string(raw)), "\n")
	if last := lines[len(lines)-1]; err != nil || !strings.Contains(last, `"type":"doctor","ok":true`) || !strings.Contains(string(raw), "of another version") {
		t.Errorf("doctor: %v\n%s", err, raw)
	}
}
