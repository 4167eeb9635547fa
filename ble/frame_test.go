package ble_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

type vector struct {
	name    string
	payload []byte
	want    string
}

// vectors reads testdata/vectors/adverts.txt: name, payload in hexadecimal, and
// the frames in it joined by "; ", or "-", and at the end "damaged: " and why.
func vectors(t testing.TB) (out []vector) {
	t.Helper()
	text, err := os.ReadFile("../testdata/vectors/adverts.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if strings.HasPrefix(line, "#") || strings.TrimSpace(line) == "" {
			continue
		}
		f := strings.Fields(line)
		if len(f) < 3 {
			t.Fatalf("bad vector %q", line)
		}
		payload, err := hex.DecodeString(f[1])
		if err != nil {
			t.Fatalf("vector %s: %v", f[0], err)
		}
		out = append(out, vector{f[0], payload, strings.Join(f[2:], " ")})
	}
	return out
}

// read writes the frames in a payload in the form of the vectors.
func read(payload []byte) string {
	sections, damage := ble.ParsePayload(nil, payload)
	var frames []string
	for _, s := range sections {
		f, err := ble.ParseFrame(s)
		switch {
		case err == nil:
			frames = append(frames, f.String())
		case errors.Is(err, ble.ErrFrameLength):
			frames = append(frames, "wrong length")
		}
	}
	if damage != nil {
		frames = append(frames, "damaged: "+strings.TrimPrefix(damage.Error(), "parse payload: "))
	}
	if frames == nil {
		return "-"
	}
	return strings.Join(frames, "; ")
}

func TestVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		if got := read(v.payload); got != v.want {
			t.Errorf("%s:\nhave %s\nwant %s", v.name, got, v.want)
		}
	}
}

// TestEveryPrefix cuts each good vector everywhere: each cut yields exactly the
// sections that are whole before it and an error inside a structure, and a frame
// without its last byte is never a frame.
func TestEveryPrefix(t *testing.T) {
	t.Parallel()
	for _, v := range vectors(t) {
		whole, err := ble.ParsePayload(nil, v.payload)
		if err != nil {
			continue
		}
		for n := range v.payload {
			sections, err := ble.ParsePayload(nil, v.payload[:n])
			if boundary := isBoundary(v.payload, n); (err == nil) != boundary {
				t.Errorf("%s, %d bytes: error %v, at a boundary %v", v.name, n, err, boundary)
			}
			if want := wholeIn(v.payload[:n], whole); !sameSections(sections, want) {
				t.Errorf("%s, %d bytes: have %v, want %v", v.name, n, sections, want)
			}
		}
		for _, s := range whole {
			everySectionPrefix(t, v.name, s)
		}
	}
}

func everySectionPrefix(t *testing.T, name string, s ble.Section) {
	t.Helper()
	f, err := ble.ParseFrame(s)
	if err != nil {
		return
	}
	for n := range s.Data {
		if f.Kind == ble.UID && n == 18 {
			continue // the two reserved bytes may be left out
		}
		if got, err := ble.ParseFrame(ble.Section{Kind: s.Kind, ID: s.ID, Data: s.Data[:n]}); err == nil {
			t.Errorf("%s, %d bytes of the section: read as %v", name, n, got)
		}
	}
	if got, err := ble.ParseFrame(ble.Section{Kind: s.Kind, ID: s.ID, Data: append(bytes.Clone(s.Data), 0)}); err == nil {
		t.Errorf("%s with a byte more: read as %v", name, got)
	}
}

// wholeIn returns those of a payload's sections that lie whole in its beginning.
func wholeIn(beginning []byte, sections []ble.Section) []ble.Section {
	for i := range sections {
		whole, err := ble.AppendPayload(nil, sections[:i+1])
		if err != nil || !holds(beginning, whole) {
			return sections[:i]
		}
	}
	return sections
}

// holds reports whether the structures of b stand in a in the same order.
func holds(a, b []byte) bool {
	for len(b) > 0 {
		n := 1 + int(b[0])
		at := bytes.Index(a, b[:n])
		if at < 0 {
			return false
		}
		a, b = a[at+n:], b[n:]
	}
	return true
}

func sameSections(a, b []ble.Section) bool {
	return slices.EqualFunc(a, b, func(x, y ble.Section) bool { return x.Kind == y.Kind && x.ID == y.ID && bytes.Equal(x.Data, y.Data) })
}

