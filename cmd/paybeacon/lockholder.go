package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// lockHolder is who has a data directory open.
type lockHolder struct {
	held bool
	pid  int // 0: not known
	name string
}

func (h lockHolder) String() string {
	if h.pid == 0 {
		return ""
	}
	return fmt.Sprintf(" (%s, process %d)", printable(h.name), h.pid)
}

// lockHolder looks who holds the lock, without making it.
func (d dataDir) lockHolder() lockHolder {
	f, err := os.Open(d.path("lock"))
	if err != nil {
		return lockHolder{}
	}
	defer func() { _ = f.Close() }() // which gives the lock back
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); !errors.Is(err, unix.EWOULDBLOCK) {
		return lockHolder{}
	}
	h := lockHolder{held: true}
	var st unix.Stat_t
	locks, err := os.ReadFile("/proc/locks")
	if err != nil || unix.Fstat(int(f.Fd()), &st) != nil {
		return h // known on Linux only
	}
	dev := uint64(st.Dev) //nolint:unconvert // its type differs between systems
	h.pid = flockHolder(string(locks), fmt.Sprintf("%02x:%02x:%d", unix.Major(dev), unix.Minor(dev), st.Ino))
	if name, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(h.pid), "comm")); err == nil {
		h.name = strings.TrimSpace(string(name))
	} else {
		h.pid = 0
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
