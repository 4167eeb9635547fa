package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const modulePath = "github.com/paybeacon/paybeacon/"

// plan is the house: each package, what it is for, and which of our packages
// it may import in its shipped code. Change the plan here first, with the
// reason, before adding a package or an arrow.
var plan = map[string]struct {
	why string
	may []string
}{
	"pay":      {"the domain knows nothing of ours", nil},
	"pay/rows": {"the only typed access to a role's rows", []string{"pay"}},
	"pay/book": {"accounts are the domain's", []string{"pay", "pay/rows"}},
	// Not a test's own file, because the tests of the registry and of nodes need it.
	"pay/book/booktest": {"what tests hold the accounts against is added up from the domain's facts", []string{"pay", "pay/book"}},
	"pay/registry":      {"a role knows the domain, its rows, the accounts and what an acquirer is asked", []string{"pay", "pay/rows", "pay/book", "pay/acquirer"}},
	"pay/history":       {"payments as box and wallet both see them: one fold for two roles", []string{"pay", "pay/rows"}},
	// The audit, and a session that catches up, have hundreds of signatures at hand at
	// once; see the package.
	"pay/sigbatch":    {"many signatures are verified together without knowing what was signed", nil},
	"pay/till":        {"a role knows the domain, its rows and how to fold it, and what stands on a forecourt", []string{"pay", "pay/rows", "pay/history", "pay/fuel"}},
	"pay/wallet":      {"a role knows the domain, its rows and how to fold it", []string{"pay", "pay/rows", "pay/history"}},
	"pay/device":      {"a role knows the domain", []string{"pay"}},
	"wire":            {"messages carry the domain's facts", []string{"pay"}},
	"store":           {"the store keeps the domain's facts in an engine", []string{"pay", "store/kv"}},
	"store/kv":        {"an engine knows only bytes", nil},
	"store/kv/kvtest": {"the contract suite of engines", []string{"store/kv"}},
	"store/badgerkv":  {"an adapter knows its parent's seam, and has a log of its own before its library", []string{"store/kv", "store/badgerkv/commitlog"}},
	"sync":            {"sessions speak messages about facts, and verify many at once", []string{"wire", "pay", "pay/sigbatch"}},
	"sync/quicnet":    {"an adapter knows its parent, and what the protocol fixes for TLS", []string{"sync", "wire", "pay"}},
	"sync/link":       {"an adapter of the domain's pairing", []string{"pay"}},
	"ble":             {"adverts become the domain's candidates", []string{"pay"}},
	"ble/air":         {"an adapter knows its parent", []string{"ble", "pay"}},
	"ble/crowd":       {"a floor, simulated or of recordings, makes its parent's adverts and plays them to its tracker", []string{"ble", "pay"}},
	"ble/replay":      {"an adapter knows its parent", []string{"ble", "pay"}},
	"ble/bluez":       {"an adapter knows its parent", []string{"ble", "pay"}},
	// Not a test's own file, because the tests of the commands and the benchmark
	// of the radio need it as well.
	"ble/bluez/fakebluez": {"what stands in for BlueZ knows BlueZ alone", nil},
	"ble/bluez/vhci":      {"controllers that exist only in memory know an address and no more", []string{"ble"}},
	// A package of its own, because it is tested on a disk in memory and knows no Badger.
	"store/badgerkv/commitlog": {"a log of commits is bytes in files", nil},
	"sync/quicnet/relay":       {"what stands in for a path that loses datagrams knows UDP alone", nil},

	// What an acquirer is asked and answers is the domain's; who calls it is a room of
	// the program, because the domain knows no network and no disk.
	"pay/acquirer": {"the seam to those who move money outside is made of the domain's values", []string{"pay"}},
	// The forecourt is a machine of its own, which roles and the rooms with pumps share.
	"pay/fuel":                  {"the forecourt is made of the domain's values", []string{"pay"}},
	"pay/acquirer/acquirertest": {"the contract suite of acquirers", []string{"pay", "pay/acquirer"}},
	"cmd/paybeacon/simbank":     {"a simulated provider is asked through the seam alone, and keeps a file of its own as one elsewhere would", []string{"pay", "pay/acquirer"}},
	"cmd/paybeacon/stripe":      {"a provider is asked through the seam alone", []string{"pay", "pay/acquirer"}},
	// Not a test's own file, because the tests of the program need it as well.
	"cmd/paybeacon/fakestripe": {"what stands in for Stripe knows Stripe alone", nil},

	// Pumps are outside, as acquirers are; the box reaches them through one seam.
	"cmd/paybeacon/pumps": {"the seam to pumps is made of the domain's values", []string{"pay", "pay/fuel"}},
	// Charge points come to the box, so it listens, and remembers what it asked them for.
	"cmd/paybeacon/pumps/ocpp": {"charge points are pumps through the seam alone", []string{"pay", "cmd/paybeacon/pumps"}},
	// Simulated pumps outlive the box, so they write as durably as it does.
	"cmd/paybeacon/pumps/sim":       {"simulated pumps are used through the seam, and have hands of their own", []string{"pay", "cmd/paybeacon/datadir", "cmd/paybeacon/pumps"}},
	"cmd/paybeacon/pumps/pumpstest": {"the contract suite of pumps", []string{"pay", "cmd/paybeacon/pumps"}},

	// The rooms of the program. What two of face, demo, doctor, survey and bench
	// need lies in a room below them, so there is no arrow among them.
	"cmd/paybeacon/text": {"words and amounts for people are made of the domain's values", []string{"pay"}},
	"cmd/paybeacon/api":  {"scripts read the domain's values and those of the forecourt, and errors quote strangers", []string{"pay", "pay/fuel", "cmd/paybeacon/text"}},
	"cmd/paybeacon/cli":  {"the frame of commands prints the API's error object, its flags name the tracker's defaults, and a file sets those of a daemon", []string{"pay", "ble", "cmd/paybeacon/api", "cmd/paybeacon/config", "cmd/paybeacon/text"}},
	// Four rooms below the nodes, because doctor, survey, demo and bench look into a
	// directory, and at the air, without one; and what one tells is read without knowing it.
	"cmd/paybeacon/datadir": {"what lies in a node's directory is the domain's, and a file's name is printed", []string{"pay", "pay/device", "cmd/paybeacon/text"}},
	"cmd/paybeacon/config":  {"a file of settings is read and quoted without knowing a flag", []string{"pay", "cmd/paybeacon/api", "cmd/paybeacon/datadir", "cmd/paybeacon/text"}},
	"cmd/paybeacon/process": {"what a node takes from its process names the node's directory", []string{"pay", "cmd/paybeacon/datadir"}},
	"cmd/paybeacon/radio":   {"the choice of a radio knows each adapter of the air, so that nobody else does", []string{"pay", "ble", "ble/air", "ble/bluez", "ble/replay", "cmd/paybeacon/text"}},
	"cmd/paybeacon/events":  {"what happens to a node is read out of its store and told in the words of the API", []string{"pay", "pay/history", "store", "cmd/paybeacon/api", "cmd/paybeacon/text"}},
	"cmd/paybeacon/node":    {"a node is made of a role, a store, a session and a radio, and speaks the API", slices.Concat([]string{"cmd/paybeacon/api", "cmd/paybeacon/datadir", "cmd/paybeacon/events", "cmd/paybeacon/process", "cmd/paybeacon/radio", "cmd/paybeacon/text"}, belowNode)},
	"cmd/paybeacon/stage":   {"other processes are known by what the API prints; its thief is in the air", []string{"pay", "ble", "ble/air", "cmd/paybeacon/api"}},
	"cmd/paybeacon/face":    {"a command on a terminal asks a node, and writes prices and quantities as they are read", []string{"pay", "pay/fuel", "ble", "cmd/paybeacon/api", "cmd/paybeacon/cli", "cmd/paybeacon/datadir", "cmd/paybeacon/events", "cmd/paybeacon/node", "cmd/paybeacon/process", "cmd/paybeacon/radio", "cmd/paybeacon/text"}},
	"cmd/paybeacon/survey":  {"the air is looked at through a radio, without a node", []string{"pay", "ble", "ble/replay", "cmd/paybeacon/api", "cmd/paybeacon/cli", "cmd/paybeacon/datadir", "cmd/paybeacon/process", "cmd/paybeacon/radio", "cmd/paybeacon/text"}},
	"cmd/paybeacon/doctor":  {"a node and its radio are looked at from outside", []string{"pay", "pay/device", "ble", "ble/replay", "cmd/paybeacon/api", "cmd/paybeacon/cli", "cmd/paybeacon/datadir", "cmd/paybeacon/node", "cmd/paybeacon/process", "cmd/paybeacon/radio", "cmd/paybeacon/text"}},
	"cmd/paybeacon/demo":    {"a story is played on a stage; its forger has a stolen node and says what no role would; litres and prices are written as at pumps", []string{"pay", "pay/device", "pay/fuel", "pay/history", "store", "cmd/paybeacon/api", "cmd/paybeacon/cli", "cmd/paybeacon/datadir", "cmd/paybeacon/node", "cmd/paybeacon/process", "cmd/paybeacon/stage", "cmd/paybeacon/text"}},
	"cmd/paybeacon/bench":   {"what is measured stands below the nodes, or is a node that is asked as by a command; its yardsticks speak over the same transport", []string{"pay", "pay/device", "pay/registry", "store", "store/kv", "store/badgerkv", "sync", "sync/quicnet", "ble", "ble/bluez", "ble/bluez/fakebluez", "ble/crowd", "cmd/paybeacon/api", "cmd/paybeacon/cli", "cmd/paybeacon/datadir", "cmd/paybeacon/events", "cmd/paybeacon/node", "cmd/paybeacon/process", "cmd/paybeacon/stage", "cmd/paybeacon/text"}},
	"cmd/paybeacon":         {"the tree of commands: may import all; nobody imports it", nil},
}

