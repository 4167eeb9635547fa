package replay

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/pay"
)

// Options configure a Replay.
type Options struct {
	// File is the path of the capture.
	File string
	// Now gives the time of an advert; nil means the system's clock.
	Now func() time.Time
}

// Replay plays one capture.
type Replay struct {
	file   string
	now    func() time.Time
	timing timing
	report Report
}

// The hints of errors that a capture causes.
const (
	hintOpen = "give a capture made with scan record"
	hintForm = `each line of a capture is an object such as {"t":250,"address":"5A:01:C2:33:44:55","rssi":-58,"adv":"0201060303aafe"}; make one with scan record`
)

// Open reads the whole capture and returns it ready to play; Report then says what
// of it cannot be played. It returns an error with pay.CodeRadio if the file cannot
// be read or nothing in it can be played; a capture without any line is silence.
func Open(o Options) (*Replay, error) {
	r := &Replay{file: o.File, now: o.Now}
	if r.now == nil {
		r.now = time.Now
	}
	err := r.open(func(f *os.File) error {
		var err error
		if r.timing, r.report, err = survey(f); err != nil {
			return r.unreadable(err)
		}
		if r.report.Adverts == 0 && r.report.Skipped > 0 {
			return pay.NewError(pay.CodeRadio, fmt.Sprintf("nothing in the capture %s can be played: %s", r.file, r.report.why()), hintForm)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// Report returns what Open found.
func (r *Replay) Report() Report { return r.report }

// Scan calls each for every advert of the capture at its time, counted from the
// call of Scan, and then waits until ctx ends. When ctx ends, it returns nil. It
// returns an error with pay.CodeRadio if the file cannot be read any more or has
// lost adverts since Open. each must return quickly and must not keep the advert's
// sections.
func (r *Replay) Scan(ctx context.Context, each func(ble.Advert)) error {
	err := r.open(func(f *os.File) error { return r.play(ctx, f, each) })
	if err == nil {
		<-ctx.Done()
	}
	if ctx.Err() == nil {
		return err
	}
	return nil
}

// play delivers the adverts of f. It returns the error of ctx and those of Scan.
func (r *Replay) play(ctx context.Context, f *os.File, each func(ble.Advert)) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	var start time.Time
	var p parser
	var object []byte
	played := 0
	err := inOrder(f, r.timing, func(at place) error {
		if start.IsZero() {
			start = r.now()
		}
		timer.Reset(at.at - r.timing.begin - r.now().Sub(start))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		object = append(object[:0], make([]byte, at.size)...)
		if _, err := f.ReadAt(object, at.from); err != nil {
			return err
		}
		_, l := decodeLine(object)
		a, err := p.parse(l)
		if err != nil {
			return fmt.Errorf("the file has changed: a line %w", err)
		}
		played++
		a.At = r.now()
		each(a.Advert)
		return nil
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err != nil:
		return r.unreadable(err)
	case played < r.report.Adverts:
		return r.unreadable(fmt.Errorf("the file has changed: it held %d adverts, now %d", r.report.Adverts, played))
	}
	return nil
}

// open calls fn with the open file and returns its error, or one with
// pay.CodeRadio.
func (r *Replay) open(fn func(*os.File) error) error {
	info, err := os.Stat(r.file)
	if err != nil {
		return pay.Wrap(err, pay.CodeRadio, "open capture", hintOpen)
	}
	if !info.Mode().IsRegular() && r.file != os.DevNull {
		return pay.NewError(pay.CodeRadio, fmt.Sprintf("open capture: %s is no file", r.file), "a capture is read more than once: write it into a file first")
	}
	f, err := os.Open(r.file)
	if err != nil {
		return pay.Wrap(err, pay.CodeRadio, "open capture", hintOpen)
	}
	defer func() { _ = f.Close() }() // the file was only read
	return fn(f)
}

// unreadable is the error of a file that cannot be read.
func (r *Replay) unreadable(err error) error {
	return pay.Wrap(fmt.Errorf("%s: %w", r.file, err), pay.CodeRadio, "read capture", hintOpen)
}
