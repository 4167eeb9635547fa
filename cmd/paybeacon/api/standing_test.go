package api_test

import (
	"encoding/json"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// TestStandings lists what a node says in each standing, and whether it takes
// claims.
func TestStandings(t *testing.T) {
	t.Parallel()
	const since = "2026-11-28T07:00:00.123Z"
	for _, c := range []struct {
		standing api.Standing
		sentence string
		code     pay.ErrorCode // of the refusal of a claim, "" for none
	}{
		{api.Standing{Registry: api.RegistryUp, Since: since}, "registry up since 2026-11-28T07:00:00Z", ""},
		{api.Standing{Registry: api.RegistryDown}, "registry down", ""},
		{api.Standing{Registry: api.RegistryRefused, Code: pay.CodeNotAllowed, Why: "the node was revoked"}, "the registry refuses this node: the node was revoked", pay.CodeNotAllowed},
		{api.Standing{Registry: api.RegistryRefused, Code: pay.CodeConflict, Why: "w"}, "the registry refuses this node: w", pay.CodeNotAllowed},
		{api.Standing{Registry: api.RegistryOldCopy, Since: since, Code: pay.CodeOldCopy}, "this is an old copy, known since 2026-11-28T07:00:00Z", pay.CodeOldCopy},
		{api.Standing{}, "registry ", ""},
	} {
		if got := c.standing.Sentence(); got != c.sentence {
			t.Errorf("%+v: %q", c.standing, got)
		}
		err := c.standing.Refusal()
		if got := pay.CodeOf(err); got != c.code || (err != nil && pay.ExitOf(got) != pay.ExitNotAllowed) {
			t.Errorf("%+v: claims are refused with %q", c.standing, got)
		}
	}
	raw, err := json.Marshal(api.Ready{V: 1, Type: "ready", Role: pay.RoleBox, Standing: api.Standing{Registry: api.RegistryDown}})
	if want := `{"v":1,"type":"ready","role":"box","node":"","registry":"down"}`; err != nil || string(raw) != want {
		t.Errorf("ready: %s, %v", raw, err)
	}
}
