package survey

import (
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// captureJSON is what of a recorded capture could not be played.
type captureJSON struct {
	V       int        `json:"v"`
	Type    string     `json:"type"`
	File    string     `json:"file"`
	Adverts int        `json:"adverts"` // played, those in part included
	Damaged int        `json:"damaged"` // played as far as they are sound
	Skipped int        `json:"skipped"` // lines that were not played
	Lines   []lineJSON `json:"lines"`   // the first that were damaged or skipped
}

type lineJSON struct {
	Line    int    `json:"line"`
	Skipped bool   `json:"skipped"`
	Why     string `json:"why"`
}

// capture is what was found in the capture that a command listened to. Its zero
// value is that of a radio, or of a capture that was never opened.
type capture struct {
	file   string
	report replay.Report
}

// object returns what could not be played, or nil.
func (p *capture) object() *captureJSON {
	if p.report.Sound() {
		return nil
	}
	o := &captureJSON{
		V: 1, Type: "capture", File: p.file, Adverts: p.report.Adverts, Damaged: p.report.Damaged, Skipped: p.report.Skipped, Lines: []lineJSON{},
	}
	for _, n := range p.report.Notes {
		o.Lines = append(o.Lines, lineJSON(n))
	}
	return o
}

// finish says what could not be played once a command has listened: on standard
// error, or with --json in the object of its error. It returns that error.
func (p *capture) finish(c *cli.Call, err error) error {
	o := p.object()
	switch {
	case o == nil:
		return err
	case !c.JSON:
		p.write(c.Err)
		return err
	case err != nil:
		return api.WithExtra(err, "capture", o)
	default:
		return nil
	}
}

func (p *capture) write(w io.Writer) {
	_, _ = fmt.Fprintf(w, "Not all of the capture %s can be played: %s.\n", text.Printable(p.file), p.report.Counts())
	for _, n := range p.report.Notes {
		_, _ = fmt.Fprintf(w, "  %s\n", n)
	}
	if more := p.report.More(); more > 0 {
		_, _ = fmt.Fprintf(w, "  and %d more\n", more)
	}
}
