package ble_test

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// drawStructure draws one sound AD structure and, if it is one, its section.
func drawStructure(t *rapid.T) ([]byte, []ble.Section) {
	kind := rapid.SampledFrom([]byte{0x01, 0x03, 0x09, 0x16, 0xFF}).Draw(t, "type")
	data := rapid.SliceOfN(rapid.Byte(), 0, 40).Draw(t, "data")
	section := ble.Section{Kind: ble.SectionKind(kind), ID: rapid.Uint16().Draw(t, "id"), Data: data}
	if b, err := ble.AppendPayload(nil, []ble.Section{section}); err == nil {
		return b, []ble.Section{section}
	}
	return append([]byte{byte(1 + len(data)), kind}, data...), nil
}

// drawDamage draws a structure without an ID, after which the next one begins, or
// an ending after which nothing can be read.
func drawDamage(t *rapid.T) (b []byte, ends bool) {
	switch rapid.IntRange(0, 4).Draw(t, "damage") {
	case 0:
		return []byte{1, rapid.SampledFrom([]byte{0x16, 0xFF}).Draw(t, "type")}, false
	case 1:
		return []byte{2, rapid.SampledFrom([]byte{0x16, 0xFF}).Draw(t, "type"), rapid.Byte().Draw(t, "half an id")}, false
	case 2: // zeros, and something after them
		return append(make([]byte, rapid.IntRange(1, 20).Draw(t, "zeros")), rapid.ByteRange(1, 255).Draw(t, "more")), true
	case 3: // a structure that is cut, at the least behind its length
		whole, _ := drawStructure(t)
		return whole[:rapid.IntRange(1, len(whole)-1).Draw(t, "cut at")], true
	default: // the three bytes of a checksum, of which no section can be made
		return append([]byte{rapid.ByteRange(3, 255).Draw(t, "checksum")}, rapid.SliceOfN(rapid.Byte(), 2, 2).Draw(t, "its rest")...), true
	}
}

// TestDamageHidesNoSoundStructure puts damage of every kind between and behind
// sound structures: every section before an ending is read, and the damage named.
func TestDamageHidesNoSoundStructure(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		var payload []byte
		var want []ble.Section
		damaged := false
		for range rapid.IntRange(0, 12).Draw(t, "structures") {
			if rapid.IntRange(0, 4).Draw(t, "odd") > 0 {
				b, sections := drawStructure(t)
				payload, want = append(payload, b...), append(want, sections...)
				continue
			}
			b, ends := drawDamage(t)
			payload, damaged = append(payload, b...), true
			if ends {
				break
			}
		}
		kept := []ble.Section{{Kind: ble.ServiceData, ID: 1}}
		got, err := ble.ParsePayload(kept, payload)
		if !sameSections(got[:1], kept) || !sameSections(got[1:], want) || (err != nil) != damaged {
			t.Fatalf("%x: have %v, error %v\nwant %v, damaged %v", payload, got[1:], err, want, damaged)
		}
	})
}

// TestExtendedPayloads reads payloads up to the longest that can be sent, with a
// code at their end, and of a longer one what lies within that length.
func TestExtendedPayloads(t *testing.T) {
	t.Parallel()
	code := ble.AppendEID(nil, pay.Code{7}, ble.PowerReference)
	long, err := ble.AppendPayload(nil, []ble.Section{{Kind: ble.ManufacturerData, ID: 0xFFFF, Data: make([]byte, ble.SectionBytesMax)}})
	if err != nil || len(long) != 256 {
		t.Fatalf("the longest section takes %d bytes, %v", len(long), err)
	}
	for _, size := range []int{32, 255, 256, 300, 1024, ble.PayloadBytesMax - 1, ble.PayloadBytesMax} {
		rest := size - len(code)
		payload := bytes.Repeat(long, rest/len(long))
		if rest %= len(long); rest > 0 {
			payload = append(append(payload, byte(rest-1)), bytes.Repeat([]byte{0x09}, rest-1)...)
		}
		payload = append(payload, code...)
		sections, err := ble.ParsePayload(nil, payload)
		if err != nil || len(payload) != size || !holdsCode(sections, pay.Code{7}) {
			t.Errorf("%d bytes of %d: %d sections, %v", len(payload), size, len(sections), err)
		}
		payload = append(payload, bytes.Repeat(code, ble.PayloadBytesMax/len(code))...)
		sections, err = ble.ParsePayload(nil, payload)
		if err == nil || !holdsCode(sections, pay.Code{7}) {
			t.Errorf("%d bytes: %d sections, %v, want those within the limit and an error", len(payload), len(sections), err)
		}
	}
}

func holdsCode(sections []ble.Section, code pay.Code) bool {
	for _, s := range sections {
		if f, err := ble.ParseFrame(s); err == nil && f.Kind == ble.EID && f.Code == code {
			return true
		}
	}
	return false
}
