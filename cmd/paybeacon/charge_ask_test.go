package main

import (
	"bytes"
	"io"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// asking is a command that asks: a person reads what it writes and types.
type asking struct {
	t     *testing.T
	keys  io.WriteCloser
	mu    sync.Mutex
	shown bytes.Buffer
	news  chan struct{}
	ended chan struct{}
	exit  int
}

// ask starts a command that asks.
func (w *world) ask(args ...string) *asking {
	w.t.Helper()
	cmd := exec.CommandContext(w.Ctx, "paybeacon", args...)
	keys, err := cmd.StdinPipe()
	w.must(err)
	s := &asking{t: w.t, keys: keys, news: make(chan struct{}, 1), ended: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = s, s
	w.must(cmd.Start())
	go func() {
		defer close(s.ended)
		_ = cmd.Wait()
		s.exit = cmd.ProcessState.ExitCode()
	}()
	w.t.Cleanup(func() {
		_ = cmd.Process.Kill()
		<-s.ended
	})
	return s
}

// Write takes in what the command shows.
func (s *asking) Write(b []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shown.Write(b)
	select {
	case s.news <- struct{}{}:
	default:
	}
	return len(b), nil
}

func (s *asking) text() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.shown.String()
}

// await waits until what is shown, beyond the first from bytes, matches.
func (s *asking) await(pattern string, from int) []string {
	s.t.Helper()
	re := regexp.MustCompile(pattern)
	for {
		if found := re.FindStringSubmatch(s.text()[from:]); found != nil {
			return found
		}
		select {
		case <-s.news:
		case <-s.ended:
			if found := re.FindStringSubmatch(s.text()[from:]); found != nil {
				return found
			}
			s.t.Fatalf("the command ended without %q; it showed:\n%s", pattern, s.text())
		}
	}
}

func (s *asking) typeLine(line string) {
	s.t.Helper()
	if _, err := io.WriteString(s.keys, line+"\n"); err != nil {
		s.t.Fatal(err)
	}
}

// status waits for the end of the command and returns its exit status.
func (s *asking) status() int {
	<-s.ended
	return s.exit
}

// TestChargeAsksWhoIsMeant: two stand side by side; one command asks who it is, takes
// what the payer says, and charges that one under the key that it was given.
func TestChargeAsksWhoIsMeant(t *testing.T) {
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
		return append([]string{"till", "charge", "--data", w.Data("box"), "--amount", "2.00", "--key", key, "--ask"}, flags...)
	}
	const question = `charges nobody:\n> `

	// Nobody is charged, and the key is unused.
	s := w.ask(charge("k1")...)
	first := s.await(`2 near and nobody is clearly nearest; ask ([a-z-]+) first\.\n  1  ([a-z-]+) +-\d+ dBm[a-z ]*\n  2  ([a-z-]+) +-\d+ dBm[a-z ]*\n[^\n]*`+question, 0)
	if first[1] != first[2] || first[2] == first[3] {
		t.Errorf("it says to ask %s first, and lists %s and %s", first[1], first[2], first[3])
	}
	s.typeLine("")
	if got := s.status(); got != int(pay.ExitNotPaid) {
		t.Errorf("exit %d without an answer, want %d:\n%s", got, pay.ExitNotPaid, s.text())
	}

	// The words that Ben's wallet shows, after words that nobody has.
	s = w.ask(charge("k1", "--wait", "30s")...)
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

	// By a number of the list nobody has said who it is: the wallet's rule does not
	// answer.
	s = w.ask(charge("k2")...)
	s.await(question, 0)
	s.typeLine("1")
	if got := s.status(); got != 0 {
		t.Errorf("exit %d, want 0:\n%s", got, s.text())
	}
	w.must(w.Ask(&p, "till", "show", "--data", w.Data("box"), "--key", "k2"))
	if p.Evidence != pay.EvidenceClear || p.Certain {
		t.Errorf("chosen by number, and the evidence is %q, certain %v", p.Evidence, p.Certain)
	}
	// Without a terminal nothing is asked.
	if err := w.Ask(nil, "till", "charge", "--data", w.Data("box"), "--amount", "2.00"); err == nil || !strings.Contains(err.Error(), string(pay.CodeAmbiguous)) {
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
