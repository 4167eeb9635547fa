package wallet_test

import (
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// bind is what device n signs when it is paired with this wallet.
func (w *world) bind(n byte, counter pay.Counter) pay.Fact {
	w.Helper()
	k := key(w, n)
	return sign(w, k, pay.Bind{Registry: w.root.ID(), Wallet: w.own.ID(), Device: k.Public(), Exponent: 6, Counter: counter, Type: pay.TypeTag})
}

func (w *world) pair(p wallet.Pairing) (wallet.Device, []pay.Fact, error) {
	d, r, err := w.wallet.Map(w.rows, w.now, p)
	w.publish(r)
	var facts []pay.Fact
	for _, p := range r.Publications {
		facts = append(facts, p.Fact)
	}
	return d, facts, err
}

func (w *world) mustPair(n byte) (pay.DeviceID, pay.Fact) {
	w.Helper()
	d, facts, err := w.pair(wallet.Pairing{Bind: w.bind(n, 5).Raw(), Vehicle: "plate=AB1", Means: "card", Link: "127.0.0.1:9"})
	if err != nil || len(facts) != 1 {
		w.Fatalf("pair: %d facts, %v", len(facts), err)
	}
	return d.ID, facts[0]
}

func (w *world) status(id pay.DeviceID, s pay.DeviceState, claim pay.FactID, at pay.Time) pay.Fact {
	w.Helper()
	return sign(w, w.working, pay.DeviceStatus{Device: id, Claim: claim, State: s, Type: pay.TypeTag, Vehicle: "plate=AB1", Means: "card", At: at})
}

func (w *world) device(id pay.DeviceID) wallet.Device {
	w.Helper()
	d, err := w.wallet.Device(w.rows, id.String())
	if err != nil {
		w.Fatalf("device: %v", err)
	}
	list, err := w.wallet.Devices(w.rows)
	if err != nil {
		w.Fatalf("devices: %v", err)
	}
	for _, other := range list {
		if other.ID == id && other == d {
			return d
		}
	}
	w.Fatalf("device %+v is not in the list %+v", d, list)
	return d
}

func TestDeviceLife(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	id, mapping := w.mustPair(20)
	m, err := pay.As[pay.Mapping](mapping)
	if err != nil || m.Device != id || m.Vehicle != "plate=AB1" || m.Means != "card" || m.Created != start || mapping.Verify(w.own.Public()) != nil {
		t.Fatalf("mapping is %+v, %v", m, err)
	}
	if _, err := m.OpenBind(); err != nil {
		t.Fatal(err)
	}
	want := wallet.Device{ID: id, Type: pay.TypeTag, State: pay.DevicePending, Vehicle: "plate=AB1", Means: "card", Link: "127.0.0.1:9"}
	if got := w.device(id); got != want {
		t.Errorf("device is %+v, want %+v", got, want)
	}
	active := w.status(id, pay.DeviceActive, mapping.ID(), start+1)
	w.deliver(active)
	want.State, want.Said = pay.DeviceActive, start+1
	if got := w.device(id); got != want {
		t.Errorf("device is %+v, want %+v", got, want)
	}
	d, r, err := w.wallet.RevokeDevice(w.rows, w.now, id.Short())
	w.publish(r)
	if err != nil || len(r.Publications) != 1 || !d.Revoking || d.State != pay.DeviceActive {
		t.Fatalf("revoke: %+v, %d facts, %v", d, len(r.Publications), err)
	}
	revoke := r.Publications[0].Fact
	if b, err := pay.As[pay.Revoke](revoke); err != nil || b.Device != id || revoke.Verify(w.own.Public()) != nil {
		t.Errorf("revoke is %+v, %v", b, err)
	}
	if again, r, err := w.wallet.RevokeDevice(w.rows, w.now+1, id.String()); err != nil || len(r.Publications) != 0 || again != d {
		t.Errorf("revoked again: %+v, %d facts, %v", again, len(r.Publications), err)
	}
	w.deliver(w.status(id, pay.DeviceRevoked, revoke.ID(), start+2))
	w.deliver(active)
	want.State, want.Said = pay.DeviceRevoked, start+2
	if got := w.device(id); got != want {
		t.Errorf("device is %+v, want %+v", got, want)
	}
	if _, r, err := w.wallet.RevokeDevice(w.rows, w.now+1, id.String()); err != nil || len(r.Publications) != 0 {
		t.Errorf("revoked after the revocation: %d facts, %v", len(r.Publications), err)
	}
	w.now += 10
	_, second := w.mustPair(20)
	if got := w.device(id); got.State != pay.DevicePending {
		t.Errorf("paired again it is %s", got.State)
	}
	w.deliver(w.status(id, pay.DeviceActive, second.ID(), start+11))
	if got := w.device(id); got.State != pay.DeviceActive {
		t.Errorf("mapped again it is %s", got.State)
	}
}

func TestMappingTwicePostsOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	p := wallet.Pairing{Bind: w.bind(20, 5).Raw(), Means: "card", Link: "127.0.0.1:9"}
	count := func(what string, p wallet.Pairing, want int) []pay.Fact {
		t.Helper()
		w.now++
		_, facts, err := w.pair(p)
		if err != nil || len(facts) != want {
			t.Fatalf("%s: %d facts, want %d (%v)", what, len(facts), want, err)
		}
		return facts
	}
	first := count("first", p, 1)[0]
	count("pending", p, 0)
	id := key(t, 20).ID()
	w.deliver(w.status(id, pay.DeviceActive, first.ID(), start+1))
	count("active", p, 0)
	p.Link = "127.0.0.1:10"
	count("moved", p, 0)
	if got := w.device(id).Link; got != p.Link {
		t.Errorf("link is %s", got)
	}
	p.Means = "other card"
	count("other means", p, 1)
	p.Bind = w.bind(20, 6).Raw()
	last := count("bound anew", p, 1)[0]
	w.refuse(last, pay.ReasonDeviceTaken)
	if d := w.device(id); d.State != pay.DeviceActive || d.Reason != pay.ReasonDeviceTaken {
		t.Errorf("a refused change left %+v", d)
	}
	count("after a refusal", p, 1)
}

func TestRefusedMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	id, mapping := w.mustPair(20)
	w.refuse(mapping, pay.ReasonDeviceTaken)
	if d := w.device(id); d.State != pay.DeviceRevoked || d.Reason != pay.ReasonDeviceTaken {
		t.Errorf("device is %+v", d)
	}
	if _, r, err := w.wallet.RevokeDevice(w.rows, w.now, id.String()); err != nil || len(r.Publications) != 0 {
		t.Errorf("revoke of what never was: %d facts, %v", len(r.Publications), err)
	}
	w.now++
	if w.mustPair(20); w.device(id).Reason != "" {
		t.Error("the reason outlives a new mapping")
	}
}

func TestOldRefusalSparesTheNewMapping(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	id, first := w.mustPair(20)
	if _, facts, err := w.pair(wallet.Pairing{Bind: w.bind(20, 9).Raw()}); err != nil || len(facts) != 1 {
		t.Fatalf("%d facts, %v", len(facts), err)
	}
	w.refuse(first, pay.ReasonTooMany)
	if d := w.device(id); d.State != pay.DevicePending || d.Reason != "" {
		t.Errorf("the refusal of the first mapping hit the second: %+v", d)
	}
}

func TestRefusedRevoke(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	id, mapping := w.mustPair(20)
	active := w.status(id, pay.DeviceActive, mapping.ID(), start+1)
	w.deliver(active)
	_, r, err := w.wallet.RevokeDevice(w.rows, w.now, id.String())
	if err != nil {
		t.Fatal(err)
	}
	w.publish(r)
	w.refuse(r.Publications[0].Fact, pay.ReasonWrongScope)
	w.deliver(active)
	if d := w.device(id); d.State != pay.DeviceActive || d.Revoking || d.Reason != pay.ReasonWrongScope {
		t.Errorf("device is %+v", d)
	}
}

