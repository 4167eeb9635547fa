package badgerkv

import (
	"fmt"
	"log/slog"
	"strings"
)

// logger passes Badger's warnings and errors on and drops the rest. Without it
// Badger writes to stderr, between the program's own lines.
type logger struct{ log *slog.Logger }

func newLogger(log *slog.Logger) logger {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return logger{log.With("engine", "badger")}
}

// Errorf passes on an error of Badger.
func (l logger) Errorf(format string, args ...any) { l.log.Error(line(format, args)) }

// Warningf passes on a warning of Badger.
func (l logger) Warningf(format string, args ...any) { l.log.Warn(line(format, args)) }

// Infof drops the message.
func (l logger) Infof(string, ...any) {}

// Debugf drops the message.
func (l logger) Debugf(string, ...any) {}

func line(format string, args []any) string {
	return strings.TrimSpace(fmt.Sprintf(format, args...))
}
