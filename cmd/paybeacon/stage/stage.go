package stage

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// Stage runs the processes of a demo: this same program, once for each node.
type Stage struct {
	Ctx context.Context
	Exe string
	Dir string
	// Programs are the programs of the nodes that run another one than Exe, such
	// as another version, by the name of the node.
	Programs map[string]string
	Procs    map[string]*Proc
	// Broken are the registries whose store was damaged on purpose, by name: their money
	// need not be conserved.
	Broken map[string]bool
	Bound  map[string]api.Ready // what each listened on when it was last ready
	order  []string
}

// Proc is one node's process. Its output goes to a log file beside its data.
type Proc struct {
	Args []string
	Cmd  *exec.Cmd
	log  *os.File
	Done chan struct{}
}

const (
	// stagePoll is how often a process is asked whether something has happened.
	// Chosen: nobody notices it.
	stagePoll = 20 * time.Millisecond

	// stageReadyTimeout and stageStopTimeout bound the start and the end of a
	// process. Chosen: many times what a loaded machine takes.
	stageReadyTimeout = "15s"
	stageStopTimeout  = 5 * time.Second
)

// New returns a stage in dir for the program exe.
func New(ctx context.Context, exe, dir string) (*Stage, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find demo directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "make demo directory", "name another one with --data")
	}
	return &Stage{Ctx: ctx, Exe: exe, Dir: dir, Procs: map[string]*Proc{}, Programs: map[string]string{}, Broken: map[string]bool{}, Bound: map[string]api.Ready{}}, nil
}

// Data returns the data directory of a node of the stage.
func (s *Stage) Data(name string) string { return filepath.Join(s.Dir, name) }

// programOf returns the program that a node runs.
func (s *Stage) programOf(name string) string {
	if exe, ok := s.Programs[name]; ok {
		return exe
	}
	return s.Exe
}

// Start runs a daemon and waits until it is ready. env is added to this
// process's environment.
func (s *Stage) Start(name string, env []string, args ...string) error {
	log, err := os.OpenFile(s.Data(name)+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	p := &Proc{Args: args, log: log, Done: make(chan struct{})}
	p.Cmd = exec.Command(s.programOf(name), WithJSON(args)...)
	p.Cmd.Dir = s.Dir
	p.Cmd.Env = append(os.Environ(), env...)
	p.Cmd.Stdout, p.Cmd.Stderr = log, log
	if err := p.Cmd.Start(); err != nil {
		_ = log.Close()
		return fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.Cmd.Wait()
		_ = log.Close()
		close(p.Done)
	}()
	if _, known := s.Procs[name]; !known {
		s.order = append(s.order, name)
	}
	s.Procs[name] = p
	return nil
}

// Ready waits until a node is ready, and returns where it listens.
func (s *Stage) Ready(name string) (api.Ready, error) {
	var r api.Ready
	err := s.Ask(&r, "wait", "--for", "ready", "--data", s.Data(name), "--timeout", stageReadyTimeout)
	if err != nil {
		return r, fmt.Errorf("%s did not become ready (see %s.log): %w", name, s.Data(name), err)
	}
	s.Bound[name] = r
	return r, nil
}

// Again starts a daemon with the arguments it had, on the addresses that it
// had: whoever knew it finds it again.
func (s *Stage) Again(name string, env []string) error {
	p, ok := s.Procs[name]
	if !ok {
		return fmt.Errorf("start %s again: it never ran", name)
	}
	args := slices.Clone(p.Args)
	for flag, addr := range map[string]string{"--listen": s.Bound[name].QUIC, "--http": s.Bound[name].HTTP, "--link": s.Bound[name].Link} {
		if i := slices.Index(args, flag); i >= 0 && addr != "" {
			args[i+1] = addr
		}
	}
	return s.Start(name, env, args...)
}

// Kill ends a process as a power cut would.
func (s *Stage) Kill(name string) {
	p := s.Procs[name]
	_ = p.Cmd.Process.Kill()
	<-p.Done
}

// Stop asks a process to end, and ends it if it does not.
func (s *Stage) Stop(name string) {
	p := s.Procs[name]
	_ = p.Cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.Done:
	case <-time.After(stageStopTimeout):
		s.Kill(name)
	}
}

// Close ends every process, the last one started first.
func (s *Stage) Close() {
	for i := len(s.order) - 1; i >= 0; i-- {
		p := s.Procs[s.order[i]]
		select {
		case <-p.Done:
		default:
			s.Stop(s.order[i])
		}
	}
}

// ExitError is what a command of the stage ended with.
type ExitError struct {
	Exit pay.Exit
	api.Problem
}

func (e *ExitError) Error() string { return fmt.Sprintf("%s (%s, exit %d)", e.Message, e.Code, e.Exit) }

