package device_test

import (
	"crypto/ecdh"
	"crypto/rand"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

func resolverPrivate(t *testing.T) *ecdh.PrivateKey {
	t.Helper()
	k, err := ecdh.X25519().NewPrivateKey(unhex(t, "61136adab1bf302f1c49e860196aeefd8fbaa41518b4c226372d6cc469c47278"))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func resolverKey(t *testing.T) pay.BeaconKey {
	t.Helper()
	return pay.BeaconKey(resolverPrivate(t).PublicKey().Bytes())
}

func TestIdentityKeyIsThePublishedOne(t *testing.T) {
	t.Parallel()
	resolver, s := published(t, 6, 0)
	if got, want := s.BeaconKey(), pay.BeaconKey(unhex(t, "c63e6f89aab47552c8d621a59c81d0af203f6570a4bd7a267a08a17561c8bc2b")); got != want {
		t.Errorf("beacon key %x, want %x", got, want)
	}
	ik, err := s.IdentityKey(resolver)
	if err != nil {
		t.Fatal(err)
	}
	if want := pay.IdentityKey(unhex(t, "f40d6f18e5882260e847e99ca33ac44f")); ik != want {
		t.Errorf("identity key %x, want %x", ik, want)
	}
}

// atRegistry derives the identity key as the registry does, from its own private
// key and the public beacon key in the Bind fact.
func atRegistry(t *testing.T, resolver *ecdh.PrivateKey, beacon pay.BeaconKey) pay.IdentityKey {
	t.Helper()
	public, err := ecdh.X25519().NewPublicKey(beacon[:])
	if err != nil {
		t.Fatal(err)
	}
	shared, err := resolver.ECDH(public)
	if err != nil {
		t.Fatal(err)
	}
	ik, err := pay.DeriveIdentityKey(shared, pay.BeaconKey(resolver.PublicKey().Bytes()), beacon)
	if err != nil {
		t.Fatal(err)
	}
	return ik
}

func TestCodesResolveAtTheRegistry(t *testing.T) {
	t.Parallel()
	resolver, err := ecdh.X25519().GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []pay.Exponent{0, 1, 6, 10} {
		s, err := device.New(rand.Reader, k, 0)
		if err != nil {
			t.Fatal(err)
		}
		mine, err := s.IdentityKey(pay.BeaconKey(resolver.PublicKey().Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		theirs := atRegistry(t, resolver, s.BeaconKey())
		if mine != theirs {
			t.Fatalf("K %d: device and registry derive different keys", k)
		}
		seen := map[pay.Code]bool{}
		turn := device.TurnAt(mine, k, s.Counter)
		for range 50 {
			if want := pay.CodeAt(theirs, k, turn.Step); turn.Code != want {
				t.Fatalf("K %d, step %d: code %v, the registry expects %v", k, turn.Step, turn.Code, want)
			}
			if seen[turn.Code] {
				t.Fatalf("K %d: code %v came twice", k, turn.Code)
			}
			seen[turn.Code] = true
			next := device.TurnAt(mine, k, turn.Until)
			if next.Step != turn.Step+1 {
				t.Fatalf("K %d: step %d follows %d", k, next.Step, turn.Step)
			}
			turn = next
		}
	}
}

func TestRotationCrosses65536Seconds(t *testing.T) {
	t.Parallel()
	resolver, s := published(t, 6, 65_280_000)
	ik, err := s.IdentityKey(resolver)
	if err != nil {
		t.Fatal(err)
	}
	turn := device.TurnAt(ik, 6, s.Counter)
	for range 10 {
		turn = device.TurnAt(ik, 6, turn.Until)
		if want := pay.CodeAt(ik, 6, turn.Step); turn.Code != want {
			t.Fatalf("step %d: code %v, want %v", turn.Step, turn.Code, want)
		}
	}
	if turn.Step <= 65_536>>6 {
		t.Fatalf("the walk ended at step %d, before the temporary key changed", turn.Step)
	}
}

// The code on the air is never ahead of the counter and stays no longer than the
// jitter allows, so the registry always accepts it.
func TestTurnStaysWithinItsStep(t *testing.T) {
	t.Parallel()
	resolver, s := published(t, 6, 0)
	ik, err := s.IdentityKey(resolver)
	if err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, func(t *rapid.T) {
		k := pay.Exponent(rapid.IntRange(0, 15).Draw(t, "k"))
		r := device.Reading(rapid.OneOf(
			rapid.Int64Range(0, int64(device.ReadingMax)),
			rapid.Int64Range(0, 1<<18),
			rapid.Int64Range(int64(device.ReadingMax)-1<<18, int64(device.ReadingMax)),
		).Draw(t, "reading"))
		turn := device.TurnAt(ik, k, r)
		step := device.Reading(k.Seconds()) * 1000
		start := device.Reading(turn.Step) * step
		late := r - (start + step)
		if r < start || late >= device.Reading(pay.SwitchJitterMax) || late > step/8 {
			t.Fatalf("at %d step %d is on the air, which began at %d", r, turn.Step, start)
		}
		if r < device.ReadingMax && turn.Until <= r {
			t.Fatalf("at %d the turn has already ended, at %d", r, turn.Until)
		}
		if turn.Until < device.ReadingMax && device.TurnAt(ik, k, turn.Until-1).Step != turn.Step {
			t.Fatalf("step %d ends before %d", turn.Step, turn.Until)
		}
	})
}

func TestSwitchMomentsDiffer(t *testing.T) {
	t.Parallel()
	resolver, s := published(t, 6, 0)
	ik, err := s.IdentityKey(resolver)
	if err != nil {
		t.Fatal(err)
	}
	moments := map[device.Reading]bool{}
	for r := device.Reading(0); len(moments) < 3; {
		r = device.TurnAt(ik, 6, r).Until
		moments[r%64_000] = true
		if r > 64_000*20 {
			t.Fatalf("twenty switches at %d different moments of their steps", len(moments))
		}
	}
}
