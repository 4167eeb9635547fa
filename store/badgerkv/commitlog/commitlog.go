// Package commitlog keeps the commits of a store, in files of one directory, until
// the store itself has made them durable. Append returns when a commit is durable,
// which costs one flush. What a commit holds is bytes.
//
// # Why not a library's
//
// raft-wal returns changed entries without an error, tidwall's wal acknowledges
// what it has not written after a full disk, and etcd's wal, the best of those that
// were tried, panics after a full disk, accepts gaps in its numbers, and comes with a
// server. What is needed is small: bytes behind bytes, read once after a crash.
//
// # The files
//
// A log is a chain of segments, "commits-" with the number of the first commit. A
// segment is made in its whole size and filled with zeros before it is used: so a
// full disk is an error when nothing was written yet, and a flush changes nothing but
// the data, which is one write barrier. It consists of pages:
//
//	 0  kind 1: S the first of a segment, C part of a commit, E the end of a segment;
//	    and three zeros
//	 4  the checksum of the page before 4
//	 8  the number of the commit 8; S: of the last before the segment
//	16  the place of the page in its commit 4; S: the size of the segment
//	20  how many bytes of the commit begin in this page 4
//	24  up to 484 of these bytes, and zeros
//	508 CRC-32C of all of this, with its lowest bit set
//
// with integers in big endian. A commit begins a page of its own, so no flush writes
// to a page that holds an earlier commit. Before the first commit of a segment is written,
// its first page and its name are durable, and so is the page E in the one before it.
//
// # After a crash
//
// A disk loses and keeps whole sectors, and a page is the smallest of them. Of the
// commit that was being written, any pages may be missing, and a page that is cut off
// ends with a zero. Nobody was told that this commit is durable: Resume drops it.
// Everything else is damage, and Scan says which: a page with a checksum that does
// not fit, a page that does not follow the one before, commits behind a missing one,
// a segment that is missing, twice there, or of another size. Only if whole pages
// at the end of the last commit become zeros, or the log is an older copy of
// itself, does it look like one that was not written; Holds compares it with what
// the store knows.
//
// # Failure
//
// After a write or a flush that failed it is unknown what is durable. Append fails
// from then on, until the log is read again.
package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"sync"
)

// ErrDamaged means that a log is not as it was written.
var ErrDamaged = errors.New("the commit log is damaged")

// ErrNewer means that a later version of this program wrote a log.
var ErrNewer = errors.New("a newer version wrote the commit log: use that one")

// ErrNoSegment means that there was no room for a commit and none could be made.
// Nothing was written, and Append may be called again.
var ErrNoSegment = errors.New("commitlog: no new segment")

// segmentBytesMax is the size of the largest segment, in bytes. Chosen: what is read
// into memory at a time.
const segmentBytesMax = 1 << 30

// segment is one file of a log.
type segment struct {
	name string
	last uint64 // the number of its last commit; of the last segment, unused
}

// Log is an open log. Append, Due and Flushes are for one goroutine, the others may
// run beside it.
type Log struct {
	files        Files
	segmentBytes int64

	// Used by the goroutine that appends.
	active  File
	at      int64 // where the next commit is written
	size    int64 // of the active segment
	asked   bool  // Due has returned true for it
	buf     []byte
	failed  error
	flushes uint64

	spares sync.Mutex // held while a segment is made
	spare  File       // the next segment, or nil

	mu       sync.Mutex // guards what follows
	segments []segment  // oldest first, the last is the active one
	end      Position
}

// Create makes a log that continues a position, with segments of this many bytes:
// more than the pages of the largest commit, and two. It returns an error of the
// file system.
func Create(files Files, at Position, segmentBytes int64) (*Log, error) {
	l := &Log{files: files, segmentBytes: segmentBytes, end: at}
	f, err := writeNew(files, segmentBytes, appendHead(nil, at, segmentBytes))
	if err != nil {
		return nil, err
	}
	if err := l.adopt(f, at, segmentBytes); err != nil {
		return nil, err
	}
	return l, nil
}