// Ask runs one command with --json and decodes the one object it prints. A
// command that fails returns an *ExitError; what it printed is decoded all the
// same.
func (s *Stage) Ask(out any, args ...string) error {
	raw, err := s.Output(args...)
	if len(raw) > 0 && out != nil {
		if jsonErr := json.Unmarshal(FirstLine(raw), out); jsonErr != nil {
			return fmt.Errorf("read what %v printed: %w", args[:2], jsonErr)
		}
	}
	return err
}

// Output runs one command with --json and returns what it prints. A command that
// fails returns an *ExitError beside it.
func (s *Stage) Output(args ...string) ([]byte, error) {
	name := ""
	if i := slices.Index(args, "--data"); i >= 0 && i+1 < len(args) {
		name = filepath.Base(args[i+1])
	}
	cmd := exec.CommandContext(s.Ctx, s.programOf(name), WithJSON(args)...)
	cmd.Dir = s.Dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil && s.Ctx.Err() != nil {
		return nil, s.Ctx.Err() // whatever the command said, it was interrupted
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		e := &ExitError{Exit: pay.Exit(exit.ExitCode())}
		lines := bytes.Split(bytes.TrimSpace(stderr.Bytes()), []byte("\n"))
		_ = json.Unmarshal(lines[len(lines)-1], &e.Problem)
		return stdout.Bytes(), e
	}
	if err != nil {
		return nil, fmt.Errorf("run %v: %w", args, err)
	}
	return stdout.Bytes(), nil
}

// WithJSON puts --json before the first flag: flags come before arguments.
func WithJSON(args []string) []string {
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
	if i < 0 {
		i = len(args)
	}
	return slices.Insert(slices.Clone(args), i, "--json")
}

// FirstLine returns what stands before the first line break.
func FirstLine(raw []byte) []byte {
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	return line
}

// DecodeLines decodes one object a line.
func DecodeLines[T any](raw []byte) ([]T, error) {
	var out []T
	dec := json.NewDecoder(bytes.NewReader(raw))
	for dec.More() {
		var v T
		if err := dec.Decode(&v); err != nil {
			return nil, fmt.Errorf("read list: %w", err)
		}
		out = append(out, v)
	}
	return out, nil
}

// Pairing reads the PIN that a device shows in its output, since it last started if it
// was paired then.
func (s *Stage) Pairing(name string) (api.Pairing, error) {
	var found api.Pairing
	err := s.Until(name+" shows a PIN", func() (bool, error) {
		found = api.Pairing{}
		raw, err := os.ReadFile(s.Data(name) + ".log")
		if err != nil {
			return false, fmt.Errorf("read log: %w", err)
		}
		for line := range bytes.Lines(raw) {
			var p struct {
				api.Pairing
				Paired bool `json:"paired"` // in the ready line
			}
			switch {
			case json.Unmarshal(line, &p) != nil:
			case p.Type == "pairing":
				found = p.Pairing
			case p.Type == "ready" && p.Paired: // it has started since, and the PIN was used
				found = api.Pairing{}
			}
		}
		return found.PIN != "", nil
	})
	return found, err
}

// Enrol lets one node in: noun is scan or wallet, invite the flags of the
// invite.
func (s *Stage) Enrol(registry, name, noun string, invite ...string) error {
	var i api.Invite
	if err := s.Ask(&i, append([]string{"admin", "invite", "--data", s.Data(registry)}, invite...)...); err != nil {
		return err
	}
	return s.Ask(nil, noun, "enrol", "--data", s.Data(name), "--invite", i.Invite)
}

// Pair starts a tag in the air of this stage, heard at rssi, and binds it to a
// wallet.
func (s *Stage) Pair(who, rssi string, flags ...string) error {
	return s.pair(who, rssi, nil, flags)
}

// PairCar is Pair for the device of a vehicle, such as "plate=AB-123,fuel=diesel,tank=55".
func (s *Stage) PairCar(who, rssi, vehicle string, flags ...string) error {
	return s.pair(who, rssi, []string{"--vehicle", vehicle}, flags)
}

func (s *Stage) pair(who, rssi string, as, flags []string) error {
	name := who + "-tag"
	args := []string{"beacon", "run", "--data", s.Data(name), "--radio", "air:" + s.Data("air"), "--rssi", rssi, "--link", "127.0.0.1:0"}
	if err := s.Start(name, nil, append(args, flags...)...); err != nil {
		return err
	}
	if _, err := s.Ready(name); err != nil {
		return err
	}
	p, err := s.Pairing(name)
	if err != nil {
		return err
	}
	return s.Ask(nil, append([]string{"wallet", "pair", "--data", s.Data(who), "--link", p.Link, "--pin", p.PIN}, as...)...)
}

// Until repeats f until it says true. Each round asks another process, so
// there is nothing to be woken by.
func (s *Stage) Until(what string, f func() (bool, error)) error {
	tick := time.NewTicker(stagePoll)
	defer tick.Stop()
	for {
		ok, err := f()
		if err != nil || ok {
			return err
		}
		select {
		case <-tick.C:
		case <-s.Ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, s.Ctx.Err())
		}
	}
}
