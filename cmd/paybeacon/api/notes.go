package api

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// A verb that takes long may say how far it is before it answers: in notes, objects
// whose type is in noteTypes. Who wants them sends the header Accept with
// notesType. The answer is then of that type, one object a line: notes, and the
// verb's object or an error object as the last line. Without the header, or where
// there was nothing to say, the answer is as that of any other verb.

// notesType is the media type of an answer with notes.
const notesType = "application/x-ndjson"

// noteWait is how long a client may leave a note unread. Chosen: as long as a
// terminal that was stopped by mistake; then the work ends.
const noteWait = 30 * time.Second

// The types of notes.
const (
	noteProgress = "progress"
	noteFinding  = "finding"
	noteRecorded = "recorded"
)

// Progress is a note of how far a verb is.
type Progress struct {
	V     int    `json:"v"`
	Type  string `json:"type"`
	Stage string `json:"stage"` // what is being done, in a word or two
	// Share of the work that is done, from 0 to 1; never less than in the note before.
	Share    float64 `json:"share"`
	Payments int     `json:"payments"` // that were looked at so far
	Findings int     `json:"findings"` // so far
}

// NewProgress returns the note of a share.
func NewProgress(stage string, share float64) Progress {
	return Progress{V: 1, Type: noteProgress, Stage: stage, Share: share}
}

// Finding is a note of something that will stand among the findings.
type Finding struct {
	V       int    `json:"v"`
	Type    string `json:"type"`
	Finding string `json:"finding"`
}

// NewFinding returns the note of a finding.
func NewFinding(finding string) Finding {
	return Finding{V: 1, Type: noteFinding, Finding: finding}
}

// Recorded is a note of a payment that is recorded, while its outcome is waited for.
type Recorded struct {
	V       int     `json:"v"`
	Type    string  `json:"type"`
	Payment Payment `json:"payment"`
}

// NewRecorded returns the note of a payment.
func NewRecorded(p Payment) Recorded { return Recorded{V: 1, Type: noteRecorded, Payment: p} }

// Tell passes a note on to whoever asked. It may wait until they have read those
// before, and does nothing when they have gone: the context of the verb ends then.
type Tell func(note any)

// OnTelling is On for a verb that says how far it is.
func OnTelling[Request, Answered any](v Verb[Request, Answered], f func(ctx context.Context, q Request, tell Tell) (Answered, error)) Endpoint {
	fields := fieldsOf(new(Request))
	return Endpoint{name: v.Name, answer: func(ctx context.Context, raw rawRequest, tell Tell) (any, error) {
		var q Request
		if err := raw.decode(&q, fields); err != nil {
			return nil, err
		}
		return f(ctx, q, tell)
	}}
}

// noteWriter writes an answer with notes.
type noteWriter struct {
	w     http.ResponseWriter
	begun bool
	gone  context.CancelCauseFunc // ends the verb when nobody reads any more
}

func (n *noteWriter) tell(note any) {
	if !n.begun {
		n.begun = true
		n.w.Header().Set("Content-Type", notesType)
	}
	if err := n.line(note); err != nil {
		n.gone(fmt.Errorf("write note: %w", err))
	}
}

func (n *noteWriter) line(v any) error {
	c := http.NewResponseController(n.w)
	// Who serves without a connection of its own has no deadlines to set.
	if err := c.SetWriteDeadline(time.Now().Add(noteWait)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if err := json.NewEncoder(n.w).Encode(v); err != nil {
		return err
	}
	return c.Flush()
}

// end writes the last line.
func (n *noteWriter) end(answer any, err error) {
	if err != nil {
		answer = Describe(err)
	}
	_ = n.line(answer)
}

// readNotes reads an answer with notes and returns its last line. Notes of types
// that this program does not know are left out.
func readNotes(body io.Reader, tell func(json.RawMessage)) (last json.RawMessage, err error) {
	lines := bufio.NewScanner(body)
	lines.Buffer(nil, answerBytesMax)
	for lines.Scan() {
		line := bytes.Clone(lines.Bytes())
		switch noteType(line) {
		case noteProgress, noteFinding, noteRecorded:
			last = nil
			tell(line)
		default:
			last = line
		}
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	if !json.Valid(last) {
		return nil, io.ErrUnexpectedEOF
	}
	if noteType(last) == "error" {
		var p Problem
		if err := json.Unmarshal(last, &p); err != nil {
			return nil, fmt.Errorf("read answer: %w", err)
		}
		return nil, answered{p.Err()}
	}
	return last, nil
}

// answered is an error that the daemon answered with.
type answered struct{ error }

func noteType(line []byte) string {
	var note struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(line, &note) != nil {
		return ""
	}
	return note.Type
}

// telling returns what passes the notes of a verb in this process on to tell.
func telling(tell func(json.RawMessage)) Tell {
	return func(note any) {
		if tell == nil {
			return
		}
		if raw, err := json.Marshal(note); err == nil {
			tell(raw)
		}
	}
}

// ReadNote reads a note as one of these types; ok is false for any other.
func ReadNote[Note Progress | Finding | Recorded](raw json.RawMessage) (note Note, ok bool) {
	want := noteProgress
	switch any(note).(type) {
	case Finding:
		want = noteFinding
	case Recorded:
		want = noteRecorded
	}
	return note, noteType(raw) == want && json.Unmarshal(raw, &note) == nil
}
