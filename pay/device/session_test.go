package device_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// wallClock is a clock that a test sets.
type wallClock struct{ ahead atomic.Int64 }

func (c *wallClock) now() time.Time {
	return time.UnixMilli(1_700_000_000_000).Add(time.Duration(c.ahead.Load()))
}
func (c *wallClock) pass(d pay.Millis) { c.ahead.Add(int64(d.Std())) }

// rig is one device and one wallet with a connection.
type rig struct {
	*bench
	clock  *wallClock
	device *device.Device
	key    pay.Key
}

var exporter = []byte("the keying material of one connection")

func newRig(t *testing.T) *rig {
	t.Helper()
	_, s := published(t, 6, 5_000_000)
	r := &rig{bench: &bench{}, clock: &wallClock{}, key: key(t, 1)}
	s.At = pay.TimeOf(r.clock.now())
	r.device = r.open(t, s, r.clock.now)
	// The first proof makes the device show a PIN, and is wrong itself.
	if _, err := r.device.Meet(r.key.Public(), exporter).Prove([32]byte{}); pay.CodeOf(err) != pay.CodePIN {
		t.Fatalf("before any PIN: %v", err)
	}
	return r
}

func (r *rig) proof(pin pay.PIN, wallet pay.Key) [32]byte {
	return pay.PairingProof(pin, exporter, pay.RoleWallet, wallet.Public(), r.device.Key().Public())
}

// pair proves and binds in a session of its own.
func (r *rig) pair(t *testing.T, pin pay.PIN, wallet pay.Key) (pay.Bind, error) {
	t.Helper()
	s := r.device.Meet(wallet.Public(), exporter)
	own, err := s.Prove(r.proof(pin, wallet))
	if err != nil {
		if own != [32]byte{} {
			t.Error("a refused wallet was given a proof")
		}
		return pay.Bind{}, err
	}
	if want := pay.PairingProof(pin, exporter, pay.RoleDevice, r.device.Key().Public(), wallet.Public()); own != want {
		t.Fatal("the device's proof does not prove the PIN")
	}
	return r.bind(t, s)
}

func (r *rig) bind(t *testing.T, s *device.Session) (pay.Bind, error) {
	t.Helper()
	raw, err := s.Bind(pay.NodeID{7}, resolverKey(t), pay.TypeTag)
	if err != nil {
		return pay.Bind{}, err
	}
	b, err := pay.Mapping{Device: r.device.Key().ID(), Bind: raw}.OpenBind()
	if err != nil {
		t.Fatal(err)
	}
	return b, nil
}

func (r *rig) confirm(t *testing.T, wallet pay.Key) {
	t.Helper()
	if err := r.device.Meet(wallet.Public(), exporter).Confirm(); err != nil {
		t.Fatal(err)
	}
}

func wantCode(t *testing.T, what string, err error, want pay.ErrorCode) {
	t.Helper()
	if pay.CodeOf(err) != want {
		t.Errorf("%s: %v, want code %q", what, err, want)
	}
}

func TestPairing(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	shown := r.shown(t)
	r.clock.pass(3_700)
	b, err := r.pair(t, shown.PIN, r.key)
	if err != nil {
		t.Fatal(err)
	}
	want := pay.Bind{
		Registry: pay.NodeID{7}, Resolver: resolverKey(t), Wallet: r.key.ID(), Device: r.device.Key().Public(),
		Beacon: r.kept.BeaconKey(), Exponent: 6, Counter: 5_003, Type: pay.TypeTag,
	}
	if b != want {
		t.Errorf("bind is %+v, want %+v", b, want)
	}
	if r.kept.Binding == nil || r.kept.Binding.Wallet != r.key.Public() || r.kept.Spent != shown.PIN || r.kept.Counter != 5_003_700 {
		t.Errorf("kept %+v", r.kept.Binding)
	}
	r.confirm(t, r.key)
	if (r.kept.Spent != pay.PIN{}) {
		t.Error("the PIN outlives the confirmation")
	}
}

