package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// cpuOf returns the CPU time that a process and those below it have spent, by the
// scheduler's count.
func cpuOf(pid int) (sum time.Duration, err error) {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	if len(tasks) == 0 {
		return 0, fmt.Errorf("the system does not tell what process %d spends", pid)
	}
	for _, task := range tasks {
		raw, err := os.ReadFile(filepath.Join(task, "schedstat"))
		if err != nil {
			continue // it has just ended
		}
		first, _, _ := bytes.Cut(raw, []byte(" "))
		ns, err := strconv.ParseInt(string(first), 10, 64)
		if err != nil {
			return 0, err
		}
		sum += time.Duration(ns)
		children, err := os.ReadFile(filepath.Join(task, "children"))
		if err != nil {
			continue
		}
		for _, child := range bytes.Fields(children) {
			if pid, err := strconv.Atoi(string(child)); err == nil {
				d, _ := cpuOf(pid)
				sum += d
			}
		}
	}
	return sum, nil
}
