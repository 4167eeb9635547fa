package pay_test

import (
	"crypto/ecdh"
	"encoding/hex"
	"strconv"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"pgregory.net/rapid"
)

const codeVectors = "../testdata/vectors/codes.txt"

func TestCodeVectors(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	for _, f := range vectorLines(t, codeVectors) {
		seen[f[0]]++
		in, want := f[2:len(f)-1], f[len(f)-1]
		var got string
		switch f[0] {
		case "eid":
			k, counter := pay.Exponent(number(t, in[1])), pay.Counter(number(t, in[2]))
			got = pay.CodeAt(pay.IdentityKey(unhex(t, in[0])), k, k.Step(counter)).String()
		case "ik":
			got = identityKey(t, in)
		case "enrol":
			p := pay.InviteProof(pay.InviteSecret(unhex(t, in[0])), unhex(t, in[1]), pay.PublicKey(unhex(t, in[2])))
			got = hex.EncodeToString(p[:])
		case "pair":
			pin, err := pay.ParsePIN(in[0])
			if err != nil {
				t.Fatal(err)
			}
			p := pay.PairingProof(pin, unhex(t, in[2]), pay.Role(in[1]), pay.PublicKey(unhex(t, in[3])), pay.PublicKey(unhex(t, in[4])))
			got = hex.EncodeToString(p[:])
		default:
			t.Fatalf("%s: a kind of vector that no test reads", f[0])
		}
		if got != want {
			t.Errorf("%s %s: have %s, want %s", f[0], f[1], got, want)
		}
	}
	if seen["eid"] < 20 || seen["ik"] < 2 || seen["enrol"] < 1 || seen["pair"] < 2 {
		t.Errorf("%s holds only %v", codeVectors, seen)
	}
}

// identityKey derives a key from both sides and returns it when they agree.
func identityKey(t *testing.T, in []string) string {
	t.Helper()
	private := func(s string) *ecdh.PrivateKey {
		k, err := ecdh.X25519().NewPrivateKey(unhex(t, s))
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	resolver, beacon := private(in[0]), private(in[1])
	if got := hex.EncodeToString(resolver.PublicKey().Bytes()); got != in[2] {
		t.Errorf("resolver's public key is %s, want %s", got, in[2])
	}
	if got := hex.EncodeToString(beacon.PublicKey().Bytes()); got != in[3] {
		t.Errorf("beacon's public key is %s, want %s", got, in[3])
	}
	derive := func(own *ecdh.PrivateKey, peer *ecdh.PublicKey) pay.IdentityKey {
		shared, err := own.ECDH(peer)
		if err != nil {
			t.Fatal(err)
		}
		ik, err := pay.DeriveIdentityKey(shared, pay.BeaconKey(resolver.PublicKey().Bytes()), pay.BeaconKey(beacon.PublicKey().Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		return ik
	}
	a, b := derive(resolver, beacon.PublicKey()), derive(beacon, resolver.PublicKey())
	if a != b {
		t.Errorf("registry derives %x, device derives %x", a, b)
	}
	return hex.EncodeToString(a[:])
}

func number(t *testing.T, s string) uint64 {
	t.Helper()
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// Many codes at once are what one at a time are, across each 65,536 seconds and
// up to the last step that a counter can reach.
func TestCodesAtIsCodeAtRepeated(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		ik := pay.IdentityKey(rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(r, "ik"))
		k := pay.Exponent(rapid.IntRange(0, int(pay.ExponentMax)).Draw(r, "K"))
		edge := pay.Counter(rapid.Uint32Range(0, 1<<16-1).Draw(r, "edge")) << 16
		first := k.Step(edge) - pay.Step(rapid.IntRange(0, 5).Draw(r, "before"))
		out := make([]pay.Code, rapid.IntRange(0, 12).Draw(r, "n"))
		pay.CodesAt(ik, k, first, out)
		for i, c := range out {
			if want := pay.CodeAt(ik, k, first+pay.Step(i)); c != want {
				r.Fatalf("K %d, step %d: have %s, want %s", k, first+pay.Step(i), c, want)
			}
		}
	})
}

func TestStepsOfACounter(t *testing.T) {
	t.Parallel()
	for k := range pay.ExponentMax + 1 {
		last := ^pay.Counter(0)
		if k.Seconds() != 1<<k || k.Step(last) != pay.Step(1<<(32-k)-1) {
			t.Errorf("K %d: a step of %d s, last step %d", k, k.Seconds(), k.Step(last))
		}
		for _, c := range []pay.Counter{0, 1, 65_279, 65_280, 65_535, 65_536, last} {
			s := k.Step(c)
			if start := k.Start(s); start > c || c-start >= k.Seconds() {
				t.Errorf("K %d, counter %d: step %d starts at %d", k, c, s, start)
			}
		}
	}
}