// isBoundary reports whether the first n bytes of payload are whole structures.
func isBoundary(payload []byte, n int) bool {
	at := 0
	for at < n {
		if payload[at] == 0 {
			return true
		}
		at += 1 + int(payload[at])
	}
	return at == n
}

func TestAppendEID(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ power, want pay.RSSI }{
		"usual":      {-59, -59},
		"weakest":    {-75, -75},
		"strongest":  {-45, -45},
		"below":      {-100, -75},
		"above":      {0, -45},
		"far beyond": {127, -45},
	} {
		code := pay.CodeAt(pay.IdentityKey{1}, 6, 7)
		payload := ble.AppendEID([]byte{}, code, c.power)
		if len(payload) > ble.LegacyBytesMax {
			t.Errorf("%s: %d bytes do not fit a legacy advertisement", name, len(payload))
		}
		sections, err := ble.ParsePayload(nil, payload)
		if err != nil || len(sections) != 1 {
			t.Fatalf("%s: sections %v, error %v", name, sections, err)
		}
		f, err := ble.ParseFrame(sections[0])
		if err != nil || f.Kind != ble.EID || f.Code != code || f.Power != c.want || len(f.ID()) != 0 {
			t.Errorf("%s: %v, error %v", name, f, err)
		}
	}
}

func TestAppendPayloadRefuses(t *testing.T) {
	t.Parallel()
	for name, s := range map[string]ble.Section{
		"too long":     {Kind: ble.ServiceData, Data: make([]byte, ble.SectionBytesMax+1)},
		"unknown kind": {Kind: 0x01},
	} {
		if b, err := ble.AppendPayload(nil, []ble.Section{s}); err == nil {
			t.Errorf("%s: accepted as %x", name, b)
		}
	}
}

func TestTooManySections(t *testing.T) {
	t.Parallel()
	one := []byte{3, 0x16, 0xAA, 0xFE}
	if got, err := ble.ParsePayload(nil, bytes.Repeat(one, ble.SectionsMax)); err != nil || len(got) != ble.SectionsMax {
		t.Errorf("at the limit: %d sections, %v", len(got), err)
	}
	if got, err := ble.ParsePayload(nil, bytes.Repeat(one, ble.SectionsMax+1)); err == nil || len(got) != ble.SectionsMax {
		t.Errorf("above the limit: %d sections, %v", len(got), err)
	}
}

func TestAddress(t *testing.T) {
	t.Parallel()
	a, err := ble.ParseAddress("5a:01:c2:33:44:ff")
	if err != nil || a.String() != "5A:01:C2:33:44:FF" {
		t.Errorf("have %v, %v", a, err)
	}
	for _, bad := range []string{"", "5A", "5A:01:C2:33:44", "5A:01:C2:33:44:FF:00", "5A:01:C2:33:44:F", "5A:01:C2:33:44:GG", "5A-01-C2-33-44-FF"} {
		if a, err := ble.ParseAddress(bad); err == nil {
			t.Errorf("%q was read as %v", bad, a)
		}
	}
}

// FuzzPayload reads any bytes; what is read is written and read again as the
// same, and without damage.
func FuzzPayload(f *testing.F) {
	for _, v := range vectors(f) {
		f.Add(v.payload)
	}
	f.Fuzz(func(t *testing.T, payload []byte) {
		sections, damage := ble.ParsePayload(nil, payload)
		if len(sections) > ble.SectionsMax || len(payload) > ble.PayloadBytesMax && damage == nil {
			t.Fatalf("beyond its limits: %d sections in %d bytes", len(sections), len(payload))
		}
		again, err := ble.AppendPayload(nil, sections)
		if err != nil {
			t.Fatalf("append what was parsed: %v", err)
		}
		second, err := ble.ParsePayload(nil, again)
		if err != nil || len(second) != len(sections) {
			t.Fatalf("parse what was appended: %d sections of %d, %v", len(second), len(sections), err)
		}
		for i, s := range sections {
			if s.Kind != second[i].Kind || s.ID != second[i].ID || !bytes.Equal(s.Data, second[i].Data) {
				t.Fatalf("section %d changed: %v, %v", i, s, second[i])
			}
			if f, err := ble.ParseFrame(s); err == nil && f.Kind.String() == "unknown" {
				t.Fatalf("a frame of no kind: %v", f)
			}
		}
	})
}

