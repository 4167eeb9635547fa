package survey

import (
	"log/slog"

	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/pay"
)

// newListener reads --radio and --for. The radio's own log goes to log. What is
// found in a recorded capture stands in played once the listener has opened it.
func newListener(c *cli.Call, log *slog.Logger) (l radio.Listener, played *capture, err error) {
	l = radio.Listener{Log: log, Limit: c.Flags.Duration("for")}
	if l.Radio, err = radio.Parse(c.Flags.String("radio")); err != nil {
		return l, nil, err
	}
	if c.Flags.IsSet("for") && l.Limit <= 0 {
		return l, nil, pay.NewError(pay.CodeUsage, "--for is not above zero", "write it like --for 30s")
	}
	if l.Now, err = process.Clock(); err != nil {
		return l, nil, err
	}
	played = &capture{file: l.Radio.Path}
	l.Capture = func(r replay.Report) { played.report = r }
	return l, played, nil
}
