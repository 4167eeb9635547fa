package pay_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

const factVectors = "../testdata/vectors/facts.json"

// vector is one entry of testdata/vectors/facts.json. A reader of any language
// accepts those with "ok" true, finds them signed by the key with the RFC 8032
// seed given, and refuses all others for their form alone, whoever signed.
type vector struct {
	Name string   `json:"name"`
	OK   bool     `json:"ok"`
	Kind pay.Kind `json:"kind,omitempty"`
	Seed string   `json:"seed,omitempty"`
	ID   string   `json:"id,omitempty"`
	Hex  string   `json:"hex"`
}

var update = flag.Bool("update", false, "write the fact vectors anew")

// newVectors returns what this program would write into the vector file.
func newVectors(t testing.TB) (list []vector) {
	for _, s := range samples(t) {
		list = append(list, vector{s.name, true, s.fact.Kind(), hex.EncodeToString(s.key.Seed()), s.fact.ID().String(), hex.EncodeToString(s.fact.Raw())})
	}
	for _, b := range badFacts(t) {
		list = append(list, vector{Name: b.name, Hex: hex.EncodeToString(b.raw)})
	}
	return list
}

func TestFactVectors(t *testing.T) {
	t.Parallel()
	want := newVectors(t)
	if *update {
		raw, err := json.MarshalIndent(want, "", "  ")
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(factVectors, append(raw, '\n'), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	raw, err := os.ReadFile(factVectors)
	if err != nil {
		t.Fatal(err)
	}
	var have []vector
	if err := json.Unmarshal(raw, &have); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s holds %d vectors that differ from the %d this program makes; a changed encoding breaks every stored fact", factVectors, len(have), len(want))
	}
	for _, v := range have {
		checkVector(t, v)
	}
}

// checkVector reads one vector the way a stranger would.
func checkVector(t *testing.T, v vector) {
	t.Helper()
	raw := unhex(t, v.Hex)
	f, err := pay.Parse(raw)
	if !v.OK {
		if err == nil {
			t.Errorf("%s: parses", v.Name)
		}
		return
	}
	if err != nil {
		t.Errorf("%s: %v", v.Name, err)
		return
	}
	k, err := pay.KeyFromSeed(unhex(t, v.Seed))
	if err != nil {
		t.Fatal(err)
	}
	if f.Verify(k.Public()) != nil || f.Signer() != k.ID() || f.Kind() != v.Kind || f.ID().String() != v.ID || !bytes.Equal(f.Raw(), raw) {
		t.Errorf("%s: is %s %s by %s, verify: %v", v.Name, f.Kind(), f.ID(), f.Signer().Short(), f.Verify(k.Public()))
	}
}

// formerVector is one entry of testdata/vectors/former.json: a fact of old in a
// form that is read and not made any more. Spelled is the kind in its header.
type formerVector struct {
	vector
	Spelled string `json:"spelled"`
}

// Facts that were signed in a former spelling are read under the present one;
// their bytes and ids stay what they were. Captures from before decisions carried
// sums are of the whole amount.
func TestFormerFactVectors(t *testing.T) {
	t.Parallel()
	for _, v := range formerVectors(t) {
		checkVector(t, v.vector)
		raw := unhex(t, v.Hex)
		if !bytes.Contains(raw, []byte("paybeacon."+v.Spelled+"+cbor")) {
			t.Errorf("%s: the header does not spell %s", v.Name, v.Spelled)
		}
		f, err := pay.Parse(raw)
		if err != nil {
			t.Fatal(err)
		}
		if d, err := pay.As[pay.Decision](f); err == nil && (d.Sums != pay.Sums{} || d.SumsAfter() != pay.Sums{Captured: d.Amount}) {
			t.Errorf("%s: the sums are %+v", v.Name, d.SumsAfter())
		}
		if k, err := pay.KeyFromSeed(unhex(t, v.Seed)); err != nil || again(t, k, f).Kind() != v.Kind {
			t.Errorf("%s: its body cannot be signed again: %v", v.Name, err)
		}
	}
}

func formerVectors(t testing.TB) (list []formerVector) {
	t.Helper()
	raw, err := os.ReadFile("../testdata/vectors/former.json")
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(raw, &list); err != nil || len(list) == 0 {
		t.Fatalf("%d vectors, %v", len(list), err)
	}
	return list
}

// vectorLines returns the fields of each line of a text vector file.
func vectorLines(t testing.TB, path string) (lines [][]string) {
	t.Helper()
	raw, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(raw)) {
		if f := strings.Fields(line); len(f) > 0 && f[0] != "#" {
			lines = append(lines, f)
		}
	}
	if len(lines) == 0 {
		t.Fatalf("%s is empty", path)
	}
	return lines
}

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	raw, err := hex.DecodeString(s)
	if err != nil {
		t.Fatalf("%q is not hexadecimal: %v", s, err)
	}
	return raw
}
