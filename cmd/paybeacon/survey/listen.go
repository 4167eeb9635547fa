package survey

import (
	"log/slog"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// newListener reads --radio and --for. The radio's own log goes to log.
func newListener(c *cli.Call, log *slog.Logger) (node.Listener, error) {
	l := node.Listener{Limit: c.Flags.Duration("for")}
	var err error
	if l.Spec, err = node.ParseRadio(c.Flags.String("radio")); err != nil {
		return l, err
	}
	if c.Flags.IsSet("for") && l.Limit <= 0 {
		return l, pay.NewError(pay.CodeUsage, "--for is not above zero", "write it like --for 30s")
	}
	if l.Clock, err = node.ClockFromEnv(); err != nil {
		return l, err
	}
	l.Env.Log = log
	return l, nil
}
