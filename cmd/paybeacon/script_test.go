package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/pay"
)

// scriptTimeout ends a script whose "until" never comes true.
const scriptTimeout = 3 * time.Minute

// TestMain lets the test binary be the program itself, so that scripts and
// tests run it as separate processes.
func TestMain(m *testing.M) {
	testscript.Main(cleanBuilds{m}, map[string]func(){"paybeacon": main})
}

// TestScripts runs the stories under testdata/script. Beside testscript's own
// commands they have:
//
//	world [FLAGS]         a registry (reg, with flags of serve), a box (box) and the wallets ada and
//	                      ben, with 50.00 each, all running and connected
//	tag WHO RSSI [FLAGS]  start WHO-tag, heard at RSSI, and pair it with WHO
//	fuelworld [FLAGS]     a registry (reg), a box at pumps (box, with flags of scan; sim: pumps 1 to 4
//	                      where it names none) and the wallets ada and ben, with 100.00 each, which
//	                      approve all below 90.00
//	car WHO RSSI VEHICLE [FLAGS]   start WHO-tag, heard at RSSI, and pair it with WHO as VEHICLE
//	thief NAME            someone who records all codes from now on
//	codes NAME N          wait until the thief has heard N different codes
//	replay NAME I         the thief sends the I-th code until the script ends
//	daemon NAME COMMAND   start a node whose data directory is NAME, wait until
//	                      it is ready, set $NAME_quic, $NAME_link, $NAME_node;
//	                      KEY=VALUE before NAME goes to its environment
//	crash NAME            SIGKILL            halt NAME  SIGTERM
//	again NAME            start it as it was
//	pin NAME              set $PIN and $LINK from what an unpaired beacon shows
//	said NAME PATTERN     wait until a line of the daemon's output matches
//	until FIELD VALUE COMMAND   repeat a paybeacon command until it answers that;
//	                      the field "lines" is how many objects it prints
//	get VAR FIELD         set $VAR from a field of the last answer's first object
//	want FIELD VALUE      compare a field of the last answer's first object
//	error CODE            the last line of stderr is this error object
//	lines N               the last answer has N lines
//	often WALLET          raise the wallet's limit until that is refused
//	corrupt FILE FROM TO  replace bytes in a file
//	broken NAME           the store of this registry is damaged on purpose
//
// At the end of each story the money of every registry that it started is conserved: see
// stage.Conserved.
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("TMPDIR", e.WorkDir)
			e.Setenv("GORACE", os.Getenv("GORACE"))
			captures, err := filepath.Abs("../../testdata/capture")
			if err != nil {
				return err
			}
			e.Setenv("CAPTURES", captures)
			exe, err := exec.LookPath("paybeacon")
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeout(t.Context(), scriptTimeout)
			s, err := stage.New(ctx, exe, e.WorkDir)
			if err != nil {
				cancel()
				return err
			}
			e.Values[stageKey{}] = scriptStage{s, map[string]*stage.Thief{}}
			e.Defer(func() {
				defer func() { s.Close(); cancel() }()
				if t, ok := e.T().(interface{ Failed() bool }); ok && t.Failed() {
					return
				}
				if err := s.Conserved(); err != nil {
					e.T().Fatal(err)
				}
			})
			return nil
		},
		Cmds: map[string]func(ts *testscript.TestScript, neg bool, args []string){
			"get": scriptGet, "want": scriptWant, "error": scriptError, "lines": scriptLines, "corrupt": scriptCorrupt, "broken": scriptBroken,
			"daemon": scriptDaemon, "crash": scriptEnd((*stage.Stage).Kill), "halt": scriptEnd((*stage.Stage).Stop), "again": scriptAgain,
			"world": scriptWorld, "fuelworld": scriptFuelWorld, "car": scriptCar, "tag": scriptTag, "thief": scriptThief, "codes": scriptCodes, "replay": scriptReplay,
			"pin": scriptPIN, "until": scriptUntil, "often": scriptOften, "said": scriptSaid,
		},
	})
}

// firstObject decodes the first line of the last answer.
func firstObject(ts *testscript.TestScript) map[string]any {
	line, _, _ := strings.Cut(ts.ReadFile("stdout"), "\n")
	return decodeObject(ts, line)
}

func decodeObject(ts *testscript.TestScript, line string) map[string]any {
	var object map[string]any
	dec := json.NewDecoder(strings.NewReader(line))
	dec.UseNumber()
	if err := dec.Decode(&object); err != nil {
		ts.Fatalf("%q is no JSON object: %v", line, err)
	}
	return object
}

func field(ts *testscript.TestScript, object map[string]any, path string) string {
	value, err := fieldOf(object, path)
	ts.Check(err)
	return value
}

