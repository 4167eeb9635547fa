package sim_test

import (
	"bufio"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
)

// patience is how long all lives may take together.
const patience = 2 * time.Minute

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
	for {
		var s pumps.Session
		rand.Read(s[:]) // it is another than those of every life before
		// Where the pump is busy it is with what was begun before the last death: that is
		// filled, or ended, first.
		_ = f.Release(ctx, pumps.Release{Pump: 2, Session: s, Product: "diesel", Price: 1_639, Most: 10_000})
		_, _ = f.Fill(ctx, 2, 10_000, false)
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
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel() // which ends a child that tells nothing
	folder := t.TempDir()
	told := map[pumps.Transaction]string{}
	of := map[pumps.Session]pumps.Transaction{}
	for life := range 12 {
		cmd := exec.CommandContext(ctx, os.Args[0], "-test.run=^TestKilled$")
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
