package process

import (
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"golang.org/x/sys/unix"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
)

// Env is what a node takes from the process that it runs in.
type Env struct {
	// Dir is the node's own directory.
	Dir datadir.Dir
	// Now is the node's clock.
	Now func() time.Time
	// Boot reads how long the machine has run; nil where nobody knows.
	Boot func() pay.Boot
	// Seams are the places where tests reach in.
	Seams Seams
	Log   *slog.Logger
	// Umask is the file mode creation mask that the process was started with, for the
	// programs of the owner that it starts; 0 where it is not known.
	Umask int
	// Offline says that no daemon runs: nothing can change while this process
	// looks, so nothing is waited for.
	Offline bool
}

// RestoreUmask is what a shell does first to have the mask that the process had: a line
// of sh(1), or "" where the mask is not known.
func (e Env) RestoreUmask() string {
	if e.Umask == 0 {
		return ""
	}
	return fmt.Sprintf("umask %04o\n", e.Umask)
}

// EnvOf returns the Env of a directory in this process, with the clock and the
// seams that its environment asks for and a log in words to talk. Its errors are
// *pay.Error with CodeUsage without a directory and with CodeConfig where the
// environment cannot be understood.
func EnvOf(d datadir.Dir, talk io.Writer) (Env, error) {
	if d == "" {
		return Env{}, pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	now, shift, err := clockFromEnv()
	if err != nil {
		return Env{}, err
	}
	seams, err := seamsFromEnv()
	if err != nil {
		return Env{}, err
	}
	umask := unix.Umask(0o077) // what the store's engine makes is the owner's alone
	log := slog.New(slog.NewTextHandler(talk, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if shift != "" {
		log.Warn("this process's clock is shifted", "by", shift, "because of", ClockEnv)
	}
	return Env{Dir: d, Now: now, Boot: processBoot(), Seams: seams, Log: log, Umask: umask}, nil
}

// processBoot is the machine's boot, under the name that BootEnv gives it.
func processBoot() func() pay.Boot {
	boot, name := machineBoot(), pay.BootID(os.Getenv(BootEnv))
	if boot == nil || name == "" {
		return boot
	}
	return func() pay.Boot { return pay.Boot{ID: name, Up: boot().Up} }
}