// adopt gives an unfinished segment its name, durably, and makes it the active one.
func (l *Log) adopt(f File, begin Position, size int64) error {
	name := nameOf(begin)
	err := l.files.Rename(unfinished, name)
	if err == nil {
		err = l.files.Sync()
	}
	if err != nil {
		return errors.Join(err, f.Close())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if n := len(l.segments); n > 0 {
		l.segments[n-1].last = begin.Number
	}
	l.segments = append(l.segments, segment{name: name})
	l.active, l.at, l.size, l.asked = f, pageBytes, size, false
	return nil
}

// End returns the position behind the last commit.
func (l *Log) End() Position {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.end
}

// Flushes returns how many flushes commits have waited for since the log was opened.
func (l *Log) Flushes() uint64 { return l.flushes }

// SizeOf returns how many bytes a commit takes in the log.
func SizeOf(payload int) int { return pagesOf(payload) * pageBytes }

// Append returns the position behind a commit when it is durable. It returns
// ErrNoSegment with the cause, when nothing was written, or any other error, after
// which the log has to be read again to know whether it was.
func (l *Log) Append(payload []byte) (Position, error) {
	if l.failed != nil {
		return Position{}, l.failed
	}
	if err := l.makeRoom(int64(SizeOf(len(payload)))); err != nil {
		if !errors.Is(err, ErrNoSegment) {
			l.failed = err
		}
		return Position{}, err
	}
	var next Position
	l.buf, next = appendCommit(l.buf[:0], l.end, payload)
	if err := write(l.active, l.buf, l.at); err != nil {
		l.failed = fmt.Errorf("append to the commit log: %w", err)
		return Position{}, l.failed
	}
	l.at += int64(len(l.buf))
	l.flushes++
	if cap(l.buf) > writeBytes {
		l.buf = nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.end = next
	return next, nil
}

// write writes pages at an offset and flushes them.
func write(f File, pages []byte, at int64) error {
	if _, err := f.WriteAt(pages, at); err != nil {
		return err
	}
	return f.Sync()
}

// makeRoom goes on to a new segment unless the active one has room for so many bytes
// and for the page that ends it. It returns ErrNoSegment, or another error after
// which the log must be read again.
func (l *Log) makeRoom(bytes int64) error {
	if l.at+bytes+pageBytes <= l.size {
		return nil
	}
	if 2*pageBytes+bytes > l.segmentBytes {
		panic(fmt.Sprintf("commitlog: internal error: a commit of %d bytes in segments of %d", bytes, l.segmentBytes))
	}
	if err := l.Prepare(); err != nil {
		return err
	}
	l.spares.Lock()
	defer l.spares.Unlock()
	next := l.spare
	l.spare = nil
	if err := write(next, appendHead(nil, l.end, l.segmentBytes), 0); err != nil {
		return errors.Join(err, next.Close())
	}
	old, at := l.active, l.at
	l.active = nil
	defer func() { _ = old.Close() }() // it was flushed
	if err := l.adopt(next, l.end, l.segmentBytes); err != nil {
		return err
	}
	ending := page{kind: kindEnd, chain: l.end.Sum, number: l.end.Number + 1}
	raw, _ := appendPage(nil, &ending, nil)
	l.flushes += 3 // the first page of the new segment, its name, and this
	return write(old, raw, at)
}

// Due reports once for each segment, when half of it is used, that Prepare and Drop
// should be called.
func (l *Log) Due() bool {
	if l.asked || l.at < l.size/2 {
		return false
	}
	l.asked = true
	return true
}

// Prepare makes the next segment, so that no commit waits for it. It returns
// ErrNoSegment with the cause.
func (l *Log) Prepare() error {
	l.spares.Lock()
	defer l.spares.Unlock()
	if l.spare != nil {
		return nil
	}
	f, err := writeNew(l.files, l.segmentBytes, nil)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNoSegment, err)
	}
	l.spare = f
	return nil
}

// Drop removes the segments without commits after this number, which the store has
// made durable itself. It returns an error of the file system.
func (l *Log) Drop(number uint64) error {
	// The store's own files lie in the same directory: their names have to be
	// durable before the log forgets what is in them.
	if err := l.files.Sync(); err != nil {
		return err
	}
	for {
		l.mu.Lock()
		first := l.segments[0]
		old := len(l.segments) > 1 && first.last <= number
		l.mu.Unlock()
		if !old {
			return nil
		}
		if err := remove(l.files, first.name); err != nil {
			return err
		}
		// One after the other, so that no power failure leaves a gap.
		if err := l.files.Sync(); err != nil {
			return err
		}
		l.mu.Lock()
		l.segments = l.segments[1:]
		l.mu.Unlock()
	}
}

// Verify reads the commits that the log holds now. It returns ErrDamaged or an error
// of the file system.
func (l *Log) Verify() error {
	l.mu.Lock()
	segments, want := append([]segment(nil), l.segments...), l.end
	l.mu.Unlock()
	var at Position
	for _, seg := range segments {
		data, begin, err := readSegment(l.files, seg.name)
		if errors.Is(err, fs.ErrNotExist) && at == (Position{}) {
			continue // it was dropped meanwhile
		}
		if err != nil {
			return err
		}
		if at != (Position{}) && at != begin {
			return fmt.Errorf("%s does not follow commit %d: %w", seg.name, at.Number, ErrDamaged)
		}
		if _, at, _, err = walk(data, begin, nil); err != nil {
			return err
		}
	}
	if at.Number < want.Number {
		return fmt.Errorf("commit %d of %d cannot be read: %w", at.Number+1, want.Number, ErrDamaged)
	}
	return nil
}

// Close closes the files. The log stays, to be read by Scan.
func (l *Log) Close() error {
	l.spares.Lock()
	defer l.spares.Unlock()
	var errs []error
	for _, f := range []File{l.active, l.spare} {
		if f != nil {
			errs = append(errs, f.Close())
		}
	}
	return errors.Join(append(errs, remove(l.files, unfinished))...)
}

// Remove removes a log that is not open, oldest segment first. It returns an error of
// the file system.
func Remove(files Files) error {
	names, err := segmentNames(files)
	if err != nil {
		return err
	}
	if err := remove(files, append(names, unfinished)...); err != nil {
		return err
	}
	return files.Sync()
}
