package wire_test

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"reflect"
	"slices"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
	"pgregory.net/rapid"
)

// frameOf returns a frame of type t around a body.
func frameOf(t wire.Type, body []byte) []byte {
	frame := append(binary.BigEndian.AppendUint32(nil, uint32(len(body)+1)), byte(t))
	return append(frame, body...)
}

// grown returns the body of m as a newer program might write it: with more keys
// in the map that lies behind the given keys, in canonical form.
func grown(t testing.TB, m wire.Message, more map[uint64]any, path ...uint64) []byte {
	t.Helper()
	var body map[any]any
	if err := pay.Decode(pay.Encode(m), &body); err != nil {
		t.Fatal(err)
	}
	inner := body
	for _, key := range path {
		inner = inner[key].(map[any]any)
	}
	for key, value := range more {
		inner[key] = value
	}
	return pay.Encode(body)
}

func TestUnknownKeys(t *testing.T) {
	t.Parallel()
	named := map[string]wire.Message{}
	for _, s := range samples(t) {
		named[s.name] = s.msg
	}
	nested := map[any]any{uint64(1): []any{uint64(5), "x", []byte{1}, map[any]any{"y": true}}}
	cases := []struct {
		name string
		of   string // a sample
		more map[uint64]any
		path []uint64
		ok   bool
	}{
		{"the first that may be ignored", "hello", map[uint64]any{64: uint64(1)}, nil, true},
		{"the last that may not", "hello", map[uint64]any{63: uint64(1)}, nil, false},
		{"one of each sort", "hello", map[uint64]any{63: uint64(1), 64: uint64(1)}, nil, false},
		{"the largest", "welcome", map[uint64]any{1<<64 - 1: uint64(1)}, nil, true},
		{"several with values of any shape", "welcome", map[uint64]any{64: nested, 65: nil, 1_000: "text", 70_000: []any{}}, nil, true},
		{"in a map inside", "hello", map[uint64]any{64: uint64(1)}, []uint64{3}, true},
		{"two maps deep", "welcome", map[uint64]any{100: nested}, []uint64{3, 1}, true},
		{"one that must be known, in a map inside", "hello", map[uint64]any{4: uint64(1)}, []uint64{3}, false},
		{"beside a node's status", "enrolled", map[uint64]any{64: uint64(1)}, []uint64{1}, true},
		{"in entries", "entries", map[uint64]any{64: uint64(1)}, nil, true},
		{"in a push", "push", map[uint64]any{64: uint64(1)}, nil, true},
		{"in an ack", "ack with refusals", map[uint64]any{64: uint64(1)}, nil, true},
		{"in an ack without its optional field", "ack", map[uint64]any{64: uint64(1)}, nil, true},
		{"in what has no key of its own", "poke", map[uint64]any{64: uint64(1)}, nil, true},
		{"in a bye", "bye", map[uint64]any{64: uint64(1)}, nil, true},
		{"in a ping, which keeps its length", "ping", map[uint64]any{64: uint64(1)}, nil, false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			want := named[c.of]
			var body []byte
			if _, isPing := want.(wire.Ping); isPing {
				body = pay.Encode(map[uint64]any{1: uint64(0), 2: make([]byte, 40), 64: uint64(1)})
			} else {
				body = grown(t, want, c.more, c.path...)
			}
			got, err := wire.ReadMessage(bytes.NewReader(frameOf(want.Type(), body)), pay.FrameBytesMax)
			switch {
			case c.ok && err != nil:
				t.Fatal(err)
			case c.ok && !reflect.DeepEqual(got, want):
				t.Errorf("read %+v, want %+v", got, want)
			case !c.ok && !errors.Is(err, wire.ErrMalformed):
				t.Errorf("got %+v, %v, want ErrMalformed", got, err)
			}
		})
	}
}

