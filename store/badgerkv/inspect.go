package badgerkv

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
)

// errDamaged means damage that restoring a backup would repair.
var errDamaged = errors.New("the directory is damaged, restore it from a backup")

// manifestVersion is the number that Badger writes into the last two of the
// first eight bytes of MANIFEST; a newer Badger may write a larger one.
const manifestVersion = 8

// inspect checks a directory before Badger opens it, under the lock, and returns
// the sizes in it. It refuses, with errDamaged unless said otherwise:
//
//   - a directory whose MANIFEST is missing, which Badger would treat as new and
//     empty;
//   - a MANIFEST of another version (another error) or with a wrong checksum;
//   - a MANIFEST whose end is cut off, which Badger would shorten, and then
//     remove the tables that are no longer in it;
//   - a KEYREGISTRY that is cut off or foreign;
//   - a table that is missing or whose index is broken, which Badger would
//     leave out or panic on;
//   - a log with a changed record, which Badger would drop together with all
//     records after it (see checkLog).
//
// It removes log files of zero bytes, which a process leaves that is killed
// between creating and sizing one, and with which Badger does not open the
// directory. It also returns the errors of the file system.
func inspect(dir string, bo badger.Options) (shape, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return shape{}, err
	}
	manifest, err := readManifest(dir, bo)
	if errors.Is(err, fs.ErrNotExist) {
		err = refuseOrphans(entries)
	}
	if err != nil {
		return shape{}, err
	}
	registry := badger.KeyRegistryOptions{Dir: dir, ReadOnly: true}
	if _, err := badger.OpenKeyRegistry(registry); err != nil {
		return shape{}, fmt.Errorf("%w: %s: %w", errDamaged, badger.KeyRegistryFileName, err)
	}
	var s shape
	if s.logs, err = checkLogs(dir, entries); err != nil {
		return shape{}, err
	}
	s.upper, err = upperBytes(dir, manifest)
	return s, err
}

// upperBytes checks every table and returns the bytes of those in level 0 and in
// the first level below that has any. It returns errDamaged for a bad table.
func upperBytes(dir string, manifest badger.Manifest) (bytes uint64, err error) {
	sizes := make([]uint64, len(manifest.Levels))
	for id, t := range manifest.Tables {
		size, err := checkTable(table.NewFilename(id, dir), t.Compression)
		if err != nil {
			return 0, fmt.Errorf("%w: %w", errDamaged, err)
		}
		sizes[t.Level] += size
	}
	for level, size := range sizes {
		bytes += size
		if level > 0 && size > 0 {
			break
		}
	}
	return bytes, nil
}

// readManifest returns the list of tables. It returns errDamaged for a damaged
// MANIFEST, another error for one of another version, and those of the file
// system, such as fs.ErrNotExist.
func readManifest(dir string, bo badger.Options) (badger.Manifest, error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return badger.Manifest{}, err
	}
	defer func() { _ = f.Close() }()
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err == nil {
		if v := binary.BigEndian.Uint16(head[6:]); string(head[:4]) == "Bdgr" && v != manifestVersion {
			return badger.Manifest{}, fmt.Errorf(
				"the directory has format %d and this program reads format %d: use the version that wrote it",
				v, manifestVersion)
		}
	}
	m, read, err := badger.ReplayManifestFile(f, bo.ExternalMagicVersion, bo)
	if err != nil {
		return badger.Manifest{}, fmt.Errorf("%w: %w", errDamaged, err)
	}
	info, err := f.Stat()
	if err != nil {
		return badger.Manifest{}, err
	}
	if read != info.Size() {
		return badger.Manifest{}, fmt.Errorf("%w: %s can be read up to byte %d of %d", errDamaged, badger.ManifestFilename, read, info.Size())
	}
	return m, nil
}

// refuseOrphans returns errDamaged for a directory without MANIFEST that has data
// files.
func refuseOrphans(entries []fs.DirEntry) error {
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); ext == ".sst" || ext == ".mem" {
			return fmt.Errorf("%w: %s is missing beside %s",
				errDamaged, badger.ManifestFilename, entry.Name())
		}
	}
	return nil
}

// checkLogs removes empty log files, and checks and counts those from which a
// memtable is restored. It returns errDamaged for a changed log, or an error of
// the file system.
func checkLogs(dir string, entries []fs.DirEntry) (logs uint64, err error) {
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		if ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return 0, err
		}
		if info.Mode().IsRegular() && info.Size() == 0 {
			if err := os.Remove(filepath.Join(dir, entry.Name())); err != nil {
				return 0, err
			}
			continue
		}
		if ext == ".mem" {
			logs++
			if err := checkLog(filepath.Join(dir, entry.Name())); err != nil {
				return 0, fmt.Errorf("%w: %w", errDamaged, err)
			}
		}
	}
	return logs, nil
}

// checkTable opens a table as Badger does and returns its size in bytes. It reads
// the index and two blocks. It fails with Badger's error, or with one of its own
// for a panic, whose value may contain data and is not shown.
func checkTable(path string, c options.CompressionType) (size uint64, err error) {
	name := filepath.Base(path)
	data, unmap, err := mapFile(path)
	if err != nil {
		return 0, fmt.Errorf("read the table %s: %w", name, err)
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the table %s cannot be read", name)
		}
		if e := unmap(); err == nil && e != nil {
			err = fmt.Errorf("release the table %s: %w", name, e)
		}
	}()
	_, err = table.OpenInMemoryTable(data, 0, &table.Options{
		Compression: c,
		ChkMode:     options.NoVerification,
	})
	if err != nil {
		return 0, fmt.Errorf("read the table %s: %w", name, err)
	}
	return uint64(len(data)), nil
}
