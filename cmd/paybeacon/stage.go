package main

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

	"github.com/paybeacon/paybeacon/pay"
)

// stage runs the processes of a demo: this same program, once for each node.
type stage struct {
	ctx   context.Context
	exe   string
	dir   string
	procs map[string]*proc
	bound map[string]readyJSON // what each listened on when it was last ready
	order []string
}

// proc is one node's process. Its output goes to a log file beside its data.
type proc struct {
	args []string
	cmd  *exec.Cmd
	log  *os.File
	done chan struct{}
}

const (
	// stagePoll is how often a process is asked whether something has happened.
	stagePoll = 20 * time.Millisecond

	stageReadyTimeout = "15s"
	stageStopTimeout  = 5 * time.Second
)

// newStage returns a stage in dir for the program exe.
func newStage(ctx context.Context, exe, dir string) (*stage, error) {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return nil, fmt.Errorf("find demo directory: %w", err)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, pay.Wrap(err, pay.CodeConfig, "make demo directory", "name another one with --data")
	}
	return &stage{ctx: ctx, exe: exe, dir: dir, procs: map[string]*proc{}, bound: map[string]readyJSON{}}, nil
}

func (s *stage) data(name string) string { return filepath.Join(s.dir, name) }

// start runs a daemon and waits until it is ready. env is added to this
// process's environment.
func (s *stage) start(name string, env []string, args ...string) error {
	log, err := os.OpenFile(s.data(name)+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log: %w", err)
	}
	p := &proc{args: args, log: log, done: make(chan struct{})}
	p.cmd = exec.Command(s.exe, withJSON(args)...)
	p.cmd.Dir = s.dir
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = log, log
	if err := p.cmd.Start(); err != nil {
		_ = log.Close()
		return fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait()
		_ = log.Close()
		close(p.done)
	}()
	if _, known := s.procs[name]; !known {
		s.order = append(s.order, name)
	}
	s.procs[name] = p
	return nil
}

func (s *stage) ready(name string) (readyJSON, error) {
	var r readyJSON
	err := s.ask(&r, "wait", "--for", "ready", "--data", s.data(name), "--timeout", stageReadyTimeout)
	if err != nil {
		return r, fmt.Errorf("%s did not become ready (see %s.log): %w", name, s.data(name), err)
	}
	s.bound[name] = r
	return r, nil
}

// again starts a daemon with the arguments it had, on the addresses that it
// had: whoever knew it finds it again.
func (s *stage) again(name string, env []string) error {
	p, ok := s.procs[name]
	if !ok {
		return fmt.Errorf("start %s again: it never ran", name)
	}
	args := slices.Clone(p.args)
	for flag, addr := range map[string]string{"--listen": s.bound[name].QUIC, "--http": s.bound[name].HTTP, "--link": s.bound[name].Link} {
		if i := slices.Index(args, flag); i >= 0 && addr != "" {
			args[i+1] = addr
		}
	}
	return s.start(name, env, args...)
}

// kill ends a process as a power cut would.
func (s *stage) kill(name string) {
	p := s.procs[name]
	_ = p.cmd.Process.Kill()
	<-p.done
}

// stop asks a process to end, and ends it if it does not.
func (s *stage) stop(name string) {
	p := s.procs[name]
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.done:
	case <-time.After(stageStopTimeout):
		s.kill(name)
	}
}

// close ends every process, the last one started first.
func (s *stage) close() {
	for i := len(s.order) - 1; i >= 0; i-- {
		p := s.procs[s.order[i]]
		select {
		case <-p.done:
		default:
			s.stop(s.order[i])
		}
	}
}

// exitError is what a command of the stage ended with.
type exitError struct {
	exit pay.Exit
	errorJSON
}

func (e *exitError) Error() string { return fmt.Sprintf("%s (%s, exit %d)", e.Message, e.Code, e.exit) }

