package link_test

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/link"
)

// vectors are the frames as the package comment draws them.
func vectors() []struct {
	name, want string
	frame      []byte
} {
	b32 := func(b byte) [32]byte { return [32]byte(bytes.Repeat([]byte{b}, 32)) }
	h32 := func(digits string) string { return strings.Repeat(digits, 32) }
	return []struct {
		name, want string
		frame      []byte
	}{
		{"prove", "00000025" + "01" + "a1015820" + h32("aa"), link.ProveFrame(b32(0xaa))},
		{"ask", "0000004d" + "02" + "a3015820" + h32("01") + "025820" + h32("02") + "0363746167", link.AskFrame(b32(1), b32(2), pay.TypeTag)},
		{"kept", "00000002" + "03" + "a0", link.KeptFrame()},
		{"release", "00000002" + "04" + "a0", link.ReleaseFrame()},
		{"proof", "00000025" + "10" + "a1015820" + h32("bb"), link.ProofFrame(b32(0xbb))},
		{"bind", "00000007" + "11" + "a10143010203", link.BindFrame([]byte{1, 2, 3})},
		{"done", "00000002" + "12" + "a0", link.DoneFrame()},
		{"refuse", "00000009" + "13" + "a10165626f756e64", link.RefuseFrame("bound")},
	}
}

func TestFrameVectors(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		if got := hex.EncodeToString(v.frame); got != v.want {
			t.Errorf("%s is %s, want %s", v.name, got, v.want)
		}
		kind, again, err := link.ReadAny(bytes.NewReader(v.frame))
		if err != nil || !bytes.Equal(again, v.frame) || kind != v.frame[4] {
			t.Errorf("%s comes back as %x, error %v", v.name, again, err)
		}
	}
}

func TestFramePrefixes(t *testing.T) {
	t.Parallel()
	for _, v := range vectors() {
		for n := range v.frame {
			want := io.ErrUnexpectedEOF
			if n == 0 {
				want = io.EOF
			}
			if _, _, err := link.ReadAny(bytes.NewReader(v.frame[:n])); !errors.Is(err, want) {
				t.Errorf("the first %d bytes of %s: %v, want %v", n, v.name, err, want)
			}
		}
	}
}

// badFrames are complete frames that nobody may accept.
func badFrames(t *testing.T) map[string][]byte {
	t.Helper()
	bad := map[string][]byte{}
	for name, digits := range map[string]string{
		"no type":                 "00000000",
		"one byte too long":       "00001001",
		"four gigabytes":          "ffffffff",
		"unknown type":            "0000000205a0",
		"type without a body":     "0000000103",
		"body that is no map":     "000000020300",
		"unknown field":           "0000000403a10100",
		"a byte after the body":   "0000000303a000",
		"length not the shortest": "0000000303b800",
		"indefinite length":       "0000000303bfff",
		"proof of one byte":       "0000000501a1014100",
		"reason that is no text":  "0000000513a1014100",
		"field twice":             "0000000b11a201410101410200000000",
		"deep nesting":            "0000001011" + strings.Repeat("81", 15),
		"huge byte string":        "0000000b11a1015affffffff0000",
	} {
		raw, err := hex.DecodeString(digits)
		if err != nil {
			t.Fatal(err)
		}
		bad[name] = raw
	}
	return bad
}

func TestBadFrames(t *testing.T) {
	t.Parallel()
	for name, raw := range badFrames(t) {
		_, _, err := link.ReadAny(io.MultiReader(bytes.NewReader(raw), bytes.NewReader(make([]byte, 64))))
		if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func FuzzReadFrame(f *testing.F) {
	for _, v := range vectors() {
		f.Add(v.frame)
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		_, again, err := link.ReadAny(bytes.NewReader(raw))
		if err == nil && !bytes.HasPrefix(raw, again) {
			t.Fatalf("accepted %x, which is written %x", raw, again)
		}
	})
}