// belowNode is what a node is wired of.
var belowNode = []string{
	"pay", "pay/acquirer", "pay/book", "pay/device", "pay/fuel", "pay/history", "pay/registry", "pay/sigbatch", "pay/till", "pay/wallet",
	"store", "store/kv", "store/badgerkv", "sync", "sync/link", "sync/quicnet", "ble",
	"cmd/paybeacon/simbank", "cmd/paybeacon/stripe",
	"cmd/paybeacon/pumps", "cmd/paybeacon/pumps/sim", "cmd/paybeacon/pumps/ocpp",
}

// doors are the heavy dependencies, each with the packages that import it: one,
// but for the bus, which has two ends, for colours, which two rooms use, for TOML,
// in which people write files of two kinds, and for websockets, which have two ends.
var doors = map[string][]string{
	"github.com/dgraph-io/badger":  {"store/badgerkv"},
	"github.com/quic-go/quic-go":   {"sync/quicnet"},
	"github.com/muka/go-bluetooth": {"ble/bluez"},
	"github.com/godbus/dbus":       {"ble/bluez", "ble/bluez/fakebluez"},
	"github.com/fxamacker/cbor":    {"pay"},
	"github.com/urfave/cli":        {"cmd/paybeacon/cli"},
	"github.com/bojanz/currency":   {"cmd/paybeacon/text"},
	"github.com/mdp/qrterminal":    {"cmd/paybeacon/face"},
	"charm.land/bubbletea":         {"cmd/paybeacon/survey"},
	"charm.land/lipgloss":          {"cmd/paybeacon/doctor", "cmd/paybeacon/survey"},
	"github.com/tidwall/btree":     {"store/kv"},
	"filippo.io/edwards25519":      {"pay/sigbatch"},
	"github.com/stripe/stripe-go":  {"cmd/paybeacon/stripe"},
	"github.com/lorenzodonini":     {"cmd/paybeacon/pumps/ocpp"},
	"github.com/gorilla/websocket": {"cmd/paybeacon/pumps/ocpp", "cmd/paybeacon/stage"},
	"github.com/BurntSushi/toml":   {"cmd/paybeacon/config", "cmd/paybeacon/pumps/ocpp", "cmd/paybeacon/pumps/sim"},
	// Unicode's forms of one letter are tables of many thousands, and plates are typed
	// in any of them.
	"golang.org/x/text": {"pay/fuel"},
}

