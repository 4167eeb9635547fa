package commitlog

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strings"
)

const (
	segmentPrefix = "commits-"
	segmentSuffix = ".log"
	// unfinished is the name of a segment that is not part of the log yet.
	unfinished = "commits.tmp"
	// form stands in the first page of each segment.
	form = "paybeacon commit log, form 1"
	// writeBytes is how much of a new segment is written and made durable at a time.
	// Chosen: so that commits beside it wait for little.
	writeBytes = 1 << 20
)

// nameOf returns the name of the segment that begins at a position.
func nameOf(begin Position) string {
	return fmt.Sprintf("%s%016x%s", segmentPrefix, begin.Number+1, segmentSuffix)
}

// segmentNames returns the names of the segments, oldest first. It returns an error
// of the file system.
func segmentNames(files Files) ([]string, error) {
	names, err := files.Names()
	if err != nil {
		return nil, err
	}
	names = slices.DeleteFunc(names, func(name string) bool {
		return !strings.HasPrefix(name, segmentPrefix) || !strings.HasSuffix(name, segmentSuffix)
	})
	slices.Sort(names)
	return names, nil
}

// readSegment returns the content of a segment and the position at which it begins.
// It returns ErrDamaged, ErrNewer or an error of the file system.
func readSegment(files Files, name string) (data []byte, begin Position, err error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, begin, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	size, err := f.Size()
	if err != nil {
		return nil, begin, err
	}
	if size < pageBytes || size > segmentBytesMax || size%pageBytes != 0 {
		return nil, begin, fmt.Errorf("%s has %d bytes: %w", name, size, ErrDamaged)
	}
	data = make([]byte, size)
	if _, err := f.ReadAt(data, 0); err != nil {
		return nil, begin, fmt.Errorf("read %s: %w", name, err)
	}
	p, s := parsePage(data[:pageBytes])
	begin = Position{Number: p.number, Sum: p.chain}
	switch {
	case s != whole || p.kind != kindSegment:
		return nil, begin, fmt.Errorf("%s: its first page is changed: %w", name, ErrDamaged)
	case !strings.HasPrefix(string(p.payload), form):
		return nil, begin, fmt.Errorf("%s: %w", name, ErrNewer)
	case name != nameOf(begin):
		return nil, begin, fmt.Errorf("%s was %s: %w", name, nameOf(begin), ErrDamaged)
	case int64(p.place) != size:
		return nil, begin, fmt.Errorf("%s has %d bytes and had %d: %w", name, size, p.place, ErrDamaged)
	}
	return data, begin, nil
}

// appendHead appends the first page of a segment. Its place is the segment's size.
func appendHead(dst []byte, begin Position, size int64) []byte {
	p := page{kind: kindSegment, chain: begin.Sum, number: begin.Number, place: uint32(size), rest: uint32(len(form))}
	dst, _ = appendPage(dst, &p, []byte(form))
	return dst
}

// walk reads the commits of a segment and passes them to fn, which may be nil. It
// returns the offset and the position behind the last whole one, and whether the
// segment was ended there. Its error is that of fn.
func walk(data []byte, begin Position, fn func(Position, []byte) error) (at int, end Position, ended bool, err error) {
	at, end = pageBytes, begin
	for {
		next, payload, size, ok := readCommit(data[at:], end)
		if !ok {
			return at, end, isEnd(data[at:], end), nil
		}
		at, end = at+size, next
		if fn != nil {
			if err := fn(end, payload); err != nil {
				return at, end, false, err
			}
		}
	}
}

// writeNew makes a file of this size under the name of an unfinished one, with the
// content and then zeros, and returns it when it is durable. On an error nothing
// is left of it.
func writeNew(files Files, size int64, content []byte) (File, error) {
	f, err := files.Create(unfinished)
	if err != nil {
		return nil, err
	}
	if err := fill(f, size, content); err != nil {
		return nil, errors.Join(err, f.Close(), remove(files, unfinished))
	}
	return f, nil
}

// fill writes the content and then zeros, in parts, and returns when they are durable.
func fill(f File, size int64, content []byte) error {
	blank := make([]byte, min(writeBytes, size))
	for at := int64(0); at < size; {
		part := blank[:min(int64(len(blank)), size-at)]
		if left := int64(len(content)) - at; left > 0 {
			part = content[at:][:min(int64(len(part)), left)]
		}
		if err := write(f, part, at); err != nil {
			return err
		}
		at += int64(len(part))
	}
	return nil
}

// remove removes files that are there, in this order, and returns an error of the file
// system. An empty name is that of none.
func remove(files Files, names ...string) error {
	for _, name := range names {
		if name == "" {
			continue
		}
		if err := files.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
