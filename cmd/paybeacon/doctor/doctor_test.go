package doctor

import (
	"os"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

func TestWhatDoctorSaysOfANode(t *testing.T) {
	t.Parallel()
	const big = 1 << 40
	dir := datadir.Dir(t.TempDir())
	stale := datadir.Dir(t.TempDir())
	if err := os.WriteFile(stale.Path("control.sock"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := datadir.Dir(t.TempDir())
	if err := os.WriteFile(damaged.Path(datadir.MemberFile), []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		finding finding
		level   level
		want    string
	}{
		"much space":         {spaceFinding(api.Space{Free: big, Need: 100 * mib}), levelOK, "1048576 MiB are free, below 100 MiB"},
		"little space":       {spaceFinding(api.Space{Free: 150 * mib, Need: 100 * mib}), levelWarn, "150 MiB are free"},
		"no space":           {spaceFinding(api.Space{Free: 99 * mib, Need: 100 * mib}), levelBad, "99 MiB are free"},
		"clock right":        {clockFinding(0, "just now"), levelOK, "0s from the registry's, just now"},
		"clock nearly right": {clockFinding(-1999, "just now"), levelOK, "1.999s ahead of"},
		"clock slow":         {clockFinding(600_000, "just now"), levelWarn, "10m0s behind"},
		"clock fast":         {clockFinding(-2001, "just now"), levelWarn, "2.001s ahead of"},
		"connected":          {sessionFinding(api.Session{Server: "a:1", Up: true, Since: "2025-01-01T12:00:00.000Z"}), levelOK, "connected to a:1"},
		"connecting":         {sessionFinding(api.Session{Server: "a:1"}), levelWarn, "not connected to a:1 yet"},
		"away":               {sessionFinding(api.Session{Server: "a:1", Error: "no answer"}), levelBad, "not connected to a:1: no answer"},
		"daemon runs":        {daemonFinding(dir, true, datadir.LockHolder{Held: true, PID: 7, Name: "pay\x1bbeacon"}), levelOK, "(pay\uFFFDbeacon, process 7)"},
		"somebody has it":    {daemonFinding(dir, false, datadir.LockHolder{Held: true, PID: 7, Name: "cp"}), levelBad, "in use (cp, process 7)"},
		"nobody known":       {daemonFinding(dir, false, datadir.LockHolder{Held: true}), levelBad, "in use, and nobody"},
		"no daemon":          {daemonFinding(dir, false, datadir.LockHolder{}), levelWarn, "no daemon runs"},
		"it died":            {daemonFinding(stale, false, datadir.LockHolder{}), levelWarn, "one that died"},
		"not enrolled":       {directoryFinding(dir, ""), levelWarn, "belongs to no node yet"},
		"not known to whom":  {directoryFinding(damaged, damaged.Role()), levelBad, "cannot be understood"},
		"gone":               {directoryFinding("no/such/folder", pay.RoleBox), levelBad, "no/such/folder"},
	} {
		if f := c.finding; f.level != c.level || !strings.Contains(f.message, c.want) || (f.level != levelOK && f.hint == "") {
			t.Errorf("%s: %+v, want %s %q", name, f, c.level, c.want)
		}
	}
}

// TestWhatToTypeAboutWhatIsSetAside has the hint be a command that works as it
// stands.
func TestWhatToTypeAboutWhatIsSetAside(t *testing.T) {
	t.Parallel()
	list := asideFindings("play/registry", []api.Aside{{ID: "ab12", Kind: "payment"}}, 3)
	if len(list) != 2 || !strings.HasSuffix(list[0].hint, ": paybeacon admin retry --data play/registry --id ab12") || !strings.HasPrefix(list[1].message, "2 more") {
		t.Errorf("findings %+v", list)
	}
}

// TestWhatDoctorSaysOfAnAdapter reads the findings as one line each: level,
// name, and whether there is advice.
func TestWhatDoctorSaysOfAnAdapter(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		adapter ble.Adapter
		want    string
	}{
		"all is well": {
			ble.Adapter{Name: "hci0", Powered: true, Monitors: true, SlotsFree: 4},
			"ok hci0 power; ok hci0 monitors; ok hci0 slots",
		},
		"experimental interfaces off": {
			ble.Adapter{Name: "hci0", Powered: true, SlotsFree: 4},
			"ok hci0 power; warn! hci0 monitors; ok hci0 slots",
		},
		"off and discoverable": {
			ble.Adapter{Name: "hci1", Monitors: true, Discoverable: true, SlotsUsed: 3},
			"warn! hci1 power; ok hci1 monitors; warn! hci1 discoverable; warn! hci1 slots",
		},
		"blocked": {
			ble.Adapter{Name: "hci0", Blocked: true, Monitors: true},
			"bad! hci0 power; ok hci0 monitors; warn! hci0 slots",
		},
	} {
		var words []string
		for _, f := range adapterFindings(c.adapter) {
			word := string(f.level)
			if f.hint != "" {
				word += "!"
			}
			words = append(words, word+" "+f.name)
		}
		if got := strings.Join(words, "; "); got != c.want {
			t.Errorf("%s:\nhave %s\nwant %s", name, got, c.want)
		}
	}
}

// TestWhatDoctorSaysOfTheAntenna: where the antenna is matters more than the rules, how
// that is measured, and which free adapter may be a second ear.
func TestWhatDoctorSaysOfTheAntenna(t *testing.T) {
	t.Parallel()
	used := radio.Spec{Kind: radio.BlueZ, Adapter: "hci0", Marker: "hci1"}
	for name, c := range map[string]struct {
		list   []ble.Adapter
		second string
	}{
		"no other adapter":          {[]ble.Adapter{{Name: "hci0"}, {Name: "hci1"}}, ""},
		"one that is blocked":       {[]ble.Adapter{{Name: "hci0"}, {Name: "hci2", Blocked: true}}, ""},
		"one that may hear as well": {[]ble.Adapter{{Name: "hci0"}, {Name: "hci1"}, {Name: "hci2"}}, "hci2 may be a second ear: --radio bluez:hci0,marker=hci1+bluez:hci2"},
		"two ears, no list":         {nil, ""},
	} {
		f := antennaFinding(used, c.list)
		if f.level != levelOK || !strings.Contains(f.message, "10 dB of isolation") || !strings.Contains(f.hint, "a metal plate under the counter and measure with paybeacon scan calibrate --behind") {
			t.Errorf("%s: %+v", name, f)
		}
		if _, second, _ := strings.Cut(f.hint, "; "); second != c.second {
			t.Errorf("%s: %q, want %q", name, second, c.second)
		}
	}
}

func TestWhatDoctorSaysOfTheRate(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		health ble.Health
		want   level
	}{
		"quiet":       {ble.Health{}, levelWarn},
		"some":        {ble.Health{Rate: 12}, levelOK},
		"too many":    {ble.Health{Rate: 900}, levelWarn},
		"deaf":        {ble.Health{Deaf: true, Why: "nothing since 10 s"}, levelBad},
		"hears badly": {ble.Health{Rate: 1, Why: "no monitors"}, levelWarn},
	} {
		f := rateFinding(c.health, "it hears")
		if f.level != c.want || (f.level != levelOK && f.hint == "") || !strings.Contains(f.message, c.health.Why) {
			t.Errorf("%s: %+v, want %s", name, f, c.want)
		}
	}
}

func TestVersionsOfBlueZ(t *testing.T) {
	t.Parallel()
	for out, want := range map[string]string{
		"bluetoothctl: 5.66\n": "5.66", "5.77\n": "5.77", "": "", "usage: ...": "", "5.66; rm": "", "v5": "",
	} {
		if got := blueZVersion(out); got != want {
			t.Errorf("%q: have %q, want %q", out, got, want)
		}
	}
}
