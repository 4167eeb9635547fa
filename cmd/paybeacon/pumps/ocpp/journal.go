package ocpp

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"

	"github.com/paybeacon/paybeacon/pay"
)

// The journal is a file of lines, each "CRC JSON": eight hexadecimal digits of the
// CRC-32C of what follows the blank, and a record. A record replaces what those before it
// said of the same thing.

const (
	journalName = "ocpp.journal"
	// journalBytesMax is how long the journal becomes before it is written anew.
	journalBytesMax = 4 << 20
	// recordBytesMax bounds a line. Chosen: a run with a signed record, twice.
	recordBytesMax = 16 << 10
)

// ErrDamaged means that the journal holds something else than what was written into it,
// before its last line.
var ErrDamaged = errors.New("ocpp: the file of transactions is damaged")

// record is one line. Which fields are set depends on what changed.
type record struct {
	Next int   `json:"next,omitempty"` // the next transaction's number
	Run  *run  `json:"run,omitempty"`
	Drop int   `json:"drop,omitempty"` // a run that is forgotten
	Life *life `json:"life,omitempty"`
}

// life is what a pump's register reads at least.
type life struct {
	Pump pay.PumpNumber `json:"pump"`
	Wh   pay.Quantity   `json:"wh"`
}

// journal is the file, open at its end.
type journal struct {
	path string
	file *os.File
	size int64
	err  error // the first that an append met; nothing is written after it
}

// openJournal opens the journal in a folder, which exists, and calls each with the records
// that are in it. A line at the end that was not written whole is cut off; it was never
// acknowledged.
func openJournal(dir string, each func(record) error) (*journal, error) {
	path := filepath.Join(dir, journalName)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the file of transactions: %w", err)
	}
	j := &journal{path: path, file: file}
	if err := j.load(each); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return j, nil
}

func (j *journal) load(each func(record) error) error {
	data, err := io.ReadAll(io.LimitReader(j.file, 4*journalBytesMax))
	if err != nil {
		return fmt.Errorf("read %s: %w", j.path, err)
	}
	for rest := data; len(rest) > 0; {
		line, after, whole := bytes.Cut(rest, []byte("\n"))
		if !whole {
			break
		}
		r, err := parseLine(line)
		if err == nil {
			err = each(r)
		}
		if err != nil {
			if len(after) == 0 {
				break // a sector that was not written before the power went
			}
			return fmt.Errorf("%w: byte %d of %s: %w", ErrDamaged, j.size, j.path, err)
		}
		j.size += int64(len(line)) + 1
		rest = after
	}
	if err := j.file.Truncate(j.size); err != nil {
		return fmt.Errorf("cut %s: %w", j.path, err)
	}
	if _, err := j.file.Seek(j.size, io.SeekStart); err != nil {
		return fmt.Errorf("seek in %s: %w", j.path, err)
	}
	return errors.Join(j.file.Sync(), syncFolder(filepath.Dir(j.path)))
}

// append writes records and returns once they are on the disk. After an error nothing is
// written any more: what a disk that failed once holds is not known until it is read anew.
func (j *journal) append(records ...record) error {
	if j.err != nil {
		return j.err
	}
	var b bytes.Buffer
	for _, r := range records {
		b.Write(line(r))
	}
	if _, err := j.file.Write(b.Bytes()); err != nil {
		j.err = fmt.Errorf("write %s: %w", j.path, err)
	} else if err := j.file.Sync(); err != nil {
		j.err = fmt.Errorf("flush %s: %w", j.path, err)
	}
	j.size += int64(b.Len())
	return j.err
}

// replace writes the journal anew with these records alone.
func (j *journal) replace(records []record) error {
	if j.err != nil {
		return j.err
	}
	var b bytes.Buffer
	for _, r := range records {
		b.Write(line(r))
	}
	fresh, err := os.OpenFile(j.path+".new", os.O_RDWR|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return fmt.Errorf("write %s anew: %w", j.path, err)
	}
	if _, err = fresh.Write(b.Bytes()); err == nil {
		err = fresh.Sync()
	}
	if err == nil {
		err = os.Rename(j.path+".new", j.path)
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write %s anew: %w", j.path, err), fresh.Close())
	}
	old := j.file
	j.file, j.size = fresh, int64(b.Len())
	if err := errors.Join(old.Close(), syncFolder(filepath.Dir(j.path))); err != nil {
		j.err = fmt.Errorf("write %s anew: %w", j.path, err)
	}
	return j.err
}

func (j *journal) close() error { return j.file.Close() }

// line returns a record as it stands in the file.
func line(r record) []byte {
	body, err := json.Marshal(r)
	if err != nil {
		panic("ocpp: internal error: a record is no JSON: " + err.Error())
	}
	return fmt.Appendf(nil, "%08x %s\n", crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)), body)
}

// parseLine reads a line without its end.
func parseLine(l []byte) (r record, err error) {
	sum, body, _ := bytes.Cut(l, []byte(" "))
	if len(l) > recordBytesMax || string(sum) != fmt.Sprintf("%08x", crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli))) {
		return r, errors.New("its check sum is another")
	}
	return r, json.Unmarshal(body, &r)
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