func TestWrongProofs(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	first := r.shown(t)
	wrong := first.PIN
	wrong[11] ^= 1
	for i := range pay.PairingTries - 1 {
		_, err := r.pair(t, wrong, key(t, byte(10+i))) // from anybody, over any connection
		wantCode(t, "wrong PIN", err, pay.CodePIN)
	}
	if now := r.shown(t); now.PIN != first.PIN {
		t.Fatal("a new PIN was shown before the tries were spent")
	}
	_, err := r.pair(t, wrong, r.key)
	wantCode(t, "last wrong PIN", err, pay.CodePIN)
	second := r.shown(t)
	if second.PIN == first.PIN || second.Why != device.WhyTries {
		t.Fatalf("after %d wrong tries: %+v", pay.PairingTries, second)
	}
	_, err = r.pair(t, first.PIN, r.key)
	wantCode(t, "the first PIN", err, pay.CodePIN)
	if _, err := r.pair(t, second.PIN, r.key); err != nil {
		t.Errorf("the PIN that is shown: %v", err)
	}
}

func TestProofsAreBoundToKeysRoleAndConnection(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pin, other := r.shown(t).PIN, key(t, 2)
	own := r.device.Key().Public()
	for _, c := range []struct {
		name  string
		proof [32]byte
	}{
		{"another wallet's proof", pay.PairingProof(pin, exporter, pay.RoleWallet, other.Public(), own)},
		{"for another device", pay.PairingProof(pin, exporter, pay.RoleWallet, r.key.Public(), other.Public())},
		{"of another connection", pay.PairingProof(pin, []byte("another"), pay.RoleWallet, r.key.Public(), own)},
		{"in the device's role", pay.PairingProof(pin, exporter, pay.RoleDevice, r.key.Public(), own)},
	} {
		_, err := r.device.Meet(r.key.Public(), exporter).Prove(c.proof)
		wantCode(t, c.name, err, pay.CodePIN)
	}
}

func TestExpiredPIN(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		pass pay.Millis
		want pay.ErrorCode
	}{
		{"at the last moment", pay.PairingTTL - 1, ""},
		{"at its end", pay.PairingTTL, pay.CodePIN},
		{"much later", 10 * pay.PairingTTL, pay.CodePIN},
	} {
		r := newRig(t)
		first := r.shown(t)
		r.clock.pass(c.pass)
		_, err := r.pair(t, first.PIN, r.key)
		wantCode(t, c.name, err, c.want)
		if c.want == "" {
			continue
		}
		second := r.shown(t)
		if second.PIN == first.PIN || second.Why != device.WhyExpired {
			t.Errorf("%s: the device shows %+v", c.name, second)
		}
		if _, err := r.pair(t, second.PIN, r.key); err != nil {
			t.Errorf("%s: the new PIN: %v", c.name, err)
		}
	}
}

func TestPINEndsBetweenProofAndBind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.device.Meet(r.key.Public(), exporter)
	if _, err := s.Prove(r.proof(r.shown(t).PIN, r.key)); err != nil {
		t.Fatal(err)
	}
	r.clock.pass(pay.PairingTTL)
	_, err := r.bind(t, s)
	wantCode(t, "bind", err, pay.CodePIN)
}

func TestTriesEndBetweenProofAndBind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.device.Meet(r.key.Public(), exporter)
	if _, err := s.Prove(r.proof(r.shown(t).PIN, r.key)); err != nil {
		t.Fatal(err)
	}
	for range pay.PairingTries {
		_, err := r.pair(t, pay.PIN{}, key(t, 2))
		wantCode(t, "wrong PIN", err, pay.CodePIN)
	}
	_, err := r.bind(t, s)
	wantCode(t, "bind", err, pay.CodePIN)
}

func TestBindNeedsAProof(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	_, err := r.bind(t, r.device.Meet(r.key.Public(), exporter))
	wantCode(t, "bind without a proof", err, pay.CodePIN)
	s := r.device.Meet(r.key.Public(), exporter)
	_, err = s.Prove([32]byte{1})
	wantCode(t, "wrong proof", err, pay.CodePIN)
	_, err = r.bind(t, s)
	wantCode(t, "bind after a wrong proof", err, pay.CodePIN)
	if r.keeps != 0 {
		t.Errorf("the state was kept %d times for nothing", r.keeps)
	}
}