// fieldOf returns what stands at a path of an object, of a list its length.
func fieldOf(object map[string]any, path string) (string, error) {
	var at any = object
	for name := range strings.SplitSeq(path, ".") {
		switch v := at.(type) {
		case map[string]any:
			found, ok := v[name]
			if !ok {
				return "", fmt.Errorf("field %q is missing in %v", path, object)
			}
			at = found
		case []any:
			var i int
			if _, err := fmt.Sscan(name, &i); err != nil || i >= len(v) {
				return "", fmt.Errorf("no element %q of %q in %v", name, path, object)
			}
			at = v[i]
		default:
			return "", fmt.Errorf("%q leads nowhere in %v", path, object)
		}
	}
	if s, ok := at.([]any); ok {
		return strconv.Itoa(len(s)), nil
	}
	return fmt.Sprint(at), nil
}

func scriptGet(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: get VAR FIELD")
	}
	ts.Setenv(args[0], field(ts, firstObject(ts), args[1]))
}

func scriptWant(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 2 {
		ts.Fatalf("usage: [!] want FIELD VALUE")
	}
	if got := field(ts, firstObject(ts), args[0]); (got == args[1]) == neg {
		ts.Fatalf("%s is %q; want %v %q", args[0], got, map[bool]string{false: "exactly", true: "anything but"}[neg], args[1])
	}
}

func scriptError(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: error CODE")
	}
	lines := strings.Split(strings.TrimSpace(ts.ReadFile("stderr")), "\n")
	e := decodeObject(ts, lines[len(lines)-1])
	if field(ts, e, "code") != args[0] || field(ts, e, "message") == "" || field(ts, e, "hint") == "" {
		ts.Fatalf("error is %v; want code %s with message and hint", e, args[0])
	}
}

func scriptLines(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: lines N")
	}
	if got := fmt.Sprint(strings.Count(ts.ReadFile("stdout"), "\n")); got != args[0] {
		ts.Fatalf("the answer has %s lines, want %s", got, args[0])
	}
}

func scriptCorrupt(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 3 {
		ts.Fatalf("usage: corrupt FILE FROM TO")
	}
	name := ts.MkAbs(args[0])
	raw, err := os.ReadFile(name)
	ts.Check(err)
	changed := strings.Replace(string(raw), args[1], args[2], 1)
	if changed == string(raw) {
		ts.Fatalf("%s does not hold %q", args[0], args[1])
	}
	ts.Check(os.WriteFile(name, []byte(changed), 0o600))
}

func scriptBroken(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: broken NAME")
	}
	stageOf(ts).Broken[args[0]] = true
}

// stageKey is where a script keeps its processes.
type stageKey struct{}

// scriptStage is a stage and who else is in its air.
type scriptStage struct {
	*stage.Stage
	thieves map[string]*stage.Thief
}

func stageOf(ts *testscript.TestScript) scriptStage { return ts.Value(stageKey{}).(scriptStage) }

// scriptWorld is what most stories begin with.
func scriptWorld(ts *testscript.TestScript, neg bool, args []string) {
	if neg {
		ts.Fatalf("usage: world [FLAGS]")
	}
	s := stageOf(ts)
	scriptDaemon(ts, false, append([]string{"reg", "serve", "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"}, args...))
	ts.Check(s.Enrol("reg", "box", "scan", "--role", "box", "--name", "counter", "--merchant", "Corner Cafe", "--site", "counter"))
	scriptDaemon(ts, false, []string{"box", "scan", "--radio", "air:" + s.Data("air"), "--lane", "till-1"})
	for _, who := range []string{"ada", "ben"} {
		ts.Check(s.Enrol("reg", who, "wallet", "--role", "wallet", "--name", who))
		ts.Check(s.Ask(nil, "admin", "topup", "--data", s.Data("reg"), "--wallet", who, "--amount", "50.00"))
		scriptDaemon(ts, false, []string{who, "wallet", "run"})
	}
	for _, name := range []string{"box", "ada", "ben"} {
		ts.Check(s.Until(name+" is connected", func() (bool, error) {
			r, err := s.Ready(name)
			return r.Registry == "up", err
		}))
	}
}

func scriptTag(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: tag WHO RSSI [FLAGS]")
	}
	ts.Check(stageOf(ts).Pair(args[0], args[1], append([]string{"--interval", "50ms"}, args[2:]...)...))
}

func scriptThief(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: thief NAME")
	}
	s := stageOf(ts)
	t, err := stage.NewThief(s.Ctx, s.Data("air"))
	ts.Check(err)
	ts.Defer(t.Close)
	s.thieves[args[0]] = t
}

func thiefOf(ts *testscript.TestScript, neg bool, args []string) (*stage.Thief, int) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: codes|replay NAME N")
	}
	t := stageOf(ts).thieves[args[0]]
	n, err := strconv.Atoi(args[1])
	if t == nil || err != nil {
		ts.Fatalf("no thief %q, or %q is no number", args[0], args[1])
	}
	return t, n
}

