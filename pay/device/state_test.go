package device_test

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

func anyState(t *rapid.T, resolver pay.BeaconKey) device.State {
	s := device.State{
		Seed: [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "seed")), Beacon: [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(t, "beacon")),
		Exponent: pay.Exponent(rapid.IntRange(0, 15).Draw(t, "k")),
		Counter:  device.Reading(rapid.Int64Range(0, int64(device.ReadingMax)).Draw(t, "counter")),
		At:       pay.Time(rapid.Int64Range(-1<<50, 1<<50).Draw(t, "at")),
	}
	if rapid.Bool().Draw(t, "bound") {
		s.Binding = &device.Binding{Registry: pay.NodeID{1}, Resolver: resolver, Wallet: pay.PublicKey{2}, Type: pay.TypeJack}
		s.Spent = pay.PIN([]byte("0123456789AB"))
	}
	return s
}

func TestStateRoundTrip(t *testing.T) {
	t.Parallel()
	resolver := resolverKey(t)
	rapid.Check(t, func(t *rapid.T) {
		s := anyState(t, resolver)
		raw := s.Encode()
		back, err := device.Decode(raw)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(back.Encode(), raw) || (s.Binding == nil) != (back.Binding == nil) {
			t.Fatalf("read back something else: %x, want %x", back.Encode(), raw)
		}
	})
}

func TestDecodeRefusesDamage(t *testing.T) {
	t.Parallel()
	resolver, s := published(t, 6, 99)
	s.Binding = &device.Binding{Registry: pay.NodeID{1}, Resolver: resolver, Wallet: pay.PublicKey{2}, Type: pay.TypeTag}
	raw := s.Encode()
	for n := range raw {
		if _, err := device.Decode(raw[:n]); pay.CodeOf(err) != pay.CodeConfig {
			t.Fatalf("the first %d bytes: %v", n, err)
		}
	}
	change := func(f func(*device.State)) []byte {
		other := s
		f(&other)
		return other.Encode()
	}
	for _, c := range []struct {
		name string
		raw  []byte
		want pay.ErrorCode
	}{
		{"a byte more", append(bytes.Clone(raw), 0), pay.CodeConfig},
		{"another file", []byte("-----BEGIN PRIVATE KEY-----\n"), pay.CodeConfig},
		{"no version", append([]byte("paybeacon-device/\n"), raw...), pay.CodeConfig},
		{"version zero", []byte("paybeacon-device/0\n"), pay.CodeConfig},
		{"a newer version", []byte("paybeacon-device/4\nwhatever it holds"), pay.CodeNewerData},
		{"far too long", make([]byte, 1<<20), pay.CodeConfig},
		{"exponent", change(func(s *device.State) { s.Exponent = 16 }), pay.CodeConfig},
		{"negative counter", change(func(s *device.State) { s.Counter = -1 }), pay.CodeConfig},
		{"counter of 33 bits", change(func(s *device.State) { s.Counter = device.ReadingMax + 1 }), pay.CodeConfig},
		{"no date", change(func(s *device.State) { s.At = 1 << 60 }), pay.CodeConfig},
		{"unknown type", change(func(s *device.State) { s.Binding = &device.Binding{Resolver: resolver, Type: "boat"} }), pay.CodeConfig},
		{"resolver key without a secret", change(func(s *device.State) { s.Binding = &device.Binding{Type: pay.TypeTag} }), pay.CodeConfig},
	} {
		if _, err := device.Decode(c.raw); pay.CodeOf(err) != c.want {
			t.Errorf("%s: %v, want %s", c.name, err, c.want)
		}
	}
}

func TestNewDevicesDiffer(t *testing.T) {
	t.Parallel()
	a, err := device.New(random(1), 6, 7)
	if err != nil {
		t.Fatal(err)
	}
	b, err := device.New(random(2), 6, 7)
	if err != nil {
		t.Fatal(err)
	}
	if a.Seed == b.Seed || a.Beacon == b.Beacon || a.Counter == b.Counter || a.Binding != nil {
		t.Errorf("two new devices share something: %v, %v", a, b)
	}
	if a.Counter < 0 || a.Counter >= 1<<28*1000 {
		t.Errorf("the first counter is %d", a.Counter)
	}
	if _, err := device.New(random(1), 16, 7); err == nil {
		t.Error("an exponent of 16 was accepted")
	}
	if _, err := device.New(strings.NewReader("too short"), 6, 7); err == nil {
		t.Error("a device was made of nine random bytes")
	}
}

func TestStateDoesNotPrintItsSecrets(t *testing.T) {
	t.Parallel()
	_, s := published(t, 6, 99)
	s.Spent = pay.PIN([]byte("0123456789AB"))
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x"} {
		for _, v := range []any{s, &s, device.Options{State: s}} {
			text := fmt.Sprintf(verb, v)
			for _, secret := range []string{hex.EncodeToString(s.Beacon[:8]), strings.Trim(fmt.Sprint([]int{int(s.Beacon[0]), int(s.Beacon[1]), int(s.Beacon[2])}), "[]"), "0123-4567", fmt.Sprintf("0x%x, 0x%x", s.Beacon[0], s.Beacon[1])} {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T prints a secret", verb, v)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	s, err := device.New(random(1), 6, 7)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(s.Encode())
	f.Add([]byte("paybeacon-device/2\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s, err := device.Decode(raw)
		if err != nil {
			if pay.CodeOf(err) == pay.CodeFailed {
				t.Fatalf("an error without a code: %v", err)
			}
			return
		}
		again, err := device.Decode(s.Encode())
		if err != nil || !bytes.Equal(again.Encode(), s.Encode()) {
			t.Fatalf("accepted a state that does not come back: %v", err)
		}
	})
}
