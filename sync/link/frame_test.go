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

// vectors are frames in the layout of the package comment.
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
		{"sign a payment", "0000004d" + "05" + "a6" + "0163706179" + "0250" + strings.Repeat("03", 16) + "035820" + h32("04") +
			"04666d2f63616665" + "051904e2" + "0663455552", link.SignFrame(pay.Authentication{
			Purpose: pay.PurposePay, Nonce: pay.Nonce(bytes.Repeat([]byte{3}, 16)), Subject: b32(4), Merchant: "m/cafe", Amount: 1250, Currency: "EUR",
		})},
		{"sign a step-up", "0000004d" + "05" + "a5" + "016d737465702d75702d61626f7665" + "0250" + strings.Repeat("00", 16) + "035820" + h32("04") +
			"0500" + "0663455552", link.SignFrame(pay.Authentication{Purpose: pay.PurposeStepUpAbove, Subject: b32(4), Currency: "EUR"})},
		{"sign fuel", "00000063" + "09" + "a7" + "0150" + strings.Repeat("03", 16) + "025820" + h32("04") + "03666d2f63616665" + "041904e2" + "0563455552" +
			"06624138" + "07a5" + "0103" + "026664696573656c" + "03616c" + "04190667" + "0519c350", link.SignFrame(ofFuel(pay.Authentication{
			Nonce: pay.Nonce(bytes.Repeat([]byte{3}, 16)), Subject: b32(4), Merchant: "m/cafe", Amount: 1250, Currency: "EUR",
		}))},
		{"proof", "00000025" + "10" + "a1015820" + h32("bb"), link.ProofFrame(b32(0xbb))},
		{"bind", "00000007" + "11" + "a10143010203", link.BindFrame([]byte{1, 2, 3})},
		{"done", "00000002" + "12" + "a0", link.DoneFrame()},
		{"refuse", "00000009" + "13" + "a10165626f756e64", link.RefuseFrame("bound")},
		{"refuse for a while", "00000009" + "13" + "a101656f6674656e", link.RefuseFrame("often")},
		{"code", "00000045" + "14" + "a1015840" + strings.Repeat("cc", 64), link.CodeFrame(pay.AuthCode(bytes.Repeat([]byte{0xcc}, 64)))},
		{"air", "00000002" + "07" + "a0", link.AirFrame()},
		{"on air", "00000010" + "15" + "a2" + "01480102030405060708" + "0219fa00", link.OnAirFrame(pay.Code{1, 2, 3, 4, 5, 6, 7, 8}, 64_000)},
		{"level", "00000004" + "08" + "a10123", link.LevelFrame(-4)},
		{"states", "00000006" + "16" + "a10119fa00", link.StatesFrame(64_000)},
		{"refuse, a power of its own", "00000009" + "13" + "a101656669786564", link.RefuseFrame("fixed")},
		{"refuse, nothing on the air", "0000000a" + "13" + "a1016673696c656e74", link.RefuseFrame("silent")},
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

// badFrames are complete frames that must be refused.
func badFrames(t *testing.T) map[string][]byte {
	t.Helper()
	bad := map[string][]byte{}
	for name, digits := range map[string]string{
		"no type":                 "00000000",
		"one byte too long":       "00001001",
		"four gigabytes":          "ffffffff",
		"unknown type":            "00000002" + "06" + "a0",
		"level beyond 8 bits":     "00000006" + "08" + "a1011903e8",
		"level a float":           "00000006" + "08" + "a101f94400",
		"no level":                "00000002" + "08" + "a0",
		"air with a field below":  "00000004" + "07" + "a10100",
		"on air, code of 7 bytes": "0000000e" + "15" + "a2" + "014701020304050607" + "0219fa00",
		"on air, code of 9 bytes": "00000010" + "15" + "a2" + "0149010203040506070809" + "0200",
		"on air, stays a float":   "00000010" + "15" + "a2" + "01480102030405060708" + "02f93c00",
		"type without a body":     "0000000103",
		"body that is no map":     "000000020300",
		"unknown field":           "0000000403a10100",
		"a byte after the body":   "0000000303a000",
		"length not the shortest": "0000000303b800",
		"indefinite length":       "0000000303bfff",
		"proof of one byte":       "0000000501a1014100",
		"reason that is no text":  "0000000513a1014100",
		"field twice":             "0000000b11a201410101410200000000",
		"code of 63 bytes":        "00000044" + "14" + "a101583f" + strings.Repeat("cc", 63),
		"code of 65 bytes":        "00000046" + "14" + "a1015841" + strings.Repeat("cc", 65),
		"code as text":            "00000045" + "14" + "a1017840" + strings.Repeat("63", 64),
		"no code":                 "0000000214a0",
		"sign, no fields":         "0000000205a0",
		"sign, short nonce": "00000044" + "05" + "a5" + "01656c696d6974" + "024f" + strings.Repeat("00", 15) + "035820" + strings.Repeat("04", 32) +
			"0500" + "0663455552",
		"sign, merchant empty but there": "00000047" + "05" + "a6" + "01656c696d6974" + "0250" + strings.Repeat("00", 16) + "035820" +
			strings.Repeat("04", 32) + "0460" + "0500" + "0663455552",
		"sign, amount a float": "00000047" + "05" + "a5" + "01656c696d6974" + "0250" + strings.Repeat("00", 16) + "035820" +
			strings.Repeat("04", 32) + "05f93c00" + "0663455552",
		"deep nesting":     "0000001011" + strings.Repeat("81", 15),
		"huge byte string": "0000000b11a1015affffffff0000",
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
