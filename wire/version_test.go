package wire_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"os"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

func TestCommonVersion(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		a, b wire.Versions
		want wire.Version // 0: none
	}{
		{"the same one", wire.Versions{Min: 3, Max: 3}, wire.Versions{Min: 3, Max: 3}, 3},
		{"the same range", wire.Versions{Min: 3, Max: 5}, wire.Versions{Min: 3, Max: 5}, 5},
		{"one is newer", wire.Versions{Min: 3, Max: 4}, wire.Versions{Min: 3, Max: 7}, 4},
		{"they overlap", wire.Versions{Min: 3, Max: 5}, wire.Versions{Min: 5, Max: 7}, 5},
		{"one lies inside", wire.Versions{Min: 3, Max: 9}, wire.Versions{Min: 5, Max: 6}, 6},
		{"they touch and do not overlap", wire.Versions{Min: 3, Max: 4}, wire.Versions{Min: 5, Max: 6}, 0},
		{"they lie far apart", wire.Versions{Min: 2, Max: 2}, wire.Versions{Min: 60_000, Max: 65_535}, 0},
		{"a peer that says version 0", wire.Versions{}, wire.Versions{Min: 3, Max: 3}, 0},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			for _, pair := range [][2]wire.Versions{{c.a, c.b}, {c.b, c.a}} {
				got, ok := pair[0].Common(pair[1])
				if ok != (c.want != 0) || (ok && got != c.want) {
					t.Errorf("%v and %v have %d in common (%v), want %d", pair[0], pair[1], got, ok, c.want)
				}
				if ok && (!c.a.Holds(got) || !c.b.Holds(got)) {
					t.Errorf("%d is not in both of %v and %v", got, c.a, c.b)
				}
			}
		})
	}
}

func TestGreetingsCarryTheirRange(t *testing.T) {
	t.Parallel()
	for lowest := wire.Version(1); lowest <= 5; lowest++ {
		for highest := lowest; highest <= 5; highest++ {
			want := wire.Versions{Min: lowest, Max: highest}
			if got := (wire.Hello{}).Speaking(want).Versions(); got != want {
				t.Errorf("Hello: %v, want %v", got, want)
			}
			if got := (wire.Enrol{}).Speaking(want).Versions(); got != want {
				t.Errorf("Enrol: %v, want %v", got, want)
			}
			for chosen := lowest; chosen <= highest; chosen++ {
				w := wire.Welcome{}.Speaking(chosen, want)
				if got := w.Versions(); got != want || w.Version != chosen {
					t.Errorf("Welcome: %v and %d, want %v and %d", got, w.Version, want, chosen)
				}
			}
		}
	}
}

// greeting is one frame of testdata/vectors/greetings.json: a message with
// which a session begins, of this version and of the last one without ranges.
// The file is never written anew; a change of layout adds to it.
type greeting struct {
	Name   string       `json:"name"`
	Type   wire.Type    `json:"type"`
	Min    wire.Version `json:"min"`    // what the sender speaks
	Max    wire.Version `json:"max"`    //
	Chosen wire.Version `json:"chosen"` // by the registry, in a Welcome
	// Writes is false for a frame that this program reads as another one: it
	// leaves out the keys that it may ignore.
	Writes bool   `json:"writes"`
	Hex    string `json:"hex"`
}

func TestGreetingsOfAllVersionsAreRead(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("../testdata/vectors/greetings.json")
	if err != nil {
		t.Fatal(err)
	}
	var greetings []greeting
	if err := json.Unmarshal(raw, &greetings); err != nil {
		t.Fatal(err)
	}
	for _, g := range greetings {
		t.Run(g.Name, func(t *testing.T) {
			frame, err := hex.DecodeString(g.Hex)
			if err != nil {
				t.Fatal(err)
			}
			m, err := wire.ReadMessage(bytes.NewReader(frame), pay.FirstFrameBytesMax)
			if err != nil {
				t.Fatal(err)
			}
			var versions wire.Versions
			var chosen wire.Version
			switch m := m.(type) {
			case wire.Hello:
				versions = m.Versions()
			case wire.Enrol:
				versions = m.Versions()
			case wire.Welcome:
				versions, chosen = m.Versions(), m.Version
			}
			if m.Type() != g.Type || versions.Min != g.Min || versions.Max != g.Max || chosen != g.Chosen {
				t.Errorf("read %T of versions %v, chosen %d", m, versions, chosen)
			}
			if same := bytes.Equal(wire.Append(nil, m), frame); same != g.Writes {
				t.Errorf("writes the same bytes: %v, want %v", same, g.Writes)
			}
		})
	}
}

// TestHelloOfOneVersionIsReadByVersion2 holds the layout to what the last
// version without ranges accepts: exactly these six keys. Only so does its
// registry answer with the error that says what to upgrade.
func TestHelloOfOneVersionIsReadByVersion2(t *testing.T) {
	t.Parallel()
	type helloOfVersion2 struct {
		Version     uint16          `cbor:"1,keyasint"`
		Scope       pay.Scope       `cbor:"2,keyasint"`
		Cursor      pay.Cursor      `cbor:"3,keyasint"`
		Digest      pay.Digest      `cbor:"4,keyasint"`
		Incarnation pay.Incarnation `cbor:"5,keyasint"`
		Last        uint64          `cbor:"6,keyasint"`
	}
	type enrolOfVersion2 struct {
		Version uint16       `cbor:"1,keyasint"`
		Invite  pay.InviteID `cbor:"2,keyasint"`
		Proof   [32]byte     `cbor:"3,keyasint"`
		Role    pay.Role     `cbor:"4,keyasint"`
		Name    pay.Name     `cbor:"5,keyasint,omitempty"`
	}
	var hello helloOfVersion2
	if err := pay.Decode(pay.Encode(wire.Hello{Scope: "m/cafe"}.Speaking(wire.Versions{Min: 3, Max: 3})), &hello); err != nil || hello.Version != 3 {
		t.Errorf("Hello: version %d, %v", hello.Version, err)
	}
	var enrol enrolOfVersion2
	if err := pay.Decode(pay.Encode(wire.Enrol{Role: pay.RoleBox}.Speaking(wire.Versions{Min: 3, Max: 3})), &enrol); err != nil || enrol.Version != 3 {
		t.Errorf("Enrol: version %d, %v", enrol.Version, err)
	}
}
