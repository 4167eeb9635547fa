package commitlog_test

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// start is where the logs of these tests begin.
var start = commitlog.Position{Number: 5, Sum: 7}

// payloads are some of every kind: empty, short, of zeros, of one page to the byte,
// of several.
func payloads(n int) [][]byte {
	out := make([][]byte, n)
	for i := range out {
		size := []int{0, 1, 30, 484, 485, 2_000, 100}[i%7]
		out[i] = bytes.Repeat([]byte{byte(i % 3)}, size)
	}
	return out
}

// filled returns a log of so many commits on a disk, and the position behind each.
func filled(t *testing.T, files commitlog.Files, commits int) (ends []commitlog.Position) {
	t.Helper()
	log, err := commitlog.Create(files, start, segmentBytes)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range payloads(commits) {
		at, err := log.Append(p)
		if err != nil {
			t.Fatal(err)
		}
		ends = append(ends, at)
	}
	if err := log.Verify(); err != nil {
		t.Errorf("verify: %v", err)
	}
	if err := log.Close(); err != nil {
		t.Fatal(err)
	}
	return ends
}

// read returns the payloads in a log.
func read(files commitlog.Files) (out [][]byte, err error) {
	s, ok, err := commitlog.Scan(files)
	if err != nil || !ok {
		return nil, err
	}
	err = s.Replay(s.Begin, func(_ commitlog.Position, payload []byte) error {
		out = append(out, payload)
		return nil
	})
	return out, err
}

func TestWhatWasAppendedIsReplayed(t *testing.T) {
	t.Parallel()
	dir := commitlog.Dir(t.TempDir())
	want := payloads(100)
	ends := filled(t, dir, len(want))
	for round := range 3 {
		s, ok, err := commitlog.Scan(dir)
		if err != nil || !ok {
			t.Fatalf("scan: %t, %v", ok, err)
		}
		if s.Begin != start || s.End != ends[len(ends)-1] {
			t.Errorf("round %d: from %v to %v", round, s.Begin, s.End)
		}
		for skip := 0; skip <= len(want); skip += 9 {
			after, n := start, skip
			if skip > 0 {
				after = ends[skip-1]
			}
			if err := s.Holds(after); err != nil {
				t.Errorf("holds %v: %v", after, err)
			}
			err := s.Replay(after, func(at commitlog.Position, payload []byte) error {
				if at != ends[n] || !bytes.Equal(payload, want[n]) {
					t.Errorf("commit %d came as %v with %d bytes", n, at, len(payload))
				}
				n++
				return nil
			})
			if err != nil || n != len(want) {
				t.Errorf("replayed up to %d of %d: %v", n, len(want), err)
			}
		}
		log, err := s.Resume(segmentBytes)
		if err != nil {
			t.Fatal(err)
		}
		more := []byte(fmt.Sprint("round ", round))
		at, err := log.Append(more)
		if err != nil {
			t.Fatal(err)
		}
		want, ends = append(want, more), append(ends, at)
		if err := log.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := commitlog.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(filepath.Join(string(dir), "*")); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
}

func TestCommitCostsOneFlush(t *testing.T) {
	t.Parallel()
	log, err := commitlog.Create(newDisk(), start, segmentBytes)
	if err != nil {
		t.Fatal(err)
	}
	for range 10 {
		if _, err := log.Append([]byte("a commit")); err != nil {
			t.Fatal(err)
		}
	}
	if n := log.Flushes(); n != 10 {
		t.Errorf("%d flushes of 10 commits", n)
	}
}

func TestDroppedSegmentsAreGone(t *testing.T) {
	t.Parallel()
	d := newDisk()
	log, err := commitlog.Create(d, start, segmentBytes)
	if err != nil {
		t.Fatal(err)
	}
	due := 0
	for range 200 {
		if _, err := log.Append(make([]byte, 400)); err != nil {
			t.Fatal(err)
		}
		if log.Due() {
			due++
		}
	}
	before := len(names(d, ".log"))
	if due != before {
		t.Errorf("due %d times in %d segments", due, before)
	}
	if err := log.Drop(start.Number + 199); err != nil {
		t.Fatal(err)
	}
	if after := names(d, ".log"); len(after) != 1 || before < 6 {
		t.Errorf("%d segments became %q", before, after)
	}
	s, ok, err := commitlog.Scan(d)
	if err != nil || !ok || s.End != log.End() {
		t.Errorf("scan: %t, %v", ok, err)
	}
	if err := s.Holds(start); !errors.Is(err, commitlog.ErrDamaged) {
		t.Errorf("a log that begins later than the tables end: %v", err)
	}
}

func names(d *disk, suffix string) []string {
	all, _ := d.Names()
	all = slices.DeleteFunc(all, func(name string) bool { return !strings.HasSuffix(name, suffix) })
	slices.Sort(all)
	return all
}

func TestFullDiskIsNoSegment(t *testing.T) {
	t.Parallel()
	d := newDisk()
	d.room = segmentBytes * 3 / 2
	log, err := commitlog.Create(d, start, segmentBytes)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for ; err == nil; n++ {
		_, err = log.Append(make([]byte, 400))
	}
	if !errors.Is(err, commitlog.ErrNoSegment) || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("append: %v", err)
	}
	if left := names(d, ".tmp"); len(left) > 0 {
		t.Errorf("left: %q", left)
	}
	if _, err := log.Append(make([]byte, 400)); !errors.Is(err, commitlog.ErrNoSegment) {
		t.Errorf("again: %v", err)
	}
	d.room = 1 << 20
	if _, err := log.Append([]byte("room again")); err != nil {
		t.Errorf("when there is room: %v", err)
	}
	got, err := read(d)
	if err != nil || len(got) != n {
		t.Errorf("%d commits, want %d: %v", len(got), n, err)
	}
}

