package commitlog_test

import (
	"io"
	"io/fs"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"syscall"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
)

const sector = 512

// disk is a directory in memory of which a power failure leaves what was flushed,
// and any part of what was not: names, sizes and sectors each for itself, sectors
// cut off anywhere.
type disk struct {
	mu    sync.Mutex
	names map[string]*inode
	// synced are the names that were flushed, and changed those that differ since.
	synced  map[string]*inode
	changed map[string]bool
	// room is how many bytes may still be allocated.
	room int
	// writes counts down to a write or flush that fails, and all after it do too.
	// Below 0 none does.
	fails int
}

type inode struct {
	data, synced []byte
	dirty        map[int]bool // sectors that were written since the flush
}

func newDisk() *disk {
	return &disk{names: map[string]*inode{}, synced: map[string]*inode{}, changed: map[string]bool{}, room: 1 << 30, fails: -1}
}

// step counts a write, and returns the error that it fails with.
func (d *disk) step() error {
	if d.fails < 0 {
		return nil
	}
	if d.fails == 0 {
		return syscall.EIO
	}
	d.fails--
	return nil
}

// Names returns the names of the files.
func (d *disk) Names() ([]string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.names)), nil
}

// Create makes an empty file.
func (d *disk) Create(name string) (commitlog.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return nil, err
	}
	n := &inode{dirty: map[int]bool{}}
	d.set(name, n)
	return &open{d, n}, nil
}

// Open opens a file.
func (d *disk) Open(name string) (commitlog.File, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	n, ok := d.names[name]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return &open{d, n}, nil
}

// Rename gives a file another name.
func (d *disk) Rename(from, to string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	n, ok := d.names[from]
	if !ok {
		return fs.ErrNotExist
	}
	d.set(to, n)
	d.set(from, nil)
	return nil
}

// Remove removes a file.
func (d *disk) Remove(name string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	if _, ok := d.names[name]; !ok {
		return fs.ErrNotExist
	}
	d.set(name, nil)
	return nil
}

// Sync makes the names durable.
func (d *disk) Sync() error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := d.step(); err != nil {
		return err
	}
	d.synced = maps.Clone(d.names)
	clear(d.changed)
	return nil
}

func (d *disk) set(name string, n *inode) {
	d.changed[name] = true
	if n == nil {
		delete(d.names, name)
	} else {
		d.names[name] = n
	}
}

// powerFailure returns what the next start finds. A file whose content was flushed
// has a name from then on: file systems make both durable together.
func (d *disk) powerFailure(rng *rand.Rand) *disk {
	after := newDisk()
	names := maps.Clone(d.synced)
	for _, name := range slices.Sorted(maps.Keys(d.changed)) {
		if rng.IntN(2) == 0 {
			continue
		}
		if n, ok := d.names[name]; ok {
			names[name] = n
		} else {
			delete(names, name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(names)) {
		left := names[name].after(rng)
		n := &inode{data: left, synced: slices.Clone(left), dirty: map[int]bool{}}
		after.names[name], after.synced[name] = n, n
	}
	return after
}

// after returns the flushed content, with any of the sectors that were written
// since, whole or their beginning. Of a size that was not flushed, any is there.
func (n *inode) after(rng *rand.Rand) []byte {
	left := slices.Clone(n.synced)
	if more := len(n.data) - len(left); more > 0 {
		left = append(left, make([]byte, rng.IntN(more/sector+1)*sector)...)
	}
	mode := rng.IntN(4) // all, none, or some
	for _, s := range slices.Sorted(maps.Keys(n.dirty)) {
		if mode == 0 || mode > 1 && rng.IntN(2) == 0 || (s+1)*sector > len(left) {
			continue
		}
		part := sector
		if mode == 3 && rng.IntN(2) == 0 {
			part = rng.IntN(sector)
		}
		copy(left[s*sector:][:part], n.data[s*sector:])
	}
	return left
}

type open struct {
	d *disk
	n *inode
}

// ReadAt reads what was written, flushed or not.
func (o *open) ReadAt(b []byte, at int64) (int, error) {
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	if int(at) >= len(o.n.data) {
		return 0, io.EOF
	}
	n := copy(b, o.n.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// WriteAt writes whole sectors.
func (o *open) WriteAt(b []byte, at int64) (int, error) {
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	if err := o.d.step(); err != nil {
		return 0, err
	}
	if more := int(at) + len(b) - len(o.n.data); more > 0 {
		if more > o.d.room {
			return 0, syscall.ENOSPC
		}
		o.d.room -= more
		o.n.data = append(o.n.data, make([]byte, more)...)
	}
	copy(o.n.data[at:], b)
	for s := int(at) / sector; s*sector < int(at)+len(b); s++ {
		o.n.dirty[s] = true
	}
	return len(b), nil
}

// Size returns the size.
func (o *open) Size() (int64, error) {
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	return int64(len(o.n.data)), nil
}

// Sync makes the content durable.
func (o *open) Sync() error {
	o.d.mu.Lock()
	defer o.d.mu.Unlock()
	if err := o.d.step(); err != nil {
		return err
	}
	o.n.synced = append(o.n.synced, o.n.data[len(o.n.synced):]...)
	for s := range o.n.dirty {
		copy(o.n.synced[s*sector:], o.n.data[s*sector:][:sector])
	}
	clear(o.n.dirty)
	return nil
}

// Close does nothing.
func (o *open) Close() error { return nil }
