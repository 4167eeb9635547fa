package node

// Seams are the places where tests reach into a running node. A node that people
// use has none.
type Seams struct {
	// At is called with the name of each point that the process comes to.
	At func(point string)
	// Tap is called with each frame of a session, in clear; direction is where it
	// goes.
	Tap func(direction string, frame []byte)
}

// pass notes that the process has come to a point.
func (s Seams) pass(point string) {
	if s.At != nil {
		s.At(point)
	}
}
