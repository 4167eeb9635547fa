package cli

import (
	"strings"

	urfave "github.com/urfave/cli/v2"
)

// Texts is what a list flag holds: one text for each time that it was given.
type Texts []string

// Set takes one more text.
func (t *Texts) Set(s string) error {
	*t = append(*t, s)
	return nil
}

// String returns the texts with commas between.
func (t *Texts) String() string { return strings.Join(*t, ", ") }

// ListFlag is a flag that may be given several times, with a text each. The
// library's own would take a comma for the end of one.
func ListFlag(name, usage string) urfave.Flag {
	return &urfave.GenericFlag{Name: name, Usage: usage, Value: new(Texts)}
}

// List returns what a list flag was given.
func (c *Call) List(name string) []string {
	if t, ok := c.Flags.Generic(name).(*Texts); ok {
		return *t
	}
	return nil
}
