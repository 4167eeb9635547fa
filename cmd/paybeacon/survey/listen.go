package survey

import (
	"log/slog"

	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

// newListener reads --radio and --for. The radio's own log goes to log. What is
// found in a recorded capture stands in played once the listener has opened it.
func newListener(c *cli.Call, log *slog.Logger) (l node.Listener, played *capture, err error) {
	l = node.Listener{Log: log, Limit: c.Flags.Duration("for")}
	if l.Radio, err = node.ParseRadio(c.Flags.String("radio")); err != nil {
		return l, nil, err
	}
	if c.Flags.IsSet("for") && l.Limit <= 0 {
		return l, nil, pay.NewError(pay.CodeUsage, "--for is not above zero", "write it like --for 30s")
	}
	if l.Now, err = node.ProcessClock(); err != nil {
		return l, nil, err
	}
	played = &capture{file: l.Radio.Path}
	l.Capture = func(r replay.Report) { played.report = r }
	return l, played, nil
}
