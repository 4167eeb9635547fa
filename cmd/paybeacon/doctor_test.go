package main

import (
	"context"
	"log/slog"
	"os/exec"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
)

// TestDoctorAndADaemonOfAnotherVersion: while a directory is being upgraded its
// daemon may not know what it is asked. That is a finding like any other.
func TestDoctorAndADaemonOfAnotherVersion(t *testing.T) {
	t.Parallel()
	w := emptyWorld(t)
	dir := datadir.Dir(w.Data("box"))
	w.must(dir.Make())
	w.must(dir.SaveMember(datadir.Member{V: 1, Role: pay.RoleBox}))
	control, err := datadir.ListenControl(dir)
	w.must(err)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- api.Serve(ctx, control, api.Verbs{}, slog.New(slog.DiscardHandler)) }()
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
