package datadir

import (
	"os"
	"testing"
	"time"
)

// TestDoctorSeesWhoHoldsTheLock lets this process hold one and looks, without
// leaving anything behind.
func TestDoctorSeesWhoHoldsTheLock(t *testing.T) {
	t.Parallel()
	dir := Dir(t.TempDir())
	if h := dir.LockHolder(); h.Held {
		t.Errorf("nobody has it, yet %+v", h)
	}
	if _, err := os.Stat(dir.Path("lock")); err == nil {
		t.Error("looking made a lock")
	}
	unlock, err := dir.Lock(t.Context(), LockPoll)
	if err != nil {
		t.Fatal(err)
	}
	h := dir.LockHolder()
	if !h.Held || (h.PID != 0 && h.PID != os.Getpid()) {
		t.Errorf("this process (%d) has it, yet %+v", os.Getpid(), h)
	}
	t.Logf("held by%s", h)
	unlock()
	// A process that another test is just starting holds a copy until it runs.
	tick := time.NewTicker(LockPoll)
	defer tick.Stop()
	for dir.LockHolder().Held {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal("given back, yet held")
		}
	}
}

func TestWhoHoldsALock(t *testing.T) {
	t.Parallel()
	const locks = `1: POSIX  ADVISORY  WRITE 11 fd:00:77 0 EOF
2: FLOCK  ADVISORY  WRITE 22 fd:00:777 0 EOF
3: FLOCK  ADVISORY  WRITE 33 fd:00:77 0 EOF
3: -> FLOCK  ADVISORY  WRITE 44 fd:00:77 0 EOF
short
`
	for file, want := range map[string]int{"fd:00:77": 33, "fd:00:777": 22, "fd:00:7": 0, "": 0} {
		if got := flockHolder(locks, file); got != want {
			t.Errorf("%s: have %d, want %d", file, got, want)
		}
	}
}
