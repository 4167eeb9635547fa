package commitlog

import (
	"errors"
	"fmt"
	"slices"
)

// Scanned is a log that was read and found whole. Nothing is written before Resume.
type Scanned struct {
	// Begin and End are the positions before its first and behind its last commit.
	Begin, End Position
	// Bytes is the sum of its payloads.
	Bytes int64

	files    Files
	segments []segment
	sums     []uint32 // of each position from Begin to End
	at       int      // the offset behind the last commit, in the last segment
	ended    int      // the offset of the end of the segment before, 0 if there is none
	idle     string   // a segment that was made when the process ended, or ""
}

// Scan reads a log and checks all of it. It changes nothing. ok is false if there is
// none. It returns ErrDamaged, saying what is wrong, ErrNewer, or an error of the
// file system.
func Scan(files Files) (s *Scanned, ok bool, err error) {
	names, err := segmentNames(files)
	if err != nil || len(names) == 0 {
		return nil, false, err
	}
	s = &Scanned{files: files}
	ended := true
	for i, name := range names {
		data, begin, err := readSegment(files, name)
		if err != nil {
			return nil, false, err
		}
		if i == 0 {
			s.Begin, s.End, s.sums = begin, begin, []uint32{begin.Sum}
		}
		if begin != s.End {
			return nil, false, fmt.Errorf("%s begins after commit %d, and the log before it ends at %d: %w",
				name, begin.Number, s.End.Number, ErrDamaged)
		}
		if !ended {
			if hasWritten(data[pageBytes:]) || i != len(names)-1 {
				return nil, false, fmt.Errorf("%s is not ended, and %s follows: %w", names[i-1], name, ErrDamaged)
			}
			s.idle = name
			break
		}
		if ended, err = s.take(name, data); err != nil {
			return nil, false, err
		}
	}
	if ended {
		return nil, false, fmt.Errorf("the segment after commit %d is missing: %w", s.End.Number, ErrDamaged)
	}
	return s, true, nil
}

// take reads the next segment, and reports whether another must follow.
func (s *Scanned) take(name string, data []byte) (ended bool, err error) {
	begin := s.End
	at, end, ended, _ := walk(data, begin, func(p Position, payload []byte) error {
		s.Bytes += int64(len(payload))
		s.sums = append(s.sums, p.Sum)
		return nil
	})
	damage := ""
	if !ended {
		damage = tail(data[at:], end)
	} else if hasWritten(data[at+pageBytes:]) {
		damage = "something follows its end"
	}
	if damage != "" {
		return false, fmt.Errorf("%s, behind commit %d: %s: %w", name, end.Number, damage, ErrDamaged)
	}
	s.segments = append(s.segments, segment{name: name, last: end.Number})
	s.End, s.ended, s.at = end, s.at, at
	return ended, nil
}

// Holds returns an error unless the log continues what ends at a position: ErrDamaged
// if the log ends before it, begins after it, or is another one's. A position whose
// Sum is 0 is that of a store without commits.
func (s *Scanned) Holds(at Position) error {
	switch {
	case at.Number < s.Begin.Number:
		return fmt.Errorf("the tables end at commit %d and the log begins after commit %d: %w", at.Number, s.Begin.Number, ErrDamaged)
	case at.Number > s.End.Number:
		return fmt.Errorf("the log ends at commit %d and is older than the tables, which end at %d: %w", s.End.Number, at.Number, ErrDamaged)
	case at != Position{} && s.sums[at.Number-s.Begin.Number] != at.Sum:
		return fmt.Errorf("commit %d in the tables is not the one in the log or before it: %w", at.Number, ErrDamaged)
	}
	return nil
}

// Replay passes the commits after a position to fn, in their order, and returns its
// error, or one of Scan. fn may keep the payload.
func (s *Scanned) Replay(after Position, fn func(at Position, payload []byte) error) error {
	for _, seg := range s.segments {
		if seg.last <= after.Number {
			continue
		}
		data, begin, err := readSegment(s.files, seg.name)
		if err != nil {
			return err
		}
		_, _, _, err = walk(data, begin, func(p Position, payload []byte) error {
			if p.Number <= after.Number {
				return nil
			}
			return fn(p, payload)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// Resume makes the log ready for further commits, in new segments of this size. What
// was written last, a commit or the end of a segment, is written anew, without what was not
// written completely: so it is durable even if its flush had failed. It returns an
// error of the file system.
func (s *Scanned) Resume(segmentBytes int64) (*Log, error) {
	err := remove(s.files, s.idle, unfinished)
	if err == nil {
		err = s.files.Sync()
	}
	if err == nil {
		err = s.endAgain()
	}
	if err != nil {
		return nil, err
	}
	last := s.segments[len(s.segments)-1]
	data, begin, err := readSegment(s.files, last.name)
	if err != nil {
		return nil, err
	}
	f, err := writeNew(s.files, int64(len(data)), data[:s.at])
	if err != nil {
		return nil, err
	}
	l := &Log{files: s.files, segmentBytes: segmentBytes, segments: slices.Clone(s.segments[:len(s.segments)-1]), end: s.End}
	if err := l.adopt(f, begin, int64(len(data))); err != nil {
		return nil, err
	}
	l.at = int64(s.at)
	return l, nil
}

// endAgain writes the end of the last segment but one again, durably.
func (s *Scanned) endAgain() error {
	if s.ended == 0 {
		return nil
	}
	f, err := s.files.Open(s.segments[len(s.segments)-2].name)
	if err != nil {
		return err
	}
	var end [pageBytes]byte
	if _, err = f.ReadAt(end[:], int64(s.ended)); err == nil {
		err = write(f, end[:], int64(s.ended))
	}
	return errors.Join(err, f.Close())
}
