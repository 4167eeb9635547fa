package config_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/config"
	"github.com/paybeacon/paybeacon/pay"
)

func TestSettingsAreReadInOrder(t *testing.T) {
	t.Parallel()
	f, err := config.Parse("c.toml", "# a box\nradio = \"bluez:hci0\"   # the near one\n\nnear = -62\n'busy' = true\n\"acquirer\" = [\"sim\", \"stripe\"]\nserver = \"pay.example:7443\"\n")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, s := range f.Settings {
		got = append(got, fmt.Sprintf("%d %s %T %v", s.Line, s.Key, s.Value, s.Value))
	}
	want := "2 radio string bluez:hci0; 4 near int64 -62; 5 busy bool true; 6 acquirer []interface {} [sim stripe]; 7 server string pay.example:7443"
	if have := strings.Join(got, "; "); have != want {
		t.Errorf("have %s, want %s", have, want)
	}
}

// What is wrong names the file, the line and the key; a password is not repeated.
func TestWhatIsWrongIsFound(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		content string
		line    int
		key     string
		says    string
	}{
		"no TOML":                    {"near = -62\nfar -70\n", 2, "", "c.toml:2"},
		"a text without its quotes":  {"lane = till-1\n", 1, "lane", ""},
		"twice":                      {"near = -62\nfar = -70\nnear = -60\n", 3, "", "near"},
		"a password in a URL":        {"\nstore = \"postgres://pay:hunter2@db/pay\"\n", 2, "store", "password"},
		"behind another at":          {"store = \"postgres://pay:hun@hunter2@db/pay\"\n", 1, "store", "password"},
		"a password in a parameter":  {"store = \"postgres://db/pay?user=pay&password=hunter2\"\n", 1, "store", "password"},
		"a password in libpq's form": {"store = \"host=db user=pay Password=hunter2\"\n", 1, "store", "password"},
		"of another service":         {"server = \"https://pay:hunter2@pay.example\"\n", 1, "server", "password"},
		"a URL without its quotes":   {"store = postgres://pay:hunter2@db/pay\n", 1, "store", ""},
		"a URL with half of them":    {"store = \"postgres://pay:hunter2@db/pay\n", 1, "store", ""},
		"far too much":               {strings.Repeat("# nothing\n", 7_000), 0, "", "bytes"},
	} {
		path := filepath.Join(t.TempDir(), "c.toml")
		if err := os.WriteFile(path, []byte(c.content), 0o600); err != nil {
			t.Fatal(err)
		}
		_, err := config.Read(path)
		e := api.Describe(err)
		line, _ := e.Extra["line"].(int)
		key, _ := e.Extra["key"].(string)
		if e.Code != pay.CodeConfig || e.Exit != pay.ExitConfig || line != c.line || (c.key != "" && key != c.key) || !strings.Contains(e.Message, c.says) || e.Hint == "" {
			t.Errorf("%s: %+v, want line %d, key %q and %q", name, e, c.line, c.key, c.says)
		}
		if strings.Contains(fmt.Sprintf("%+v", e), "hunter2") {
			t.Errorf("%s: the password is repeated: %+v", name, e)
		}
	}
}

// A URL without a password, and a command that has one, are nobody's secret to refuse.
func TestURLsWithoutAPassword(t *testing.T) {
	t.Parallel()
	for _, line := range []string{
		`store = "postgres://pay@db:5432/pay"`, `store = "postgres:///pay?sslmode=verify-full"`,
		`approve = "exec:curl -fsS https://a:b@example/"`, `server = "pay.example:7443"`, `radio = "air:a@b:c"`,
	} {
		if _, err := config.Parse("c.toml", line); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestFilesThatAreNotThere(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := config.Read(filepath.Join(dir, "c.toml")); !errors.Is(err, fs.ErrNotExist) || pay.CodeOf(err) != pay.CodeConfig {
		t.Errorf("none: %v", err)
	}
	link := filepath.Join(dir, "link.toml")
	if err := os.Symlink(filepath.Join(dir, "gone", "c.toml"), link); err != nil {
		t.Fatal(err)
	}
	if _, err := config.Read(link); errors.Is(err, fs.ErrNotExist) || pay.CodeOf(err) != pay.CodeConfig {
		t.Errorf("a link that leads nowhere: %v", err)
	}
	if _, err := config.Read(dir); pay.CodeOf(err) != pay.CodeConfig {
		t.Errorf("a directory: %v", err)
	}
}

// FuzzParse holds what is read to what is promised: each key once, with a line of the file
// or none, and no password.
func FuzzParse(f *testing.F) {
	f.Add("near = -62\nradio = \"bluez:hci0\"\n")
	f.Add("[table]\nx = 1\n[[list]]\ny = 2\n")
	f.Add("store = \"postgres://a:b@c\"")
	f.Fuzz(func(t *testing.T, content string) {
		file, err := config.Parse("c.toml", content)
		if err != nil {
			if pay.CodeOf(err) != pay.CodeConfig {
				t.Fatalf("%q: %v", content, err)
			}
			return
		}
		seen := map[string]bool{}
		for _, s := range file.Settings {
			if seen[s.Key] || s.Line < 0 || s.Line > strings.Count(content, "\n")+1 {
				t.Errorf("%q: %+v", content, s)
			}
			seen[s.Key] = true
		}
	})
}
