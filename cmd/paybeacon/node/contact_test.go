package node

import (
	"io"
	"log/slog"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
)

// TestContactOverStarts: what a node knew of its registry before a start counts until
// the registry answers again, but a refusal of its version, which may be another now.
func TestContactOverStarts(t *testing.T) {
	t.Parallel()
	const before, now = "2026-11-28T07:00:00Z", "2026-11-28T09:00:00Z"
	down := api.Standing{Registry: api.RegistryDown, Since: now}
	untried := api.Standing{Registry: api.RegistryDown}
	refused := func(code pay.ErrorCode) api.Standing {
		return api.Standing{Registry: api.RegistryRefused, Since: before, Code: code, Why: "why"}
	}
	oldCopy := api.Standing{Registry: api.RegistryOldCopy, Since: before, Code: pay.CodeOldCopy}
	up := api.Standing{Registry: api.RegistryUp, Since: now}
	for name, tc := range map[string]struct {
		last, said api.Standing
		tried      bool
		want       api.Standing
	}{
		"new":                          {api.Standing{}, down, true, down},
		"down all the time":            {api.Standing{Registry: api.RegistryDown, Since: before}, down, true, api.Standing{Registry: api.RegistryDown, Since: before}},
		"up before, down now":          {api.Standing{Registry: api.RegistryUp, Since: before}, down, true, down},
		"up before, not tried":         {api.Standing{Registry: api.RegistryUp, Since: before}, untried, false, api.Standing{Registry: api.RegistryDown, Since: "2026-11-28T08:00:00.000Z"}},
		"refused before, away now":     {refused(pay.CodeNotAllowed), down, true, refused(pay.CodeNotAllowed)},
		"refused before, not tried":    {refused(pay.CodeNotAllowed), untried, false, refused(pay.CodeNotAllowed)},
		"forked before, away now":      {refused(pay.CodeConflict), down, true, refused(pay.CodeConflict)},
		"old copy before, away now":    {oldCopy, down, true, oldCopy},
		"refused before, served now":   {refused(pay.CodeNotAllowed), up, true, up},
		"of another version, away now": {refused(pay.CodeUpgrade), down, true, down},
	} {
		dir := datadir.Dir(t.TempDir())
		env := process.Env{Dir: dir, Now: func() time.Time { return time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC) }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
		earlier := openContact(env)
		earlier.note(tc.last)
		earlier.end()
		c := openContact(env)
		got := c.judge(tc.said, tc.tried)
		if got != tc.want {
			t.Errorf("%s: %+v, want %+v", name, got, tc.want)
		}
		if c.note(got); (c.staleSince() == "") != (got.Registry == api.RegistryUp) && tc.last.Registry == api.RegistryUp {
			t.Errorf("%s: stale since %q", name, c.staleSince())
		}
	}
}

// TestContactThatAnswered: once the registry has answered, what was before counts no
// more, and what is shown is stale from when the connection ended.
func TestContactThatAnswered(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 28, 8, 0, 0, 0, time.UTC)
	env := process.Env{Dir: datadir.Dir(t.TempDir()), Now: func() time.Time { return now }, Log: slog.New(slog.NewTextHandler(io.Discard, nil))}
	openContact(env).note(api.Standing{Registry: api.RegistryRefused, Code: pay.CodeNotAllowed})
	c := openContact(env)
	c.note(api.Standing{Registry: api.RegistryUp})
	if since := c.staleSince(); since != "" {
		t.Errorf("connected, and stale since %s", since)
	}
	now = now.Add(time.Hour)
	down := api.Standing{Registry: api.RegistryDown, Since: "2026-11-28T09:00:00Z"}
	c.note(down)
	if got := c.judge(down, true); got != down {
		t.Errorf("down after it was up: %+v", got)
	}
	now = now.Add(time.Hour)
	c.note(api.Standing{Registry: api.RegistryRefused, Code: pay.CodeNotAllowed})
	if since := c.staleSince(); since != "2026-11-28T09:00:00.000Z" {
		t.Errorf("stale since %s", since)
	}
	if since := openContact(env).staleSince(); since != "2026-11-28T09:00:00.000Z" {
		t.Errorf("after a restart stale since %s", since)
	}
}
