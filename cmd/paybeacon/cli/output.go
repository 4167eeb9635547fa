package cli

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"strings"
	"sync"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// output is the standard output of one run of the program. It remembers that a
// write failed, so that no command can end as if its answer had been read.
type output struct {
	w io.Writer

	mu      sync.Mutex
	err     error          // of the first write that failed; nothing is written after it
	answer  map[string]any // the object that could not be written, by its JSON fields
	acted   bool           // something was changed or recorded
	outlive bool           // the command goes on without a reader
}

// Write writes b, unless a write failed before: an answer with a gap in it would be
// worse than one that is cut.
func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil && !o.outlive {
		return 0, o.err
	}
	n, err := o.w.Write(b)
	if err == nil && n < len(b) {
		err = io.ErrShortWrite
	}
	if err != nil {
		o.err = err
	}
	return n, err
}

// outputOf returns the output that w is, or a new one that writes to w.
func outputOf(w io.Writer) *output {
	if h, ok := w.(*helpWriter); ok {
		w = h.w
	}
	if o, ok := w.(*output); ok {
		return o
	}
	return &output{w: w}
}

// Device returns what an answer is written to in the end: the terminal or file
// behind the Out of a Call.
func Device(w io.Writer) io.Writer {
	if o, ok := w.(*output); ok {
		return o.w
	}
	return w
}

// Acted notes that the command has changed or recorded something, which stays so
// if its answer cannot be written.
func (c *Call) Acted() {
	if o, ok := c.Out.(*output); ok {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.acted = true
	}
}

// OutliveOutput lets the command succeed though nobody reads its output any more: a
// daemon goes on without its terminal.
func (c *Call) OutliveOutput() {
	if o, ok := c.Out.(*output); ok {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.outlive = true
	}
}

// write writes what render prints of v at once, so that a whole answer is written or
// the error says that it was not.
func (c *Call) write(v any, render func(w io.Writer) error) error {
	var whole bytes.Buffer
	if err := render(&whole); err != nil {
		return err
	}
	_, err := c.Out.Write(whole.Bytes())
	if err == nil {
		return nil
	}
	if o, ok := c.Out.(*output); ok {
		o.keep(v)
	}
	return fmt.Errorf("write answer: %w", err)
}

// keep notes the first object that could not be written.
func (o *output) keep(v any) {
	raw, err := json.Marshal(v)
	o.mu.Lock()
	defer o.mu.Unlock()
	if err == nil && o.answer == nil {
		_ = json.Unmarshal(raw, &o.answer) // a list has no fields, and stays nil
	}
}

// result returns the error of a command that ended with err: err itself where all
// of its answer was written. Where some was not, it is a *pay.Error with the code of
// err, CodeFailed where there is none, that names what was done.
func (o *output) result(err error) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil || o.outlive {
		return err
	}
	lost := fmt.Sprintf("the answer could not be written (%v)", o.err)
	problem := api.Problem{Code: pay.CodeFailed, Message: lost}
	var quiet QuietError
	if err != nil && !errors.Is(err, o.err) && !errors.As(err, &quiet) {
		problem = api.Describe(err)
		problem.Message += "; " + lost
	}
	problem.Extra = maps.Clone(problem.Extra)
	if problem.Extra == nil {
		problem.Extra = map[string]any{}
	}
	problem.Message += o.done(problem.Extra)
	problem.Hint = cmp.Or(problem.Hint, o.hint())
	return problem.Err()
}

// done returns in words what a lost answer said, after the words so far, and puts
// what names it into extra.
func (o *output) done(extra map[string]any) string {
	if !o.acted {
		return ""
	}
	var names []string
	for _, field := range []string{"id", "key", "state", "outcome"} {
		if s, ok := o.answer[field].(string); ok && s != "" {
			extra[field] = s
			names = append(names, field+" "+text.Printable(s))
		}
	}
	said := "; what was asked for is done"
	if o.answer["type"] == "payment" {
		said = "; the payment is recorded"
	}
	if len(names) > 0 {
		said += ": " + strings.Join(names, ", ")
	}
	return said
}

// hint returns what to do next about a lost answer.
func (o *output) hint() string {
	_, charged := o.answer["key"]
	switch {
	case !o.acted:
		return "nothing was changed: repeat the command where its output can be written"
	case charged && o.answer["type"] == "payment":
		return "do not charge again under a new key: `paybeacon till show` with this --key shows the payment"
	default:
		return "look at what is there before you repeat the command"
	}
}
