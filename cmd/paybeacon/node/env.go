package node

import (
	"io"
	"log/slog"
	"time"

	"github.com/paybeacon/paybeacon/pay"
)

// Env is what a node takes from the process that it runs in.
type Env struct {
	// Dir is the node's own directory.
	Dir Dir
	// Now is the node's clock.
	Now   func() time.Time
	Seams Seams
	Log   *slog.Logger
	// Offline says that no daemon runs: nothing can change while this process
	// looks, so nothing is waited for.
	Offline bool
}

// ProcessEnv returns the Env of a directory in this process, with the clock and the
// seams that its environment asks for and a log in words to talk. Its errors are
// *pay.Error with CodeUsage without a directory and with CodeConfig where the
// environment cannot be understood.
func ProcessEnv(d Dir, talk io.Writer) (Env, error) {
	if d == "" {
		return Env{}, pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	shift, err := clockShift()
	if err != nil {
		return Env{}, err
	}
	seams, err := seamsFromEnv()
	if err != nil {
		return Env{}, err
	}
	log := slog.New(slog.NewTextHandler(talk, &slog.HandlerOptions{Level: slog.LevelInfo}))
	if shift != 0 {
		log.Warn("this process's clock is shifted", "by", shift, "because of", ClockEnv)
	}
	return Env{Dir: d, Now: shifted(shift), Seams: seams, Log: log}, nil
}