// TestChangedByteIsFound changes each byte of a log in turn. Whatever was
// acknowledged is read as it was, or the log is refused.
func TestChangedByteIsFound(t *testing.T) {
	t.Parallel()
	d := newDisk()
	want := payloads(60)
	filled(t, d, len(want))
	segments := names(d, ".log")
	if len(segments) < 2 {
		t.Fatalf("only %q", segments)
	}
	for _, name := range segments {
		data, missed := d.names[name].data, 0
		end := len(bytes.TrimRight(data, "\x00"))
		for at := range data {
			if at > 2*sector && (at < end-3*sector || at > end+sector) && at%61 > 0 {
				continue // some of what is like the rest
			}
			for _, mask := range []byte{0x01, 0x80, 0xFF, data[at]} {
				if mask == 0 {
					continue
				}
				data[at] ^= mask
				got, err := read(d)
				data[at] ^= mask
				if errors.Is(err, commitlog.ErrDamaged) || errors.Is(err, commitlog.ErrNewer) {
					continue
				}
				if err != nil || !slices.EqualFunc(got, want, bytes.Equal) {
					if missed++; missed < 5 {
						t.Errorf("%s, byte %d, mask %#x: %d of %d commits, %v", name, at, mask, len(got), len(want), err)
					}
				}
			}
		}
	}
}

