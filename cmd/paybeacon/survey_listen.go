package main

import (
	"log/slog"

	"github.com/paybeacon/paybeacon/pay"
)

// newListener reads --radio and --for. The radio's own log goes to log.
func newListener(c *call, log *slog.Logger) (listener, error) {
	l := listener{limit: c.flags.Duration("for")}
	var err error
	if l.spec, err = parseRadio(c.flags.String("radio")); err != nil {
		return l, err
	}
	if c.flags.IsSet("for") && l.limit <= 0 {
		return l, pay.NewError(pay.CodeUsage, "--for is not above zero", "write it like --for 30s")
	}
	if l.clock, err = clockFromEnv(); err != nil {
		return l, err
	}
	l.setting.log = log
	return l, nil
}
