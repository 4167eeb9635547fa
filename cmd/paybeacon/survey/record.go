package survey

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"log/slog"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/ble/replay"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

type recordedJSON struct {
	V       int     `json:"v"`
	Type    string  `json:"type"`
	File    string  `json:"file"`
	Adverts int     `json:"adverts"`
	Skipped int     `json:"skipped"` // those that no capture can hold
	Seconds float64 `json:"seconds"`
	// Capture is what of a capture that was listened to could not be played.
	Capture *captureJSON `json:"capture,omitempty"`
}

// RecordCommand is `scan record`: a capture of what is on the air.
func RecordCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "record", Usage: "record what is on the air, to be played with --radio replay:FILE",
		Long: "A capture holds the codes and addresses of whoever was near: treat it as you would a list of\n" +
			"visitors. It ends when interrupted, and what was heard until then is kept.",
		Flags: []cli.Flag{
			cli.RadioFlag("listen with"),
			&cli.StringFlag{Name: "to", Usage: "`FILE`, or - for standard output"},
			cli.ForceFlag("capture"),
			cli.ForFlag("end after `DUR`"),
			&cli.IntFlag{Name: "count", Usage: "end after `N` adverts", DefaultText: "no end"},
		}, Run: record,
	})
}

func record(c *cli.Call) error {
	l, played, err := newListener(c, slog.New(slog.NewTextHandler(c.Err, &slog.HandlerOptions{Level: slog.LevelWarn})))
	if err != nil {
		return err
	}
	if l.Radio.Second != nil {
		return pay.NewError(pay.CodeUsage, "a capture is of one ear", "record each into a file of its own, and play both with --radio replay:FILE+replay:FILE")
	}
	count, err := cli.PositiveCount(c)
	if err != nil {
		return err
	}
	to := c.Flags.String("to")
	if to == "" {
		return pay.NewError(pay.CodeUsage, "--to is missing", "write --to FILE, or --to - for standard output")
	}
	out, err := datadir.Output{To: to, Stdout: c.Out, Force: c.Flags.Bool("force"), What: "capture", Holds: holdsCapture, Stream: true}.Open(c.Ctx)
	if err != nil {
		return err
	}
	r := newRecorder(out, count)
	begun := l.Now()
	err = l.Listen(c.Ctx, nil, r.hear, r.wait)
	if flushErr := r.end(); err == nil {
		err = flushErr
	}
	if err != nil {
		out.Salvage() // what was heard until then can be played
		return played.finish(c, err)
	}
	if err := out.Keep(); err != nil {
		return played.finish(c, datadir.CannotWrite(err, "write capture", "check that disk"))
	}
	done := recordedJSON{Capture: played.object(), V: 1, Type: "recorded", File: to, Adverts: r.written, Skipped: r.skipped, Seconds: api.RoundRate(l.Now().Sub(begun).Seconds())}
	return played.finish(c, tellRecorded(c, done))
}

// tellRecorded says how much there is, on standard error where standard output
// is the capture itself.
func tellRecorded(c *cli.Call, r recordedJSON) error {
	talk := *c
	if r.File == "-" {
		talk.Out = c.Err
	}
	return talk.Answer(r, func(w io.Writer) {
		_, _ = fmt.Fprintf(w, "%d adverts in %.1f s recorded to %s\n", r.Adverts, r.Seconds, text.Printable(r.File))
		if r.Skipped > 0 {
			_, _ = fmt.Fprintf(w, "  %d more held nothing that a capture can keep\n", r.Skipped)
		}
	})
}

// holdsCapture reports whether a file is a capture in which nothing else stands.
func holdsCapture(path string) bool {
	p, err := replay.Open(replay.Options{File: path})
	return err == nil && p.Report().Skipped == 0
}

// recorder writes adverts until it has enough or cannot.
type recorder struct {
	out     *bufio.Writer
	writer  *replay.Writer
	most    int // 0: no end
	written int
	skipped int
	failed  error
	enough  chan struct{} // closed when no more is wanted
}

func newRecorder(out io.Writer, most int) *recorder {
	r := &recorder{out: bufio.NewWriterSize(out, 2*replay.LineBytesMax), most: most, enough: make(chan struct{})}
	r.writer = replay.NewWriter(r.out)
	return r
}

// hear is called by the radio alone.
func (r *recorder) hear(a ble.Advert) {
	if r.failed != nil || (r.most > 0 && r.written == r.most) {
		return
	}
	if len(a.Sections) == 0 {
		r.skipped++
		return
	}
	if err := r.writer.Write(a); err != nil {
		// A buffered writer keeps its error; without one, the advert is to blame,
		// and no stranger's advert ends a recording.
		if _, r.failed = r.out.Write(nil); r.failed != nil {
			close(r.enough)
			return
		}
		r.skipped++
		return
	}
	if r.out.Available() < replay.LineBytesMax {
		// Whole lines only: what is killed leaves a capture that can be played.
		if r.failed = r.out.Flush(); r.failed != nil {
			close(r.enough)
			return
		}
	}
	if r.written++; r.written == r.most {
		close(r.enough)
	}
}

func (r *recorder) wait(ctx context.Context) error {
	select {
	case <-r.enough:
	case <-ctx.Done():
	}
	return nil
}

// end brings what is buffered to the file. The radio must have ended.
func (r *recorder) end() error {
	err := r.failed
	if err == nil {
		err = r.out.Flush()
	}
	if err != nil {
		return datadir.CannotWrite(err, "write capture", "check that you may write there")
	}
	return nil
}
