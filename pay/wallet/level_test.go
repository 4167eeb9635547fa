package wallet_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// heard is one payment at which a box said how strong the device was.
type heard struct {
	merchant pay.Scope
	site     pay.Name
	dB       int
}

// active returns a wallet with one device whose owner wants its level learned.
func active(t *testing.T) (*world, pay.DeviceID) {
	w := newWorld(t, wallet.Rule{})
	id, mapping := w.mustPair(20)
	w.deliver(w.status(id, pay.DeviceActive, mapping.ID(), start))
	w.learn(id, true)
	return w, id
}

func (w *world) learn(id pay.DeviceID, learn bool) {
	w.Helper()
	if _, err := w.wallet.LearnLevel(w.rows, id, learn); err != nil {
		w.Fatal(err)
	}
}

// pays has the wallet approve payment n, and the registry capture it.
func (w *world) pays(n byte, h heard, change func(*pay.Decision)) {
	w.Helper()
	d := decisionOf(w, w.offer(n, 100, "EUR"))
	d.Merchant, d.Site, d.Excess = h.merchant, h.site, pay.ExcessOf(h.dB)
	if change != nil {
		change(&d)
	}
	offer := sign(w, w.working, d)
	w.deliver(offer)
	_, answer, err := w.answer(d.Payment.String(), pay.Approve, pay.ByHand)
	if err != nil {
		w.Fatal(err)
	}
	w.deliver(w.end(offer, pay.StateCaptured, answer.ID()))
}

func (w *world) toSet() wallet.LevelToSet {
	w.Helper()
	list, err := w.wallet.LevelsToSet(w.rows)
	if err != nil || len(list) != 1 {
		w.Fatalf("to be set: %v, %v", list, err)
	}
	return list[0]
}

// TestLevelIsLearned lists what payments teach: five at two merchants or sites are
// enough, the middle counts, and it is bounded.
func TestLevelIsLearned(t *testing.T) {
	t.Parallel()
	at := func(m pay.Scope, dB ...int) (list []heard) {
		for _, v := range dB {
			list = append(list, heard{m, "hall", v})
		}
		return list
	}
	for name, tc := range map[string]struct {
		heard   []heard
		learned bool
		want    pay.Level
	}{
		"nothing":                      {nil, false, 0},
		"four at two":                  {append(at("m/a", 8, 8), at("m/b", 8, 8)...), false, 0},
		"many at one":                  {at("m/a", 8, 8, 8, 8, 8, 8, 8, 8), false, 0},
		"at two sites of one":          {append(at("m/a", 4, 4, 4, 4), heard{"m/a", "yard", 4}), true, 4},
		"strong":                       {append(at("m/a", 4, 4, 4), at("m/b", 4, 4)...), true, 4},
		"weak":                         {append(at("m/a", -4, -4, -4), at("m/b", -4, -4)...), true, -4},
		"as it states":                 {append(at("m/a", 0, 4, -4), at("m/b", 0, 0)...), true, 0},
		"stronger than may be stated":  {append(at("m/a", 24, 24, 24), at("m/b", 24, 24)...), true, 4},
		"weaker than may be stated":    {append(at("m/a", -24, -24, -24), at("m/b", -24, -24)...), true, -4},
		"one merchant lies, two":       {append(at("m/liar", 24, 24, 24, 24, 24), at("m/b", 0)...), true, 0},
		"it lies the other way":        {append(at("m/liar", -24, -24, -24, -24, -24), at("m/b", 4)...), true, 0},
		"it lies much among three":     {append(append(at("m/liar", 24, 24, 24, 24, 24), at("m/b", -4)...), at("m/c", 0)...), true, 0},
		"it pays itself at many sites": {append([]heard{{"m/liar", "a", 24}, {"m/liar", "b", 24}, {"m/liar", "c", 24}, {"m/liar", "d", 24}}, at("m/b", 0)...), true, 0},
		"the last ones of a merchant":  {append(append(at("m/a", 24, 24, 24, 24, 24), at("m/a", 0, 0, 0, 0, 0)...), at("m/b", 0)...), true, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id := active(t)
			for n, h := range tc.heard {
				w.pays(byte(n+1), h, nil)
			}
			if l := w.device(id).Level; l.Learned != tc.learned || !l.Learn || l.Level != 0 {
				t.Errorf("shown is %+v", l)
			}
			if s := w.toSet(); s.Level != tc.want || s.Same != (tc.want == 0) || s.Device != id {
				t.Errorf("to be set is %+v, want %d", s, tc.want)
			}
		})
	}
}

// TestOneMerchantMovesALevelNoFarther: whatever one of two merchants says, the device
// ends between its factory value and what the other one alone says of it.
func TestOneMerchantMovesALevelNoFarther(t *testing.T) {
	t.Parallel()
	for truth := -4; truth <= 4; truth += 4 {
		for lie := -24; lie <= 24; lie += 4 {
			w, _ := active(t)
			for n := range byte(8) {
				h := heard{"m/liar", "hall", lie}
				if n == 3 {
					h = heard{"m/true", "hall", truth}
				}
				w.pays(n+1, h, nil)
			}
			if l := int(w.toSet().Level); l < min(0, truth) || l > max(0, truth) {
				t.Errorf("one lies by %d dB, the other says %d: the device is to state %d", lie, truth, l)
			}
		}
	}
}

