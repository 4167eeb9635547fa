package bench

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cpuOf returns the CPU time that a process has spent since its start: that of all its
// threads, in nanoseconds as the scheduler counts them (the first number of
// /proc/PID/task/TID/schedstat). Threads that have ended do not count; those of a Go
// program stay. It fails where there is no such process, or no /proc.
func cpuOf(pid int) (time.Duration, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil || len(tasks) == 0 {
		return 0, fmt.Errorf("the system does not tell what process %d spends", pid)
	}
	var sum time.Duration
	for _, task := range tasks {
		raw, err := os.ReadFile(task)
		if os.IsNotExist(err) {
			continue // it has just ended
		}
		if err != nil {
			return 0, err
		}
		first, _, _ := bytes.Cut(raw, []byte(" "))
		ns, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read %s: %w", task, err)
		}
		sum += time.Duration(ns)
	}
	return sum, nil
}
