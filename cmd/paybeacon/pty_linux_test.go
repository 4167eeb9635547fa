package main

import (
	"bytes"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// screen is a terminal on which a command runs: a person reads what it writes and
// types.
type screen struct {
	t      *testing.T
	keys   *os.File
	mu     sync.Mutex
	shown  bytes.Buffer
	news   chan struct{}
	ended  chan struct{}
	closed chan struct{}
	exit   int
}

// atScreen starts a command on a terminal of 24 by 80.
func (w *world) atScreen(args ...string) *screen {
	w.t.Helper()
	keys, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		if os.Getenv("CI") != "" {
			w.t.Fatal(err)
		}
		w.t.Skip("no pseudo terminals here: ", err)
	}
	number := 0
	raw, err := keys.SyscallConn()
	w.must(err)
	w.must(raw.Control(func(fd uintptr) {
		w.must(unix.IoctlSetPointerInt(int(fd), unix.TIOCSPTLCK, 0))
		number, err = unix.IoctlGetInt(int(fd), unix.TIOCGPTN)
		w.must(err)
		w.must(unix.IoctlSetWinsize(int(fd), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 80}))
	}))
	terminal, err := os.OpenFile("/dev/pts/"+strconv.Itoa(number), os.O_RDWR|unix.O_NOCTTY, 0)
	w.must(err)
	cmd := exec.CommandContext(w.Ctx, "paybeacon", args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = terminal, terminal, terminal
	w.must(cmd.Start())
	_ = terminal.Close()
	s := &screen{t: w.t, keys: keys, news: make(chan struct{}, 1), ended: make(chan struct{}), closed: make(chan struct{})}
	go func() {
		defer close(s.closed)
		_, _ = io.Copy(s, keys) // until the command has ended
	}()
	go func() {
		defer close(s.ended)
		_ = cmd.Wait()
		s.exit = cmd.ProcessState.ExitCode()
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.ended
		_ = keys.Close()
		<-s.closed
	})
	return s
}

// Write takes in what the command shows.
func (s *screen) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.Write(b)
	select {
	case s.news <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (s *screen) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return strings.ReplaceAll(s.shown.String(), "\r\n", "\n")
}

// await waits until what is shown, beyond the first from bytes, matches.
func (s *screen) await(pattern string, from int) []string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		if found := re.FindStringSubmatch(s.text()[from:]); found != nil {
			return found
		}
		select {
		case <-s.news:
		case <-s.closed:
			if found := re.FindStringSubmatch(s.text()[from:]); found != nil {
				return found
			}
			s.t.Fatalf("the command ended without %q; it showed:\n%s", pattern, s.text())
		}
	}
}

func (s *screen) typeLine(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// status waits for the end of the command and returns its exit status.
func (s *screen) status() int {
	<-s.ended
	return s.exit
}

// TestChargeAsksAtATerminal: two stand side by side; one command asks who it is, takes
// what the payer says, and charges that one under the key that it was given.
func TestChargeAsksAtATerminal(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.startWallet("ben", nil)
	w.must(w.Pair("ben", "-36", "--interval", "50ms"))
	w.must(w.Until("nobody is clear", func() (bool, error) {
		var n api.Nearby
		err := w.Ask(&n, "till", "nearby", "--data", w.Data("box"))
		return len(n.Candidates) == 2 && n.Candidates[1].Near && n.Clear == nil, err
	}))
	charge := func(key string, flags ...string) []string {
		return append([]string{"till", "charge", "--data", w.Data("box"), "--amount", "2.00", "--key", key}, flags...)
	}
	const question = `charge nobody\): `

	// Nobody is charged, and the key is unused.
	s := w.atScreen(charge("k1")...)
	first := s.await(`2 near and nobody is clearly nearest; ask ([a-z-]+) first\.\n  1  ([a-z-]+) +-\d+ dBm[a-z ]*\n  2  ([a-z-]+) +-\d+ dBm[a-z ]*\n[^\n]*`+question, 0)
	if first[1] != first[2] || first[2] == first[3] {
		t.Errorf("it says to ask %s first, and lists %s and %s", first[1], first[2], first[3])
	}
	s.typeLine("")
	if got := s.status(); got != int(pay.ExitNotPaid) {
		t.Errorf("exit %d without an answer, want %d:\n%s", got, pay.ExitNotPaid, s.text())
	}

	// The words that Ben's wallet shows, after words that nobody has.
	s = w.atScreen(charge("k1", "--wait", "30s")...)
	s.await(question, 0)
	before := len(s.text())
	s.typeLine("zz zz")
	s.await(`(?s)nobody was shown as zz-zz.*`+question, before)
	s.typeLine(strings.ToUpper(strings.ReplaceAll(string(w.wordsOf("ben")), "-", " ")))
	if got := s.status(); got != 0 {
		t.Fatalf("exit %d, want 0:\n%s", got, s.text())
	}
	var p api.Payment
	w.must(w.Ask(&p, "till", "show", "--data", w.Data("box"), "--key", "k1"))
	if p.Outcome != pay.OutcomePaid {
		t.Errorf("the payment is %+v", p)
	}
	w.paidBy("ben", p.ID)

	// The same command again is the same charge, and asks nobody.
	var again api.Payment
	w.must(w.Ask(&again, charge("k1", "--wait", "30s")...))
	if again.ID != p.ID {
		t.Errorf("the same key made %s beside %s", again.ID, p.ID)
	}

	// By a number of the list, whoever that is.
	s = w.atScreen(charge("k2", "--wait", "30s")...)
	s.await(question, 0)
	s.typeLine("1")
	if got := s.status(); got != 0 {
		t.Errorf("exit %d, want 0:\n%s", got, s.text())
	}
	// Without a terminal nothing is asked.
	if err := w.Ask(nil, charge("k3")...); err == nil || !strings.Contains(err.Error(), string(pay.CodeAmbiguous)) {
		t.Errorf("without a terminal: %v", err)
	}
	w.healthy()
}

// wordsOf returns what the only device of a wallet is called now.
func (w *world) wordsOf(who string) pay.Handle {
	w.t.Helper()
	var words api.Words
	w.must(w.Ask(&words, "wallet", "words", "--data", w.Data(who)))
	return words.Handle
}

// paidBy waits until a wallet holds the receipt of a payment.
func (w *world) paidBy(who, id string) {
	w.t.Helper()
	w.must(w.Until("the receipt is at "+who, func() (bool, error) {
		var p api.Payment
		err := w.Ask(&p, "wallet", "receipts", "--data", w.Data(who), "--id", id)
		return p.ID == id, err
	}))
}
