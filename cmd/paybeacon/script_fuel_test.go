package main

import (
	"slices"

	"github.com/rogpeppe/go-internal/testscript"
)

// scriptFuelWorld is what stories of a forecourt begin with.
func scriptFuelWorld(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: fuelworld [FLAGS]")
	}
	s := stageOf(ts)
	serve := []string{"reg", "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}
	if len(args) > 1 && args[0] == "--acquirer" {
		serve, args = append(serve, args[:2]...), args[2:]
	}
	scriptDaemon(ts, false, serve)
	ts.Check(s.Enrol("reg", "box", "scan", "--role", "box", "--name", "forecourt", "--merchant", "Hill Station", "--site", "north", "--class", "fuel"))
	scan := []string{"box", "scan", "--radio", "air:" + s.Data("air"), "--lane", "1"}
	if !slices.Contains(args, "--pumps") {
		scan = append(scan, "--pumps", "sim:"+s.Data("no-such-file"))
	}
	scriptDaemon(ts, false, append(scan, args...))
	for _, who := range []string{"ada", "ben"} {
		ts.Check(s.Enrol("reg", who, "wallet", "--role", "wallet", "--name", who))
		ts.Check(s.Ask(nil, "admin", "topup", "--data", s.Data("reg"), "--wallet", who, "--amount", "100.00"))
		scriptDaemon(ts, false, []string{who, "wallet", "run", "--approve", "under:90.00"})
	}
	for _, name := range []string{"box", "ada", "ben"} {
		ts.Check(s.Until(name+" is connected", func() (bool, error) {
			r, err := s.Ready(name)
			return r.Registry == "up", err
		}))
	}
}

// scriptCar starts a vehicle's device.
func scriptCar(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 3 {
		ts.Fatalf("usage: car WHO RSSI VEHICLE [FLAGS]")
	}
	ts.Check(stageOf(ts).PairCar(args[0], args[1], args[2], append([]string{"--interval", "50ms"}, args[3:]...)...))
}
