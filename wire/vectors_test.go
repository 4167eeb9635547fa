package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"flag"
	"os"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

const vectorFile = "../testdata/vectors/frames.json"

// vector is one frame of testdata/vectors/frames.json. A reader of any language
// accepts those with "ok" true as the type given and refuses all others.
type vector struct {
	Name string    `json:"name"`
	OK   bool      `json:"ok"`
	Type wire.Type `json:"type"`
	Hex  string    `json:"hex"`
}

var update = flag.Bool("update", false, "write the vectors anew")

func TestVectors(t *testing.T) {
	t.Parallel()
	if *update {
		writeVectors(t)
	}
	raw, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	var vectors []vector
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	known := map[string][]byte{}
	for _, s := range samples(t) {
		known[s.name] = wire.Append(nil, s.msg)
	}
	for _, v := range vectors {
		frame, err := hex.DecodeString(v.Hex)
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		m, err := wire.ReadMessage(bytes.NewReader(frame), pay.FrameBytesMax)
		switch {
		case v.OK != (err == nil):
			t.Errorf("%s: ok is %v, reading returns %v", v.Name, v.OK, err)
		case v.OK && m.Type() != v.Type:
			t.Errorf("%s: type %d, want %d", v.Name, m.Type(), v.Type)
		case v.OK && !bytes.Equal(frame, known[v.Name]):
			t.Errorf("%s: differs from what this program writes", v.Name)
		}
		delete(known, v.Name)
	}
	for name := range known {
		t.Errorf("no vector for %q", name)
	}
}

func writeVectors(t *testing.T) {
	var vectors []vector
	for _, s := range samples(t) {
		vectors = append(vectors, vector{s.name, true, s.msg.Type(), hex.EncodeToString(wire.Append(nil, s.msg))})
	}
	vectors = append(vectors, []vector{
		{"length 0", false, 0, "00000000"},
		{"length above the limit", false, wire.TypePing, "0004000108"},
		{"type that may not be skipped", false, 200, "00000002c8a0"},
		{"seen with a number that is not the shortest", false, wire.TypeSeen, "0000000506a1011803"},
		{"seen with a field twice", false, wire.TypeSeen, "0000000606a201030103"},
		{"seen with an unknown field", false, wire.TypeSeen, "0000000606a201030203"},
		{"seen in a map without end", false, wire.TypeSeen, "0000000506bf0103ff"},
		{"seen without its field", false, wire.TypeSeen, "0000000206a0"},
		{"seen and a byte more", false, wire.TypeSeen, "0000000506a1010300"},
		{"ping that is not padded", false, wire.TypePing, "0000000408a10103"},
		{"bye that moves the cursor of a terminal", false, wire.TypeBye, "0000000f0aa30163455f5802641b5b324a0360"},
	}...)
	raw, err := json.MarshalIndent(vectors, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll("../testdata/vectors", 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(vectorFile, append(raw, '\n'), 0o644); err != nil {
		t.Fatal(err)
	}
}
