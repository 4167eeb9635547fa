package commitlog_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
)

const segmentBytes = 16 << 10

// payloadOf returns what the model commits as number n, in the given try: the
// commit of an earlier try may have been lost, or may turn up.
func payloadOf(n uint64, try int, rng *rand.Rand) []byte {
	p := binary.BigEndian.AppendUint64(nil, n)
	p = binary.BigEndian.AppendUint32(p, uint32(try))
	size := rng.IntN(200)
	switch rng.IntN(8) {
	case 0:
		size = rng.IntN(segmentBytes / 2)
	case 1:
		return append(p, make([]byte, size*8)...) // zeros look like what was not written
	}
	for range size {
		p = append(p, byte(rng.Uint32()))
	}
	return p
}

// world is a store beside a log: its tables hold the commits up to a position.
type world struct {
	rng     *rand.Rand
	disk    *disk
	try     int
	tables  commitlog.Position
	commits [][]byte // what was acknowledged, and of the last perhaps not
	acked   int
	at      []commitlog.Position // of each
}

// run lives through one life of the process, and loses power at some step.
func (w *world) run() error {
	log, err := w.start()
	if err != nil {
		return err
	}
	if log == nil {
		return nil // the power failed while it started
	}
	w.disk.fails = w.rng.IntN(200)
	for {
		w.try++
		payload := payloadOf(uint64(len(w.commits)), w.try, w.rng)
		at, err := log.Append(payload)
		w.commits = append(w.commits, payload)
		if err != nil {
			w.at = append(w.at, commitlog.Position{})
			break
		}
		w.at, w.acked = append(w.at, at), len(w.commits)
		if !log.Due() && w.rng.IntN(40) > 0 {
			continue
		}
		// The tables are flushed now and then, and never wait for the log.
		if n := w.rng.IntN(w.acked + 1); n > int(w.tables.Number) {
			w.tables = w.at[n-1]
		}
		_ = log.Drop(w.tables.Number)
		_ = log.Prepare()
	}
	if _, err := log.Append([]byte("more")); err == nil {
		return fmt.Errorf("a log went on after a write that failed")
	}
	_ = log.Close()
	return nil
}

// start reads the log and checks what is in it.
func (w *world) start() (*commitlog.Log, error) {
	scanned, ok, err := commitlog.Scan(w.disk)
	if err != nil {
		return nil, err
	}
	if !ok {
		if len(w.commits) > 0 {
			return nil, fmt.Errorf("the log is gone")
		}
		if w.rng.IntN(3) == 0 {
			w.disk.fails = w.rng.IntN(10)
		}
		log, err := commitlog.Create(w.disk, commitlog.Position{Sum: 77}, segmentBytes)
		if err != nil {
			return nil, nil //nolint:nilnil // the power failed
		}
		return log, nil
	}
	if err := scanned.Holds(w.tables); err != nil {
		return nil, err
	}
	if err := w.check(scanned); err != nil {
		return nil, err
	}
	if w.rng.IntN(3) == 0 {
		w.disk.fails = w.rng.IntN(10)
	}
	log, err := scanned.Resume(segmentBytes)
	if err != nil {
		return nil, nil //nolint:nilnil // the power failed
	}
	w.acked = len(w.commits) // what a reader may see from now on
	return log, nil
}

// check holds the log against what was acknowledged: all of it is there, then what
// was not, whole or not at all.
func (w *world) check(s *commitlog.Scanned) error {
	n := int(w.tables.Number)
	err := s.Replay(w.tables, func(at commitlog.Position, payload []byte) error {
		if n++; int(at.Number) != n || n > len(w.commits) {
			return fmt.Errorf("commit %d came as number %d of %d", at.Number, n, len(w.commits))
		}
		if !bytes.Equal(payload, w.commits[n-1]) {
			return fmt.Errorf("commit %d is not what was written", n)
		}
		w.at[n-1] = at
		return nil
	})
	if err == nil && n < w.acked {
		err = fmt.Errorf("%d commits of %d that were acknowledged are there", n, w.acked)
	}
	w.commits, w.at = w.commits[:n], w.at[:n]
	return err
}

// TestNothingAcknowledgedIsLostToAPowerFailure lets many processes write, each until
// a power failure or a failed flush, and looks at what the next one finds.
func TestNothingAcknowledgedIsLostToAPowerFailure(t *testing.T) {
	t.Parallel()
	first, seeds := uint64(time.Now().UnixNano()), uint64(2_000)
	if testing.Short() {
		seeds = 200
	}
	if text := os.Getenv("COMMITLOG_TEST_SEED"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		first, seeds = n, 1
	}
	t.Logf("COMMITLOG_TEST_SEED=%d and the %d after it", first, seeds-1)
	commits := 0
	for seed := first; seed < first+seeds; seed++ {
		rng := rand.New(rand.NewPCG(seed, 0))
		w := &world{rng: rng, disk: newDisk()}
		for life := range 6 {
			if err := w.run(); err != nil {
				t.Fatalf("COMMITLOG_TEST_SEED=%d, life %d: %v", seed, life, err)
			}
			if rng.IntN(4) == 0 {
				w.disk.fails = -1 // only the process ends
				continue
			}
			w.disk = w.disk.powerFailure(rng)
		}
		commits += w.acked
	}
	t.Logf("%d commits survived", commits)
}
