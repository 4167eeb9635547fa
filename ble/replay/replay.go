package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
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
	file string
	now  func() time.Time
}

// Open checks the whole capture and returns it ready to play. It returns an error
// with pay.CodeRadio if the file cannot be read or a line is bad.
func Open(o Options) (*Replay, error) {
	r := &Replay{file: o.File, now: o.Now}
	if r.now == nil {
		r.now = time.Now
	}
	if err := r.eachAdvert(func(advert) error { return nil }); err != nil {
		return nil, err
	}
	return r, nil
}

// Scan calls each for every advert of the capture at its time, counted from the
// call of Scan, and then waits until ctx ends. When ctx ends, it returns nil. It
// returns an error with pay.CodeRadio if the file cannot be read any more. each
// must return quickly and must not keep the advert's sections.
func (r *Replay) Scan(ctx context.Context, each func(ble.Advert)) error {
	start := r.now()
	timer := time.NewTimer(0)
	defer timer.Stop()
	err := r.eachAdvert(func(a advert) error {
		timer.Reset(a.offset - r.now().Sub(start))
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		a.At = r.now()
		each(a.Advert)
		return nil
	})
	if err == nil {
		<-ctx.Done()
	}
	if ctx.Err() != nil {
		return nil
	}
	return err
}

// eachAdvert calls fn for every advert of the file, until fn fails. It returns
// the error of fn, or one with pay.CodeRadio for the file.
func (r *Replay) eachAdvert(fn func(advert) error) error {
	const hint = "give a capture made with scan record"
	f, err := os.Open(r.file)
	if err != nil {
		return pay.Wrap(err, pay.CodeRadio, "open capture", hint)
	}
	defer func() { _ = f.Close() }() // the file was only read
	lines := newReader(f)
	for {
		a, err := lines.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return pay.Wrap(fmt.Errorf("%s: %w", r.file, err), pay.CodeRadio, "read capture", hint)
		}
		if err := fn(a); err != nil {
			return err
		}
	}
}