func scriptCodes(ts *testscript.TestScript, neg bool, args []string) {
	t, n := thiefOf(ts, neg, args)
	ts.Check(stageOf(ts).Until("the thief has heard enough", func() (bool, error) { return t.Codes() >= n, nil }))
}

func scriptReplay(ts *testscript.TestScript, neg bool, args []string) {
	t, i := thiefOf(ts, neg, args)
	ts.Defer(t.Replay(stageOf(ts).Ctx, i))
}

// scriptDaemon starts a node whose data directory is NAME and waits until it is
// ready. KEY=VALUE before NAME goes to its environment. It sets $NAME_quic,
// $NAME_http and $NAME_link to what it listens on.
func scriptDaemon(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	var env []string
	for len(args) > 0 && strings.Contains(args[0], "=") {
		env, args = append(env, args[0]), args[1:]
	}
	if neg || len(args) < 2 {
		ts.Fatalf("usage: daemon [KEY=VALUE...] NAME COMMAND...")
	}
	name := args[0]
	command := append(args[1:len(args):len(args)], "--data", s.Data(name))
	ts.Check(s.Start(name, env, command...))
	r, err := s.Ready(name)
	if err != nil {
		log, _ := os.ReadFile(s.Data(name) + ".log")
		ts.Fatalf("%v\n%s", err, log)
	}
	ts.Setenv(name+"_quic", r.QUIC)
	ts.Setenv(name+"_http", r.HTTP)
	ts.Setenv(name+"_link", r.Link)
	ts.Setenv(name+"_node", r.Node)
}

func scriptEnd(end func(s *stage.Stage, name string)) func(ts *testscript.TestScript, neg bool, args []string) {
	return func(ts *testscript.TestScript, neg bool, args []string) {
		if neg || len(args) == 0 {
			ts.Fatalf("usage: crash|halt NAME...")
		}
		for _, name := range args {
			if stageOf(ts).Procs[name] == nil {
				ts.Fatalf("%s never ran", name)
			}
			end(stageOf(ts).Stage, name)
		}
	}
}

// scriptAgain starts daemons once more as they were.
func scriptAgain(ts *testscript.TestScript, neg bool, args []string) {
	s := stageOf(ts)
	var env []string
	for len(args) > 0 && strings.Contains(args[0], "=") {
		env, args = append(env, args[0]), args[1:]
	}
	for _, name := range args {
		ts.Check(s.Again(name, env))
		_, err := s.Ready(name)
		ts.Check(err)
	}
}

// scriptPIN sets $PIN and $LINK from what an unpaired beacon shows.
func scriptPIN(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: pin NAME")
	}
	p, err := stageOf(ts).Pairing(args[0])
	ts.Check(err)
	ts.Setenv("PIN", p.PIN)
	ts.Setenv("LINK", p.Link)
}

// scriptOften raises a wallet's limit again and again, each time with the
// device's word, until somebody has had enough.
func scriptOften(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: often WALLET")
	}
	for n := range 2 * pay.AuthCodesPerMinute {
		err := ts.Exec("paybeacon", "wallet", "rules", "--data", args[0], "--two-channel-above", fmt.Sprintf("%d.00", n+1), "--json")
		if err != nil {
			if n < pay.AuthCodesPerMinute/2 {
				ts.Fatalf("refused after %d times already", n)
			}
			return
		}
	}
	ts.Fatalf("never refused")
}

// scriptSaid waits for a line in what a daemon printed.
func scriptSaid(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: said NAME PATTERN")
	}
	pattern, err := regexp.Compile(`(?m)` + args[1])
	ts.Check(err)
	s := stageOf(ts)
	ts.Check(s.Until(args[0]+" said "+args[1], func() (bool, error) {
		log, err := os.ReadFile(s.Data(args[0]) + ".log")
		return pattern.Match(log), err
	}))
}

// scriptUntil repeats a command until a field of its first object has a value.
func scriptUntil(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: until FIELD VALUE COMMAND...")
	}
	s := stageOf(ts)
	var last string
	err := s.Until(fmt.Sprintf("%s is %s", args[0], args[1]), func() (bool, error) {
		raw, _ := s.Output(args[2:]...)
		last = string(raw)
		if args[0] == "lines" {
			return (strconv.Itoa(bytes.Count(raw, []byte("\n"))) == args[1]) != neg, nil
		}
		if len(raw) == 0 {
			return false, nil
		}
		object := decodeObject(ts, string(stage.FirstLine(raw)))
		value, err := fieldOf(object, args[0])
		return err == nil && (value == args[1]) != neg, nil // what is missing may still come
	})
	if err != nil {
		ts.Fatalf("%v; last answer: %s", err, last)
	}
}
