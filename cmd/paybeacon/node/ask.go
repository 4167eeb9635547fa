package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
)

// Ask puts a verb to the node of a directory: to its daemon or, where none runs,
// to the store itself if the verb only reads. Beside the errors of api.Ask it
// returns *pay.Error with CodeUsage without a directory, with CodeNotFound or
// CodeNotEnrolled where it holds no node, with CodeInUse where another process has
// it open, with CodeNotRunning where the verb needs a daemon, and with
// CodeNotAllowed where it needs a node of another role.
func Ask[Request, Answered any](ctx context.Context, d datadir.Dir, v api.Verb[Request, Answered], q Request) (api.Reply[Answered], error) {
	return AskTelling(ctx, d, v, q, nil)
}

// AskTelling is Ask, with what the verb says before it answers passed to tell, unless
// that is nil.
func AskTelling[Request, Answered any](ctx context.Context, d datadir.Dir, v api.Verb[Request, Answered], q Request, tell func(note json.RawMessage)) (api.Reply[Answered], error) {
	if d == "" {
		return api.Reply[Answered]{}, pay.NewError(pay.CodeUsage, "--data is missing", "name the node's directory with --data or PAYBEACON_DATA")
	}
	r, err := api.AskTelling(ctx, d.Path(datadir.ControlFile), v, q, tell)
	switch {
	case errors.Is(err, api.ErrNoDaemon):
		return askWithoutDaemon(ctx, d, v, q, tell)
	case api.IsUnknownVerb(err, v.Name):
		return r, otherRole(d, v.Name)
	}
	return r, err
}

// otherRole is the refusal of a verb that the node of the directory does not have,
// in words that name its role.
func otherRole(d datadir.Dir, verb string) error {
	return pay.NewError(pay.CodeNotAllowed, fmt.Sprintf("%s is the directory of a %s, which does not answer %q", d, d.Role(), verb), "name with --data a node of the role that this command is for")
}

// AskDaemon puts a verb to the daemon of a directory. Its errors are those of
// api.Ask: api.ErrNoDaemon when nothing was sent.
func AskDaemon[Request, Answered any](ctx context.Context, d datadir.Dir, v api.Verb[Request, Answered], q Request) (api.Reply[Answered], error) {
	return api.Ask(ctx, d.Path(datadir.ControlFile), v, q)
}

// NewLine returns a line to the daemon of a directory, for who asks it again and again
// with api.AskOn. Whoever has it calls Close in the end.
func NewLine(d datadir.Dir) *api.Line { return api.NewLine(d.Path(datadir.ControlFile)) }

func askWithoutDaemon[Request, Answered any](ctx context.Context, d datadir.Dir, v api.Verb[Request, Answered], q Request, tell func(json.RawMessage)) (r api.Reply[Answered], err error) {
	if err := d.Check(); err != nil {
		return r, err
	}
	unlock, err := lockOrDaemon(ctx, d)
	if errors.Is(err, errDaemonAppeared) {
		return api.AskTelling(ctx, d.Path(datadir.ControlFile), v, q, tell)
	}
	if err != nil {
		return r, err
	}
	defer unlock()
	n, err := OpenOffline(ctx, d)
	if err != nil {
		return r, err
	}
	defer n.Close()
	switch {
	case !n.Verbs().Has(v.Name):
		return r, otherRole(d, v.Name)
	case !v.Reads:
		return r, pay.NewError(pay.CodeNotRunning, fmt.Sprintf("no daemon runs on %s", d), "start it, then repeat the command: "+StartHint(d))
	}
	return api.AnswerTelling(ctx, n.Verbs(), v, q, tell)
}

var errDaemonAppeared = errors.New("a daemon has started")

// lockOrDaemon takes the directory, or finds that a starting daemon has its
// socket open by now.
func lockOrDaemon(ctx context.Context, d datadir.Dir) (unlock func(), err error) {
	deadline, cancel := context.WithTimeout(ctx, datadir.LockWaitReading)
	defer cancel()
	for {
		unlock, err := d.Lock(deadline, datadir.LockPoll)
		if err == nil {
			return unlock, nil
		}
		if pay.CodeOf(err) != pay.CodeInUse || deadline.Err() != nil {
			return nil, err
		}
		conn, dialErr := net.DialTimeout("unix", d.Path(datadir.ControlFile), time.Second)
		if dialErr == nil {
			_ = conn.Close()
			return nil, errDaemonAppeared
		}
	}
}
