package sim_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
)

// workUntilKilled is set, to a folder, in the process that TestKilled starts.
const workUntilKilled = "PAYBEACON_TEST_WORK_PUMPS"

// workInFolder works the pumps of a folder: it releases one session of pump 2 after the
// other, fills, and settles what it is told, and writes each end down before that. It
// returns when it cannot go on.
func workInFolder(folder string) error {
	f, err := sim.Open(sim.Options{Folder: folder})
	if err != nil {
		return err
	}
	ended := make(chan pumps.Event, 16)
	go func() {
		_ = f.Run(context.Background(), func(e pumps.Event) {
			if e.Pump == 2 && e.What == pumps.Ended {
				ended <- e
			}
		})
	}()
	ctx := context.Background()
	for n := os.Getpid(); ; n++ {
		s := pumps.Session{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24), 1}
		err := f.Release(ctx, pumps.Release{Pump: 2, Session: s, Product: "diesel", Price: 1_639, Most: 10_000})
		if err == nil {
			_, err = f.Fill(ctx, 2, 10_000, false)
		}
		_ = err // busy: what was begun before the last death is ended first
		if err := f.Hang(ctx, 2); err != nil {
			return err
		}
		e := <-ended
		line, err := json.Marshal(e)
		if err != nil {
			return err
		}
		fmt.Println(string(line))
		if err := f.Settle(ctx, 2, e.Transaction); err != nil {
			return err
		}
	}
}

// TestKilled kills a box with SIGKILL while it works, again and again: each transaction
// is told with the same content as often as it is told, and none has a number twice.
func TestKilled(t *testing.T) {
	t.Parallel()
	if folder := os.Getenv(workUntilKilled); folder != "" {
		t.Fatal(workInFolder(folder))
	}
	folder := t.TempDir()
	told := map[pumps.Transaction]string{}
	of := map[pumps.Session]pumps.Transaction{}
	for life := range 12 {
		cmd := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestKilled$")
		cmd.Env = append(os.Environ(), workUntilKilled+"="+folder)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 5+life && lines.Scan(); n++ {
			var e pumps.Event
			if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
				t.Fatalf("%v: %s", err, lines.Text())
			}
			if before, ok := told[e.Transaction]; ok && before != lines.Text() {
				t.Fatalf("transaction %d was told as %s and as %s", e.Transaction, before, lines.Text())
			}
			if before, ok := of[e.Session]; ok && before != e.Transaction {
				t.Fatalf("session %x has transactions %d and %d", e.Session, before, e.Transaction)
			}
			told[e.Transaction], of[e.Session] = lines.Text(), e.Transaction
		}
		if err := cmd.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait() // it was killed
	}
	if len(told) < 12*5 {
		t.Errorf("%d transactions in 12 lives", len(told))
	}
}