// TestIgnoredKeysAreCanonicalAllTheSame holds what is ignored to the same form
// as all else, so that a message has one encoding at a peer that knows the keys.
func TestIgnoredKeysAreCanonicalAllTheSame(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		body string // of a Seen of entry 3
		ok   bool
	}{
		{"as it should be", "a20103184001", true},
		{"a value that is not the shortest", "a2010318401801", false},
		{"a value inside that is not the shortest", "a2010318408118 01", false},
		{"a key that is not the shortest", "a2010319004001", false},
		{"keys out of order", "a21840010103", false},
		{"a key twice", "a3010318400118 4001", false},
		{"a value without end", "a2010318409f01ff", false},
		{"text that is not UTF-8", "a2010318 4061ff", false},
		{"a value cut off", "a20103184042 01", false},
		{"a map without end", "bf0103184001ff", false},
		{"a byte more", "a2010318400100", false},
		{"a key that is text", "a20103616100", false},
		{"a key below zero", "a201032000", false},
		{"a key that must be known", "a201030203", false},
		{"the one that is known is missing", "a1184001", false},
		{"the one that is known is not the shortest", "a201 1803 184001", false},
		{"deeper than nine levels", "a201031840 8181818181818181818100", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			body, err := hex.DecodeString(string(bytes.ReplaceAll([]byte(c.body), []byte(" "), nil)))
			if err != nil {
				t.Fatal(err)
			}
			m, err := wire.ReadMessage(bytes.NewReader(frameOf(wire.TypeSeen, body)), pay.FrameBytesMax)
			switch {
			case c.ok && (err != nil || m != wire.Seen{Seq: 3}):
				t.Errorf("got %+v, %v", m, err)
			case !c.ok && !errors.Is(err, wire.ErrMalformed):
				t.Errorf("got %+v, %v, want ErrMalformed", m, err)
			}
		})
	}
}

func TestEveryTruncatedPrefixOfAGrownMessageIsRefused(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		switch s.msg.(type) {
		case wire.Ping, wire.Pong: // which do not grow
			continue
		}
		body := grown(t, s.msg, map[uint64]any{64: "new", 1_000: []any{uint64(1), []byte{2, 3}}})
		for n := range body {
			if m, err := wire.ReadMessage(bytes.NewReader(frameOf(s.msg.Type(), body[:n])), pay.FrameBytesMax); !errors.Is(err, wire.ErrMalformed) {
				t.Fatalf("%s cut to %d of %d bytes: %+v, %v, want ErrMalformed", s.name, n, len(body), m, err)
			}
		}
	}
}

func TestAnyMessageReadsTheSameWithMoreKeys(t *testing.T) {
	t.Parallel()
	all := slices.DeleteFunc(samples(t), func(s sample) bool {
		return s.msg.Type() == wire.TypePing || s.msg.Type() == wire.TypePong
	})
	rapid.Check(t, func(r *rapid.T) {
		s := rapid.SampledFrom(all).Draw(r, "message")
		leaf := rapid.OneOf(rapid.Map(rapid.Uint64(), func(n uint64) any { return n }), rapid.Map(rapid.String(), func(s string) any { return s }),
			rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) any { return b }), rapid.Just[any](nil), rapid.Just[any](true))
		value := rapid.OneOf(leaf, rapid.Map(rapid.SliceOfN(leaf, 0, 5), func(l []any) any { return l }),
			rapid.Map(rapid.MapOfN(rapid.Uint64(), leaf, 0, 5), func(m map[uint64]any) any { return m }))
		unknown := rapid.Uint64Min(64).Filter(func(key uint64) bool { return key < 80 || key > 82 })
		more := rapid.MapOfN(unknown, value, 1, 20).Draw(r, "more")
		got, err := wire.ReadMessage(bytes.NewReader(frameOf(s.msg.Type(), grown(t, s.msg, more))), pay.FrameBytesMax)
		if err != nil || !reflect.DeepEqual(got, s.msg) {
			r.Fatalf("%s: %+v, %v, want %+v", s.name, got, err, s.msg)
		}
	})
}
