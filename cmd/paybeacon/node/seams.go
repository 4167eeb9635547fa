package node

import (
	"strings"

	"github.com/paybeacon/paybeacon/pay"
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
