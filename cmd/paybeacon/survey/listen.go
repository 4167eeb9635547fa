package survey

import (
	"log/slog"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// newListener reads --radio and --for. The radio's own log goes to log.
func newListener(c *cli.Call, log *slog.Logger) (node.Listener, error) {
	l := node.Listener{Log: log, Limit: c.Flags.Duration("for")}
	var err error
	if l.Radio, err = node.ParseRadio(c.Flags.String("radio")); err != nil {
		return l, err
	}
	if c.Flags.IsSet("for") && l.Limit <= 0 {
		return l, pay.NewError(pay.CodeUsage, "--for is not above zero", "write it like --for 30s")
	}
	if l.Now, err = node.ProcessClock(); err != nil {
		return l, err
	}
	return l, nil
}