func TestOneOfTwoWalletsWithThePIN(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pin, late := r.shown(t).PIN, key(t, 2)
	s := r.device.Meet(late.Public(), exporter)
	if _, err := s.Prove(r.proof(pin, late)); err != nil {
		t.Fatal(err)
	}
	if _, err := r.pair(t, pin, r.key); err != nil {
		t.Fatal(err)
	}
	_, err := r.bind(t, s)
	wantCode(t, "the later bind", err, pay.CodeBound)
	_, err = r.pair(t, pin, late)
	wantCode(t, "the later proof", err, pay.CodeBound)
	wantCode(t, "the later confirmation", s.Confirm(), pay.CodeBound)
	wantCode(t, "the later release", r.device.Release(late.Public()), pay.CodeBound)
	if b, ok := r.device.Binding(); !ok || b.Wallet != r.key.Public() {
		t.Errorf("the device belongs to %v", b)
	}
}

func TestBadBindsAreRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	s := r.device.Meet(r.key.Public(), exporter)
	if _, err := s.Prove(r.proof(r.shown(t).PIN, r.key)); err != nil {
		t.Fatal(err)
	}
	_, err := s.Bind(pay.NodeID{7}, resolverKey(t), "boat")
	wantCode(t, "unknown type", err, pay.CodeUsage)
	_, err = s.Bind(pay.NodeID{7}, pay.BeaconKey{}, pay.TypeTag)
	wantCode(t, "resolver key of small order", err, pay.CodeUsage)
	if _, ok := r.device.Binding(); ok || r.keeps != 0 {
		t.Error("a refused bind left something behind")
	}
}

func TestUnkeptBindDoesNotBind(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pin := r.shown(t).PIN
	r.fail = errDisk
	_, err := r.pair(t, pin, r.key)
	wantCode(t, "bind on a full disk", err, pay.CodeFailed)
	if _, ok := r.device.Binding(); ok {
		t.Fatal("bound to a state that was not kept")
	}
	r.fail = nil
	if _, err := r.pair(t, pin, r.key); err != nil {
		t.Errorf("again, with room on the disk: %v", err)
	}
}

// The wallet never got its bind and both processes ended: with the same PIN,
// wallet and device can still pair.
func TestSameWalletPairsAgain(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pin := r.shown(t).PIN
	before, err := r.pair(t, pin, r.key)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.pass(pay.PairingTTL + 90_000)
	r.device = r.open(t, r.kept, r.clock.now)
	_, err = r.pair(t, pin, key(t, 2))
	wantCode(t, "another wallet with the PIN", err, pay.CodeBound)
	_, err = r.pair(t, pay.PIN([]byte("000000000000")), r.key)
	wantCode(t, "another PIN", err, pay.CodePIN)
	after, err := r.pair(t, pin, r.key)
	if err != nil {
		t.Fatal(err)
	}
	if got := after.Counter - before.Counter; got != 690 {
		t.Errorf("the fresh bind's counter is %d s after the first, want 690", got)
	}
	r.confirm(t, r.key)
	_, err = r.pair(t, pin, r.key)
	wantCode(t, "the PIN after the confirmation", err, pay.CodeConflict)
	if _, err = r.bind(t, r.device.Meet(r.key.Public(), exporter)); err != nil {
		t.Errorf("the bound wallet, without a PIN: %v", err)
	}
}

func TestRelease(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	pin := r.shown(t).PIN
	if _, err := r.pair(t, pin, r.key); err != nil {
		t.Fatal(err)
	}
	r.fail = errDisk
	wantCode(t, "release on a full disk", r.device.Release(r.key.Public()), pay.CodeFailed)
	if _, ok := r.device.Binding(); !ok {
		t.Fatal("released, but not durably")
	}
	r.fail = nil
	for range 2 {
		if err := r.device.Release(r.key.Public()); err != nil {
			t.Fatal(err)
		}
	}
	if r.kept.Binding != nil || r.kept.Spent != (pay.PIN{}) {
		t.Error("the kept state is still bound")
	}
	next := key(t, 2)
	_, err := r.pair(t, pin, next)
	wantCode(t, "the old PIN", err, pay.CodePIN)
	if _, err := r.pair(t, r.shown(t).PIN, next); err != nil {
		t.Errorf("another wallet after the release: %v", err)
	}
}

func TestReadingNeverGoesBackWithTheClock(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.clock.pass(60_000)
	before, err := r.pair(t, r.shown(t).PIN, r.key)
	if err != nil {
		t.Fatal(err)
	}
	r.clock.pass(-3_600_000)
	after, err := r.bind(t, r.device.Meet(r.key.Public(), exporter))
	if err != nil || after.Counter < before.Counter {
		t.Errorf("the counter went from %d to %d, error %v", before.Counter, after.Counter, err)
	}
}
