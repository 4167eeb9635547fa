package pay_test

import (
	"bytes"
	"crypto/sha256"
	"crypto/x509"
	"errors"
	"io"
	"math"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"pgregory.net/rapid"
)

func TestIDsReadBackWhatTheyWrite(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		raw := [32]byte(rapid.SliceOfN(rapid.Byte(), 32, 32).Draw(r, "id"))
		p, err := pay.ParsePaymentID(pay.PaymentID(raw).String())
		if err != nil || p != raw || !strings.HasPrefix(p.String(), p.Short()) || len(p.Short()) != 10 {
			r.Fatalf("payment %x: %s, %v", raw, p, err)
		}
		n, err := pay.ParseNodeID(strings.ToUpper(pay.NodeID(raw).String()))
		if err != nil || n != raw || !strings.HasPrefix(n.String(), n.Short()) || pay.FactID(raw).String() != n.String() {
			r.Fatalf("node %x: %s, %v", raw, n, err)
		}
		if zero := raw == [32]byte{}; p.IsZero() != zero || n.IsZero() != zero || pay.FactID(raw).IsZero() != zero {
			r.Fatalf("%x: is zero: %v", raw, p.IsZero())
		}
	})
	if !(pay.FactID{}).IsZero() || !(pay.PaymentID{}).IsZero() || !(pay.NodeID{}).IsZero() {
		t.Error("the zero id is not zero")
	}
}

func TestIDsThatAreNone(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("0a", 32)
	for name, s := range map[string]string{
		"empty": "", "short": good[2:], "odd": good[1:], "long": good + "00", "prefix": "0x" + good[2:],
		"no digit": good[:63] + "g", "space": " " + good[1:], "newline": good + "\n", "wide digits": strings.Repeat("０", 64),
	} {
		if id, err := pay.ParsePaymentID(s); err == nil || !id.IsZero() {
			t.Errorf("%s: payment %s", name, id)
		}
		if id, err := pay.ParseNodeID(s); err == nil || !id.IsZero() {
			t.Errorf("%s: node %s", name, id)
		}
	}
}

func TestScopesOfRoles(t *testing.T) {
	t.Parallel()
	for role, want := range map[pay.Role]pay.Scope{
		pay.RoleBox: "m/x", pay.RoleWallet: "w/x", pay.RoleRegistry: pay.ScopeRegistry, pay.RoleDevice: "", "": "", "thief": "",
	} {
		if s, ok := role.Scope("x"); s != want || ok != (want != "") {
			t.Errorf("%q: %q, %v", role, s, ok)
		}
	}
}

// A node's name is the SHA-256 of what x509 writes as its public key info.
func TestNodeIDIsTheHashOfTheKeyInfo(t *testing.T) {
	t.Parallel()
	k := keyOf(t, 1)
	der, err := x509.MarshalPKIXPublicKey(k.Signer().Public())
	if err != nil {
		t.Fatal(err)
	}
	if want := pay.NodeID(sha256.Sum256(der)); k.ID() != want || k.Public().ID() != want {
		t.Errorf("have %s, want %s", k.ID(), want)
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	seed := bytes.Repeat([]byte{7}, 32)
	k, err := pay.NewKey(bytes.NewReader(seed))
	if err != nil || !bytes.Equal(k.Seed(), seed) || k.ID() != keyOf(t, 7).ID() {
		t.Errorf("key of seed %x: %x, %v", seed, k.Seed(), err)
	}
	if _, err := pay.NewKey(bytes.NewReader(seed[1:])); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("a key of 31 random bytes: %v", err)
	}
	for _, n := range []int{0, 31, 33, 64} {
		if _, err := pay.KeyFromSeed(make([]byte, n)); err == nil {
			t.Errorf("a key of a seed of %d bytes", n)
		}
	}
}

// The digest of a set is the sum of its ids' first halves modulo 2^128, in
// whatever order they come.
func TestDigestIsASum(t *testing.T) {
	t.Parallel()
	modulus := new(big.Int).Lsh(big.NewInt(1), 128)
	rapid.Check(t, func(r *rapid.T) {
		ids := rapid.SliceOfN(rapid.SliceOfN(rapid.OneOf(rapid.Byte(), rapid.Just(byte(0xff))), 32, 32), 0, 8).Draw(r, "ids")
		sum, d := new(big.Int), pay.Digest{}
		for _, id := range ids {
			d = d.Add(pay.FactID(id))
			sum.Add(sum, new(big.Int).SetBytes(id[:16])).Mod(sum, modulus)
		}
		var want pay.Digest
		sum.FillBytes(want[:])
		if d != want {
			r.Fatalf("have %x, want %x", d, want)
		}
		var other pay.Digest
		for _, id := range rapid.Permutation(ids).Draw(r, "order") {
			other = other.Add(pay.FactID(id))
		}
		if other != d {
			r.Fatalf("in another order: %x, not %x", other, d)
		}
	})
}

func TestChainCoversOrder(t *testing.T) {
	t.Parallel()
	a, b := pay.FactID{1}, pay.FactID{2}
	want := sha256.Sum256(append(make([]byte, 32), a[:]...))
	if got := (pay.Chain{}).Next(a); got != want {
		t.Errorf("first link: %x, want %x", got, want)
	}
	if (pay.Chain{}).Next(a).Next(b) == (pay.Chain{}).Next(b).Next(a) {
		t.Error("the order of entries does not matter")
	}
}

func TestTimes(t *testing.T) {
	t.Parallel()
	moment := time.Date(2026, 2, 3, 4, 5, 6, 789_999_999, time.FixedZone("", 3600))
	at := pay.TimeOf(moment)
	if at.String() != "2026-02-03T03:05:06.789Z" {
		t.Errorf("%s", at)
	}
	if pay.TimeOf(at.Std()) != at || at.Add(1500).Sub(at) != 1500 || pay.Millis(1500).Std() != 1500*time.Millisecond || pay.MillisOf(1999*time.Microsecond) != 1 {
		t.Error("times and spans do not convert")
	}
	for _, extreme := range []pay.Time{math.MinInt64, math.MaxInt64} {
		_ = extreme.String() // a store may hold it; it must not panic
	}
	for at, ok := range map[pay.Time]bool{
		pay.TimeOf(time.Date(9999, 12, 31, 23, 59, 59, 999e6, time.UTC)): true, pay.TimeOf(time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)): false,
		pay.TimeOf(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)): true, pay.TimeOf(time.Date(0, 1, 1, 0, 0, 0, 0, time.UTC)) - 1: false,
	} {
		if err := (pay.Cancel{Created: at}).Check(); (err == nil) != ok {
			t.Errorf("%d: %v", at, err)
		}
		if _, err := time.Parse(time.RFC3339, at.String()); ok && err != nil {
			t.Errorf("%d: %v", at, err)
		}
	}
}
