package process

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

// Pass notes that the process has come to a point, which may end it there.
func (s Seams) Pass(point string) {
	if s.At != nil {
		s.At(point)
	}
}

// StartsSubject reports whether start means a subject: the text of it, with or without
// the kind in front, begins so.
func StartsSubject(s pay.Subject, start string) bool {
	whole := s.String()
	return strings.HasPrefix(whole, start) || strings.HasPrefix(whole[2:], start)
}
