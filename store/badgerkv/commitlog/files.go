package commitlog

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// Files is the directory that holds a log. Dir makes one of a real directory; the
// model of a power failure has another.
type Files interface {
	// Names returns the names of the files, in any order, with any error.
	Names() ([]string, error)
	// Create makes an empty file, and takes the place of one of that name.
	Create(name string) (File, error)
	// Open opens a file for reading and writing.
	Open(name string) (File, error)
	// Rename gives a file another name, and takes the place of one that has it.
	Rename(from, to string) error
	// Remove removes a file.
	Remove(name string) error
	// Sync returns when the names are durable.
	Sync() error
}

// File is one file of a log.
type File interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	// Size returns the size in bytes.
	Size() (int64, error)
	// Sync returns when what was written is durable.
	Sync() error
}

// Dir is the directory with this path. Files in it belong to the owner alone.
type Dir string

// Names returns the names of the files, or an error of the file system.
func (d Dir) Names() ([]string, error) {
	f, err := os.Open(string(d))
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	return names, errors.Join(err, f.Close())
}

// Create makes an empty file. It returns an error of the file system.
func (d Dir) Create(name string) (File, error) {
	return d.open(name, os.O_RDWR|os.O_CREATE|os.O_TRUNC)
}

// Open opens a file. It returns an error of the file system.
func (d Dir) Open(name string) (File, error) { return d.open(name, os.O_RDWR) }

func (d Dir) open(name string, flag int) (File, error) {
	f, err := os.OpenFile(d.path(name), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return file{f}, nil
}

// Rename gives a file another name. It returns an error of the file system.
func (d Dir) Rename(from, to string) error { return os.Rename(d.path(from), d.path(to)) }

// Remove removes a file. It returns an error of the file system.
func (d Dir) Remove(name string) error { return os.Remove(d.path(name)) }

// Sync makes the names durable. It returns an error of the file system.
func (d Dir) Sync() error {
	f, err := os.Open(string(d))
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func (d Dir) path(name string) string { return filepath.Join(string(d), name) }

type file struct{ *os.File }

// Size returns the size in bytes, or an error of the file system.
func (f file) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Sync makes the content durable. It returns an error of the file system.
func (f file) Sync() error { return flush(f.File) }
