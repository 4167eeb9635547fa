package sim_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
)

// written returns the path of a file that describes pumps.
func written(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "pumps.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestPumpsOfAFile(t *testing.T) {
	t.Parallel()
	f := open(t, sim.Options{Folder: t.TempDir(), File: written(t, `
[[pump]]
number = 12
products = ["diesel"]
litres_per_minute = 130
[[pump]] # the first one
"number" = 3
products = ["petrol95", "e10"]
litres_per_minute = 37.5
fault = "offline"
`)})
	if got, want := fmt.Sprint(f.Pumps()), "[{3 [petrol95 e10] l  it does not answer 2250000} {12 [diesel] l   7800000}]"; got != want {
		t.Errorf("the pumps are %s, want %s", got, want)
	}
	f = open(t, sim.Options{Folder: t.TempDir(), File: filepath.Join(t.TempDir(), "none.toml")})
	if got, want := fmt.Sprint(f.Pumps()), "[{1 [diesel petrol95] l   2280000} {2 [diesel petrol95] l   2280000} {3 [diesel petrol95] l   2280000} {4 [diesel petrol95] l   2280000}]"; got != want {
		t.Errorf("without a file the pumps are %s, want %s", got, want)
	}
}

// Each error names the file, and the line and the key that it is about.
func TestFilesThatAreWrong(t *testing.T) {
	t.Parallel()
	const one = "[[pump]]\nnumber = 1\nproducts = [\"diesel\"]\n"
	for name, c := range map[string]struct {
		text string
		line int
		key  string
	}{
		"no TOML":                     {"[[pump]]\nnumber = \n", 2, "pump.number"},
		"empty":                       {"", 0, "pump"},
		"an unknown key at the top":   {one + "[station]\nname = \"x\"\n", 4, "station"},
		"an unknown key":              {one + "colour = \"red\"\n", 4, "colour"},
		"a key twice":                 {one + "number = 2\n", 4, "pump.number"},
		"no number":                   {"[[pump]]\nproducts = [\"diesel\"]\n", 1, "number"},
		"no products":                 {one + "[[pump]]\nnumber = 2\n", 4, "products"},
		"a number that is a text":     {"[[pump]]\nproducts = [\"diesel\"]\nnumber = \"1\"\n", 3, "number"},
		"a number that is a float":    {"[[pump]]\nnumber = 1.0\nproducts = [\"diesel\"]\n", 2, "number"},
		"number 0":                    {one + "[[pump]]\nnumber = 0\nproducts = [\"diesel\"]\n", 5, "number"},
		"number 1000":                 {"[[pump]]\nnumber = 1000\nproducts = [\"diesel\"]\n", 2, "number"},
		"the same number":             {one + "\n" + one, 6, "number"},
		"products that are no list":   {"[[pump]]\nnumber = 1\nproducts = \"diesel\"\n", 3, "products"},
		"no product in the list":      {"[[pump]]\nnumber = 1\nproducts = []\n", 3, "products"},
		"a product that is none":      {"[[pump]]\nnumber = 1\nproducts = [\"Diesel!\"]\n", 3, "products"},
		"a product that is a number":  {"[[pump]]\nnumber = 1\nproducts = [1]\n", 3, "products"},
		"a product twice":             {"[[pump]]\nnumber = 1\nproducts = [\"diesel\", \"diesel\"]\n", 3, "products"},
		"a flow that is a text":       {one + "litres_per_minute = \"40\"\n", 4, "litres_per_minute"},
		"a flow of nothing":           {one + "litres_per_minute = 0\n", 4, "litres_per_minute"},
		"a flow below nothing":        {one + "litres_per_minute = -1\n", 4, "litres_per_minute"},
		"a flow that is not a number": {one + "litres_per_minute = nan\n", 4, "litres_per_minute"},
		"a flow without end":          {one + "litres_per_minute = inf\n", 4, "litres_per_minute"},
		"an unknown fault":            {one + "fault = \"gremlins\"\n", 4, "fault"},
		"a fault that is a number":    {one + "fault = 1\n", 4, "fault"},
		"one table, not a list":       {"[pump]\nnumber = 1\n", 1, "pump"},
		"a list of texts":             {"pump = [\"a\"]\n", 1, "pump"},
		"too long":                    {strings.Repeat("# comment\n", 200_000), 0, ""},
	} {
		file := written(t, c.text)
		_, err := sim.Open(sim.Options{File: file, Folder: t.TempDir()})
		if is, ok := errors.AsType[*pumps.ConfigError](err); !ok || is.File != file || is.Line != c.line || is.Key != c.key || is.Problem == "" {
			t.Errorf("%s: %v, want line %d and key %q", name, err, c.line, c.key)
		}
	}
	if _, err := sim.Open(sim.Options{File: t.TempDir(), Folder: t.TempDir()}); err == nil {
		t.Error("a folder was read as a file")
	}
}

func FuzzOpen(f *testing.F) {
	f.Add("[[pump]]\nnumber = 1\nproducts = [\"diesel\"]\nlitres_per_minute = 38\nfault = \"offline\"\n")
	f.Add("pump = [{number = 1, products = [\"a\"]}]\n[[pump]]\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := sim.Open(sim.Options{File: written(t, text), Folder: t.TempDir()})
		if _, ok := errors.AsType[*pumps.ConfigError](err); err != nil && !ok {
			t.Fatalf("%q: %v", text, err)
		}
		if err != nil {
			return
		}
		for _, p := range s.Pumps() {
			if p.Number.Check() != nil || len(p.Products) == 0 || p.Flow <= 0 {
				t.Fatalf("%q: %+v", text, p)
			}
		}
	})
}