// rooms are the packages of the program.
const rooms = "cmd/paybeacon"

// TestPlanHasNoCircle walks up every arrow of the plan: no package may import,
// even by way of others, one that imports it. Nothing below the program knows one
// of its rooms, and nobody imports the tree of commands.
func TestPlanHasNoCircle(t *testing.T) {
	t.Parallel()
	for name, room := range plan {
		if room.why == "" {
			t.Errorf("the plan gives no reason for %s", name)
		}
		for _, imported := range room.may {
			if _, ok := plan[imported]; !ok {
				t.Errorf("%s may import %s, which the plan does not name", name, imported)
			}
			if imported == rooms || (strings.HasPrefix(imported, rooms) && !strings.HasPrefix(name, rooms)) {
				t.Errorf("%s may import %s, which stands above it", name, imported)
			}
			if leadsTo(imported, name, map[string]bool{}) {
				t.Errorf("%s may import %s, which imports it in turn", name, imported)
			}
		}
	}
}

// leadsTo reports whether the plan's arrows lead from one package to another.
func leadsTo(from, to string, seen map[string]bool) bool {
	if from == to {
		return true
	}
	if seen[from] {
		return false
	}
	seen[from] = true
	return slices.ContainsFunc(plan[from].may, func(next string) bool { return leadsTo(next, to, seen) })
}

// TestArrowsBetweenPackages fails on a package that is not in the plan, on an
// arrow that the plan does not draw, and on a dependency that came in by
// another door. Only the tree of commands may import whatever it likes.
func TestArrowsBetweenPackages(t *testing.T) {
	t.Parallel()
	cmd := exec.Command("go", "list", "-json=ImportPath,Imports", "./...")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "GOOS=linux")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	seen := map[string]bool{}
	for dec := json.NewDecoder(bytes.NewReader(out)); ; {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		name := strings.TrimPrefix(p.ImportPath, modulePath)
		seen[name] = true
		room, ok := plan[name]
		if !ok {
			t.Errorf("package %s is not in the plan: add it there first, with the reason", name)
			continue
		}
		for _, arrow := range room.may {
			if !slices.Contains(p.Imports, modulePath+arrow) {
				t.Errorf("%s does not import %s any more: take the arrow out of the plan", name, arrow)
			}
		}
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, modulePath); ok && name != rooms && !slices.Contains(room.may, ours) {
				t.Errorf("%s imports %s, but %s", name, ours, room.why)
			}
			for door, keepers := range doors {
				if strings.HasPrefix(imported, door) && !slices.Contains(keepers, name) {
					t.Errorf("%s imports %s; its door is %q", name, imported, keepers)
				}
			}
		}
	}
	for name := range plan {
		if !seen[name] {
			t.Errorf("the plan names %s, which does not exist", name)
		}
	}
}