// ask runs one command with --json and decodes the one object it prints. A
// command that fails returns an *exitError; what it printed is decoded all the
// same.
func (s *stage) ask(out any, args ...string) error {
	raw, err := s.output(args...)
	if len(raw) > 0 && out != nil {
		if jsonErr := json.Unmarshal(firstLine(raw), out); jsonErr != nil {
			return fmt.Errorf("read what %v printed: %w", args[:2], jsonErr)
		}
	}
	return err
}

func (s *stage) output(args ...string) ([]byte, error) {
	cmd := exec.CommandContext(s.ctx, s.exe, withJSON(args)...)
	cmd.Dir = s.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	if err != nil && s.ctx.Err() != nil {
		return nil, s.ctx.Err() // whatever the command said, it was interrupted
	}
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		e := &exitError{exit: pay.Exit(exit.ExitCode())}
		lines := bytes.Split(bytes.TrimSpace(stderr.Bytes()), []byte("\n"))
		_ = json.Unmarshal(lines[len(lines)-1], &e.errorJSON)
		return stdout.Bytes(), e
	}
	if err != nil {
		return nil, fmt.Errorf("run %v: %w", args, err)
	}
	return stdout.Bytes(), nil
}

// withJSON puts --json before the first flag: flags come before arguments.
func withJSON(args []string) []string {
	i := slices.IndexFunc(args, func(a string) bool { return strings.HasPrefix(a, "-") })
	if i < 0 {
		i = len(args)
	}
	return slices.Insert(slices.Clone(args), i, "--json")
}

func firstLine(raw []byte) []byte {
	line, _, _ := bytes.Cut(raw, []byte("\n"))
	return line
}

// lines decodes one object a line.
func decodeLines[T any](raw []byte) ([]T, error) {
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

// pairing reads the PIN that a device shows in its output.
func (s *stage) pairing(name string) (pairingJSON, error) {
	var found pairingJSON
	err := s.until(name+" shows a PIN", func() (bool, error) {
		raw, err := os.ReadFile(s.data(name) + ".log")
		if err != nil {
			return false, fmt.Errorf("read log: %w", err)
		}
		for line := range bytes.Lines(raw) {
			var p pairingJSON
			if json.Unmarshal(line, &p) == nil && p.Type == "pairing" {
				found = p
			}
		}
		return found.PIN != "", nil
	})
	return found, err
}

// enrol lets one node in: noun is scan or wallet, invite the flags of the
// invite.
func (s *stage) enrol(registry, name, noun string, invite ...string) error {
	var i inviteJSON
	if err := s.ask(&i, append([]string{"admin", "invite", "--data", s.data(registry)}, invite...)...); err != nil {
		return err
	}
	return s.ask(nil, noun, "enrol", "--data", s.data(name), "--invite", i.Invite)
}

// pair starts a tag in the air of this stage, heard at rssi, and binds it to a
// wallet.
func (s *stage) pair(who, rssi string, flags ...string) error {
	name := who + "-tag"
	args := []string{"beacon", "run", "--data", s.data(name), "--radio", "air:" + s.data("air"), "--rssi", rssi, "--link", "127.0.0.1:0"}
	if err := s.start(name, nil, append(args, flags...)...); err != nil {
		return err
	}
	if _, err := s.ready(name); err != nil {
		return err
	}
	p, err := s.pairing(name)
	if err != nil {
		return err
	}
	return s.ask(nil, "wallet", "pair", "--data", s.data(who), "--link", p.Link, "--pin", p.PIN)
}

// until repeats f until it says true. Each round asks another process, so
// there is nothing to be woken by.
func (s *stage) until(what string, f func() (bool, error)) error {
	tick := time.NewTicker(stagePoll)
	defer tick.Stop()
	for {
		ok, err := f()
		if err != nil || ok {
			return err
		}
		select {
		case <-tick.C:
		case <-s.ctx.Done():
			return fmt.Errorf("wait until %s: %w", what, s.ctx.Err())
		}
	}
}