// TestLevelIsBounded: what is kept of a device does not grow.
func TestLevelIsBounded(t *testing.T) {
	t.Parallel()
	w, id := active(t)
	size := 0
	for n := range byte(200) {
		w.pays(n+1, heard{pay.Scope("m/" + string('a'+rune(n%20))), "hall", 4}, nil)
		size = max(size, w.device(id).Level.Payments)
	}
	if size > 40 || w.device(id).Level.Places > 8 {
		t.Errorf("%d payments are kept, %+v", size, w.device(id).Level)
	}
}

// TestWhatTeachesNoLevel: without the owner's leave, and where the box was not certain
// or did not say, nothing is kept.
func TestWhatTeachesNoLevel(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(w *world, id pay.DeviceID, d *pay.Decision){
		"a box that cannot say":       func(_ *world, _ pay.DeviceID, d *pay.Decision) { d.Excess = pay.Excess{} },
		"found by strength":           func(_ *world, _ pay.DeviceID, d *pay.Decision) { d.Evidence, d.Certain = pay.EvidenceClear, true },
		"found as later versions say": func(_ *world, _ pay.DeviceID, d *pay.Decision) { d.Evidence = "gaze" },
		"no leave":                    func(w *world, id pay.DeviceID, _ *pay.Decision) { w.learn(id, false) },
		"started with another power": func(w *world, id pay.DeviceID, _ *pay.Decision) {
			if err := w.wallet.LevelSet(w.rows, id, 0, w.now, 0, true); err != nil {
				w.Fatal(err)
			}
		},
		"two devices, and either may be meant": func(w *world, _ pay.DeviceID, _ *pay.Decision) {
			id, mapping := w.mustPair(21)
			w.deliver(w.status(id, pay.DeviceActive, mapping.ID(), start))
		},
		"a code from before a change": func(w *world, id pay.DeviceID, _ *pay.Decision) {
			if err := w.wallet.LevelSet(w.rows, id, 4, w.now, 1, false); err != nil {
				w.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, id := active(t)
			for n := range byte(6) {
				m := []pay.Scope{"m/a", "m/b"}[n%2]
				w.pays(n+1, heard{m, "hall", 4}, func(d *pay.Decision) {
					if n == 0 || name != "two devices, and either may be meant" {
						change(w, id, d)
					}
				})
			}
			if l := w.device(id).Level; l.Payments != 0 {
				t.Errorf("kept is %+v", l)
			}
		})
	}
}

// TestLevelCountsFromWhatIsStated: what a box says of a device that is corrected
// already is added to that, so a level that was learned stays.
func TestLevelCountsFromWhatIsStated(t *testing.T) {
	t.Parallel()
	w, id := active(t)
	for n := range byte(6) {
		w.pays(n+1, heard{[]pay.Scope{"m/a", "m/b"}[n%2], "hall", 4}, nil)
	}
	w.must(w.wallet.LevelSet(w.rows, id, 4, start.Add(-200*second), 10, false))
	for n := range byte(12) {
		w.pays(n+10, heard{[]pay.Scope{"m/a", "m/b"}[n%2], "hall", 0}, nil)
	}
	if s := w.toSet(); s.Level != 4 || !s.Same {
		t.Errorf("to be set is %+v", s)
	}
	if l := w.device(id).Level; !l.Learned || l.Level != 4 {
		t.Errorf("shown is %+v", l)
	}
	// Off: nothing is kept, and the device is to go back; when it has, no row is left.
	w.learn(id, false)
	if s := w.toSet(); s.Level != 0 || s.Same || w.device(id).Level.Payments != 0 {
		t.Errorf("off, to be set is %+v", s)
	}
	w.must(w.wallet.LevelSet(w.rows, id, 0, start, 10, false))
	if list, err := w.wallet.LevelsToSet(w.rows); err != nil || len(list) != 0 || w.device(id).Level != (wallet.DeviceLevel{}) {
		t.Errorf("gone back, and left is %v, %v", list, err)
	}
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// TestRevokedDeviceHasNoLevel: what was learned ends with the binding.
func TestRevokedDeviceHasNoLevel(t *testing.T) {
	t.Parallel()
	w, id := active(t)
	_, r, err := w.wallet.RevokeDevice(w.rows, w.now, id.String())
	w.must(err)
	w.publish(r)
	if l := w.device(id).Level; l != (wallet.DeviceLevel{}) {
		t.Errorf("left is %+v", l)
	}
	_, err = w.wallet.LearnLevel(w.rows, pay.DeviceID{9}, true)
	wantCode(t, err, pay.CodeNotFound)
}
