package node

import (
	"errors"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// Seams are the places where tests reach into a running node. A node that people
// use has none.
type Seams struct {
	// At is called with the name of each point that the process comes to.
	At func(point string)
	// Tap is called with each frame of a session, in clear; direction is where it
	// goes.
	Tap func(direction string, frame []byte)
	// Fails reports whether the deadlines of a subject fail.
	Fails func(s pay.Subject) bool
}

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

// pass notes that the process has come to a point.
func (s Seams) pass(point string) {
	if s.At != nil {
		s.At(point)
	}
}

// startsSubject reports whether a subject is meant: its text begins with start,
// with or without the kind.
func startsSubject(s pay.Subject, start string) bool {
	whole := s.String()
	return strings.HasPrefix(whole, start) || strings.HasPrefix(whole[2:], start)
}
