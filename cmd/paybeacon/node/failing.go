package node

import (
	"errors"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// failing is a role whose deadlines fail where the seam says so.
type failing struct {
	store.Reactor
	fails func(s pay.Subject) bool
}

// React implements store.Reactor.
func (f failing) React(rows pay.WritableRows, now pay.Time, in pay.Input) (pay.Reaction, error) {
	if due, ok := in.(pay.DeadlineReached); ok && f.fails(due.Subject) {
		return pay.Reaction{}, errors.New("a test wants this deadline to fail")
	}
	return f.Reactor.React(rows, now, in)
}
