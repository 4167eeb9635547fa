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

// errDamaged heads everything that a restored backup would cure.
var errDamaged = errors.New("the directory is damaged, restore it from a backup")

// manifestVersion is the number that Badger writes into the last two of the
// first eight bytes of MANIFEST; a newer Badger may write a larger one.
const manifestVersion = 8

// inspect looks at a directory before Badger does, under the lock, and returns
// the shape of what it holds. It refuses
//
//   - a directory whose MANIFEST is missing, which Badger would take for a new
//     one and empty;
//   - a MANIFEST of another version or with a wrong checksum;
//   - a MANIFEST whose end is cut off, which Badger would shorten, and then
//     remove the tables that it no longer names;
//   - a KEYREGISTRY that is cut off or foreign;
//   - a table that is missing or whose index is broken, which Badger would
//     leave out or die of;
//   - a log with a record that is changed, which Badger would drop together
//     with everything behind it (see checkLog).
//
// It removes log files without a single byte: a process killed between creating
// and sizing one leaves it so, and Badger would not open the directory again.
func inspect(dir string, bo badger.Options) (shape, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return shape{}, err
	}
	manifest, err := readManifest(dir, bo)
	if errors.Is(err, fs.ErrNotExist) {
		err = orphans(entries)
	}
	if err != nil {
		return shape{}, err
	}
	registry := badger.KeyRegistryOptions{Dir: dir, ReadOnly: true}
	if _, err := badger.OpenKeyRegistry(registry); err != nil {
		return shape{}, fmt.Errorf("%w: %s: %w", errDamaged, badger.KeyRegistryFileName, err)
	}
	var s shape
	if s.logs, err = sweepLogs(dir, entries); err != nil {
		return shape{}, err
	}
	s.young, err = young(dir, manifest)
	return s, err
}

// young checks every table and returns the bytes of those in level 0 and in the
// first level below that has any.
func young(dir string, manifest badger.Manifest) (bytes uint64, err error) {
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

// readManifest returns the list of tables.
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

// orphans refuses a directory that holds data but no list of it.
func orphans(entries []fs.DirEntry) error {
	for _, entry := range entries {
		if ext := filepath.Ext(entry.Name()); ext == ".sst" || ext == ".mem" {
			return fmt.Errorf("%w: %s is missing beside %s",
				errDamaged, badger.ManifestFilename, entry.Name())
		}
	}
	return nil
}

// sweepLogs removes empty log files, checks those that a memtable is restored
// from and returns how many there are.
func sweepLogs(dir string, entries []fs.DirEntry) (logs uint64, err error) {
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

// checkTable opens a table the way Badger will and returns its size. It reads
// the index and two blocks. What Badger panics with may hold data, so it is not
// repeated.
func checkTable(path string, c options.CompressionType) (size uint64, err error) {
	name := filepath.Base(path)
	data, unmap, err := mapped(path)
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
