package datadir

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// LockHolder is who has a data directory open.
type LockHolder struct {
	Held bool
	PID  int // 0: not known
	Name string
}

// String returns the process in words, behind a space; "" where it is not known.
func (h LockHolder) String() string {
	if h.PID == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s, process %d)", text.Printable(h.Name), h.PID)
}

// LockHolder returns who holds the lock. It makes no file.
func (d Dir) LockHolder() LockHolder {
	f, err := os.Open(d.Path("lock"))
	if err != nil {
		return LockHolder{}
	}
	defer func() { _ = f.Close() }() // which gives the lock back
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return LockHolder{}
	}
	h := LockHolder{Held: true}
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(int(f.Fd()), &st) != nil {
		return h // known on Linux only
	}
	dev := uint64(st.Dev) //nolint:unconvert // its type differs between systems
	h.PID = flockHolder(string(locks), fmt.Sprintf("%02x:%02x:%d", unix.Major(dev), unix.Minor(dev), st.Ino))
	if name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.PID), "comm")); err == nil {
		h.Name = strings.TrimSpace(string(name))
	} else {
		h.PID = 0
	}
	return h
}

// flockHolder finds the process in /proc/locks (proc(5)) that holds a whole
// file, named as there: major and minor in hexadecimal and the inode.
func flockHolder(locks, file string) (pid int) {
	for line := range strings.Lines(locks) {
		f := strings.Fields(line)
		if len(f) >= 6 && f[1] == "FLOCK" && f[5] == file {
			if n, err := strconv.Atoi(f[4]); err == nil {
				return n
			}
		}
	}
	return 0
}