// FuzzFrame reads any section, and every prefix of it: a frame has the exact
// length of its format, has only the fields of its format, and owns its bytes.
func FuzzFrame(f *testing.F) {
	for _, v := range vectors(f) {
		sections, err := ble.ParsePayload(nil, v.payload)
		if err != nil {
			continue
		}
		for _, s := range sections {
			f.Add(uint8(s.Kind), s.ID, s.Data)
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, id uint16, data []byte) {
		for n := range len(data) + 1 {
			section := ble.Section{Kind: ble.SectionKind(kind), ID: id, Data: bytes.Clone(data[:n])}
			frame, err := ble.ParseFrame(section)
			if err != nil {
				if frame != (ble.Frame{}) || !errors.Is(err, ble.ErrNoFrame) && !errors.Is(err, ble.ErrFrameLength) {
					t.Fatalf("%d bytes: refused with %v, yet %v", n, err, frame)
				}
				continue
			}
			checkFrame(t, section, frame)
			text := frame.String()
			clear(section.Data)
			if frame.String() != text {
				t.Fatalf("%d bytes: the frame shares memory with its section", n)
			}
		}
	})
}

// frameLengths lists the lengths of each format and of its identity, in bytes.
var frameLengths = map[ble.FrameKind]struct {
	kind   ble.SectionKind
	bytes  []int
	id     int
	prefix []byte
}{
	ble.EID:       {ble.ServiceData, []int{10}, 0, []byte{0x30}},
	ble.UID:       {ble.ServiceData, []int{18, 20}, 16, []byte{0x00}},
	ble.TLM:       {ble.ServiceData, []int{14}, 0, []byte{0x20, 0x00}},
	ble.IBeacon:   {ble.ManufacturerData, []int{23}, 20, []byte{0x02, 0x15}},
	ble.AltBeacon: {ble.ManufacturerData, []int{24}, 20, []byte{0xBE, 0xAC}},
}

func checkFrame(t *testing.T, s ble.Section, f ble.Frame) {
	t.Helper()
	want, known := frameLengths[f.Kind]
	switch {
	case !known || s.Kind != want.kind || !slices.Contains(want.bytes, len(s.Data)) || !bytes.HasPrefix(s.Data, want.prefix):
		t.Fatalf("%d bytes of kind %d read as %v", len(s.Data), s.Kind, f)
	case len(f.ID()) != want.id || want.id > 0 && !bytes.Equal(f.ID(), s.Data[2:2+want.id]):
		t.Fatalf("identity %x out of %x", f.ID(), s.Data)
	case s.Kind == ble.ServiceData && s.ID != ble.ServiceUUID, f.Kind == ble.IBeacon && s.ID != 0x004C:
		t.Fatalf("%v under the number %04x", f, s.ID)
	case f.Kind != ble.EID && f.Code != (pay.Code{}), f.Kind != ble.TLM && f.Telemetry != (ble.Telemetry{}), f.Kind == ble.TLM && f.Power != 0:
		t.Fatalf("%v says what its format does not", f)
	}
}

// TestWorkedExample compares the document with the vector and the code: the
// bytes in its table are the payload of the vector that it names.
func TestWorkedExample(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("ADVERT.md")
	if err != nil {
		t.Fatal(err)
	}
	_, example, found := strings.Cut(string(text), "## Worked example\n")
	if !found {
		t.Fatal("ADVERT.md has no worked example")
	}
	example, _, _ = strings.Cut(example, "\n## ")
	var spelt strings.Builder
	for line := range strings.Lines(example) {
		if cells := strings.Split(line, "`"); strings.HasPrefix(line, "| `") && len(cells) > 2 {
			spelt.WriteString(strings.ReplaceAll(cells[1], " ", ""))
		}
	}
	payload, err := hex.DecodeString(spelt.String())
	if err != nil {
		t.Fatalf("bytes of the example %q: %v", spelt.String(), err)
	}
	all := vectors(t)
	i := slices.IndexFunc(all, func(v vector) bool { return v.name == "eid" })
	if !bytes.Equal(payload, all[i].payload) {
		t.Errorf("document %x, vector %x", payload, all[i].payload)
	}
	if !strings.Contains(example, "`"+all[i].want+"`") {
		t.Errorf("the document does not say what it reads as: %s", all[i].want)
	}
	key, err := hex.DecodeString("0102030405060708090a111213141516")
	if err != nil || !strings.Contains(example, hex.EncodeToString(key)) {
		t.Fatal("the document names another key")
	}
	if made := ble.AppendEID(nil, pay.CodeAt(pay.IdentityKey(key), 10, 0), ble.PowerReference); !bytes.Equal(made, payload) {
		t.Errorf("document %x, a device sends %x", payload, made)
	}
}