func TestPairingThatCannotBe(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	k := key(t, 20)
	foreign := sign(t, k, pay.Bind{Registry: w.root.ID(), Wallet: pay.NodeID{1}, Device: k.Public(), Exponent: 6, Type: pay.TypeTag})
	forged := sign(t, key(t, 21), pay.Bind{Registry: w.root.ID(), Wallet: w.own.ID(), Device: k.Public(), Exponent: 6, Type: pay.TypeTag})
	bent := append([]byte(nil), w.bind(20, 1).Raw()...)
	bent[len(bent)-1] ^= 1
	long := strings.Repeat("x", pay.NameBytesMax+1)
	tests := []struct {
		name string
		p    wallet.Pairing
		want pay.ErrorCode
	}{
		{"no bind", wallet.Pairing{}, pay.CodeBadFact},
		{"not a bind", wallet.Pairing{Bind: w.authority.Raw()}, pay.CodeBadFact},
		{"for another wallet", wallet.Pairing{Bind: foreign.Raw()}, pay.CodeBadFact},
		{"signed by another device", wallet.Pairing{Bind: forged.Raw()}, pay.CodeBadFact},
		{"signature bent", wallet.Pairing{Bind: bent}, pay.CodeBadFact},
		{"vehicle too long", wallet.Pairing{Bind: w.bind(20, 1).Raw(), Vehicle: pay.Name(long)}, pay.CodeUsage},
		{"means unprintable", wallet.Pairing{Bind: w.bind(20, 1).Raw(), Means: "\x07"}, pay.CodeUsage},
		{"link too long", wallet.Pairing{Bind: w.bind(20, 1).Raw(), Link: strings.Repeat("x", 300)}, pay.CodeUsage},
	}
	before := w.snapshot()
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, facts, err := w.pair(test.p)
			wantCode(t, err, test.want)
			if len(facts) != 0 || w.snapshot() != before {
				t.Error("something was recorded")
			}
		})
	}
}

func TestDeviceByPrefix(t *testing.T) {
	t.Parallel()
	w := newWorld(t, wallet.Rule{})
	byDigit := map[string]int{}
	for n := byte(30); n < 50; n++ {
		id, _ := w.mustPair(n)
		byDigit[id.String()[:1]]++
	}
	for digit, n := range byDigit {
		d, err := w.wallet.Device(w.rows, digit)
		if n > 1 {
			wantCode(t, err, pay.CodeUsage)
		} else if err != nil || !strings.HasPrefix(d.ID.String(), digit) {
			t.Errorf("%s: %+v, %v", digit, d, err)
		}
	}
	_, r, err := w.wallet.RevokeDevice(w.rows, w.now, strings.Repeat("0", 64))
	wantCode(t, err, pay.CodeNotFound)
	if list, err := w.wallet.Devices(w.rows); err != nil || len(list) != 20 || len(r.Publications) != 0 {
		t.Errorf("%d devices, %v", len(list), err)
	}
}

// The registry's latest status of a device counts, in whatever order they come.
func TestDeviceStatusInAnyOrder(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(r *rapid.T) {
		w := newWorld(t, wallet.Rule{})
		id := pay.DeviceID{7}
		var events []pay.Fact
		last := pay.DeviceState("")
		for i := range rapid.IntRange(1, 6).Draw(r, "words") {
			last = rapid.SampledFrom([]pay.DeviceState{pay.DeviceActive, pay.DeviceRevoked}).Draw(r, "state")
			events = append(events, w.status(id, last, pay.FactID{byte(i)}, start+pay.Time(i)))
		}
		events = append(events, events...)
		for _, f := range rapid.Permutation(events).Draw(r, "order") {
			w.deliver(f)
			before := w.snapshot()
			w.deliver(f)
			if w.snapshot() != before {
				r.Fatal("the same word twice changed something")
			}
		}
		if got := w.device(id).State; got != last {
			r.Fatalf("device is %s, the registry's last word is %s", got, last)
		}
	})
}