func TestDamagedLogIsRefused(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		damage func(d *disk, names []string)
		want   string
	}{
		{"first segment missing", func(d *disk, n []string) { delete(d.names, n[0]) }, "the log begins after commit"},
		{"segment in the middle missing", func(d *disk, n []string) { delete(d.names, n[1]) }, "the log before it ends at"},
		{"last segment missing", func(d *disk, n []string) { delete(d.names, n[len(n)-1]) }, "is missing"},
		{"segment twice", func(d *disk, n []string) { d.names[n[1][:len(n[1])-5]+"f.log"] = d.names[n[1]] }, "was " + "commits-"},
		{"segments exchanged", func(d *disk, n []string) { d.names[n[0]], d.names[n[1]] = d.names[n[1]], d.names[n[0]] }, "was " + "commits-"},
		{"segment cut off", func(d *disk, n []string) { d.names[n[0]].data = d.names[n[0]].data[:4*sector] }, "had 16384"},
		{"segment cut off in a page", func(d *disk, n []string) { d.names[n[0]].data = d.names[n[0]].data[:1000] }, "has 1000 bytes"},
		{"empty segment", func(d *disk, n []string) { d.names[n[2]].data = nil }, "has 0 bytes"},
		{"page missing", func(d *disk, n []string) { clear(d.names[n[1]].data[3*sector : 4*sector]) }, "written later"},
		{"pages exchanged", func(d *disk, n []string) {
			data := d.names[n[1]].data
			a, b := data[2*sector:3*sector], slices.Clone(data[9*sector:10*sector])
			copy(data[9*sector:], a)
			copy(a, b)
		}, "behind commit"},
		{"page twice", func(d *disk, n []string) {
			data := d.names[n[len(n)-1]].data
			copy(data[len(data)-sector:], data[sector:2*sector])
		}, "a page stands where it was not written"},
		{"end of a segment missing", func(d *disk, n []string) {
			data := d.names[n[0]].data
			for at := len(data) - sector; at > 0; at -= sector {
				if data[at] == 'E' {
					clear(data[at:][:sector])
				}
			}
		}, "is not ended"},
		{"segment of another log", func(d *disk, n []string) {
			other := newDisk()
			log, _ := commitlog.Create(other, commitlog.Position{Number: 5, Sum: 9}, segmentBytes)
			for _, p := range payloads(120) {
				_, _ = log.Append(p)
			}
			d.names[n[1]] = other.names[n[1]]
		}, "the log before it ends at"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newDisk()
			filled(t, d, 120)
			segments := names(d, ".log")
			if len(segments) < 4 {
				t.Fatalf("only %q", segments)
			}
			c.damage(d, segments)
			s, ok, err := commitlog.Scan(d)
			if ok && err == nil {
				err = s.Holds(start)
			}
			if !errors.Is(err, commitlog.ErrDamaged) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want it to say %q", err, c.want)
			}
		})
	}
}

func TestHoldsComparesWithTheTables(t *testing.T) {
	t.Parallel()
	d := newDisk()
	ends := filled(t, d, 30)
	s, _, err := commitlog.Scan(d)
	if err != nil {
		t.Fatal(err)
	}
	last := ends[len(ends)-1]
	for _, c := range []struct {
		name string
		at   commitlog.Position
		want string
	}{
		{"the end", last, ""},
		{"the beginning", start, ""},
		{"older than the tables", commitlog.Position{Number: last.Number + 1, Sum: 1}, "is older than the tables"},
		{"begins too late", commitlog.Position{Number: 4, Sum: 1}, "begins after commit 5"},
		{"without commits", commitlog.Position{}, "begins after commit 5"},
		{"another store's", commitlog.Position{Number: 9, Sum: 1}, "commit 9 in the tables is not the one in the log"},
		{"another store's beginning", commitlog.Position{Number: 5, Sum: 1}, "commit 5 in the tables is not the one in the log or before it"},
	} {
		err := s.Holds(c.at)
		if c.want == "" && err != nil || c.want != "" && (!errors.Is(err, commitlog.ErrDamaged) || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%s: got %v, want %q", c.name, err, c.want)
		}
	}
}

// FuzzScan reads any bytes as a log of one segment: it neither panics nor changes
// anything, and what it accepts it can go on with.
func FuzzScan(f *testing.F) {
	d := newDisk()
	log, err := commitlog.Create(d, start, 4096)
	if err != nil {
		f.Fatal(err)
	}
	for _, size := range []int{0, 10, 1000} {
		if _, err := log.Append(make([]byte, size)); err != nil {
			f.Fatal(err)
		}
	}
	name := names(d, ".log")[0]
	whole := d.names[name].data
	f.Add(whole)
	f.Add(whole[:sector])
	f.Add(append(slices.Clone(whole[:3*sector]), make([]byte, 5*sector)...))
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		d := newDisk()
		d.names[name] = &inode{data: slices.Clone(data), dirty: map[int]bool{}}
		s, ok, err := commitlog.Scan(d)
		if !bytes.Equal(d.names[name].data, data) {
			t.Error("reading changed the log")
		}
		if err != nil {
			if ok || !errors.Is(err, commitlog.ErrDamaged) && !errors.Is(err, commitlog.ErrNewer) && !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("%t, %v", ok, err)
			}
			return
		}
		log, err := s.Resume(4096)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := log.Append([]byte("more")); err != nil {
			t.Fatal(err)
		}
		if again, ok, err := commitlog.Scan(d); err != nil || !ok || again.End != log.End() || again.Begin != s.Begin {
			t.Errorf("after going on: %t, %v", ok, err)
		}
	})
}
