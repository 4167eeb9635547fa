package main

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// TestStationsDoNotSeeEachOthersVehicles: each of two stations of one merchant lists the
// cars that it hears, and no other, and keeps no plate of the other's.
func TestStationsDoNotSeeEachOthersVehicles(t *testing.T) {
	t.Parallel()
	w := newFuelWorld(t)
	w.startStation("far", "air-of-far", "Hill Station")
	w.must(w.Enrol("reg", "ben", "wallet", "--role", "wallet", "--name", "ben"))
	w.startWallet("ben", nil)
	w.must(w.Start("ben-tag", nil, "beacon", "run", "--data", w.Data("ben-tag"), "--radio", "air:"+w.Data("air-of-far"), "--rssi", "-35", "--link", "127.0.0.1:0", "--interval", "50ms"))
	p, err := w.Pairing("ben-tag")
	w.must(err)
	w.must(w.Ask(nil, "wallet", "pair", "--data", w.Data("ben"), "--link", p.Link, "--pin", p.PIN, "--vehicle", "plate=XY-Z789,fuel=diesel,tank=40"))
	w.entered("far", "XY-Z789")
	w.entered("box", "AB-C123")
	for name, plate := range map[string]string{"box": "AB-C123", "far": "XY-Z789"} {
		raw, err := w.Output("till", "fuel", "entered", "--data", w.Data(name))
		w.must(err)
		list, err := stage.DecodeLines[api.Vehicle](raw)
		if err != nil || len(list) != 1 || list[0].Plate != plate {
			t.Errorf("%s lists %+v, %v", name, list, err)
		}
	}
	for name, plate := range map[string]string{"far": "AB-C123", "box": "XY-Z789"} {
		err := w.Ask(nil, "till", "fuel", "select", "--data", w.Data(name), "--plate", plate, "--pump", "1")
		if exitOf(err) != pay.ExitNotFound {
			t.Errorf("%s selects %s: %v", name, plate, err)
		}
	}
	// What the one does is told to the other, which is the same merchant's; the plate is not.
	f := w.released("seen")
	w.must(w.Until("the other station knows of the payment", func() (bool, error) {
		var p api.Payment
		err := w.Ask(&p, "till", "show", "--data", w.Data("far"), "--id", f.Payment)
		if exitOf(err) == pay.ExitNotFound {
			return false, nil
		}
		return p.State == pay.StateHeld, err
	}))
	for _, name := range []string{"box", "far"} {
		w.Stop(name)
	}
	if !w.stores("box", "AB-C123") {
		t.Error("the plate is not found where it has to be")
	}
	if w.stores("far", "AB-C123") {
		t.Error("the plate has reached another station")
	}
}

// stores reports whether words stand in a file of a node.
func (w *world) stores(name, words string) (found bool) {
	w.t.Helper()
	w.must(filepath.WalkDir(w.Data(name), func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		raw, err := os.ReadFile(path)
		found = found || bytes.Contains(raw, []byte(words))
		return err
	}))
	return found
}
