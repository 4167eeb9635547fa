package badgerkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/badger/v4/y"

	"github.com/paybeacon/paybeacon/store/badgerkv/commitlog"
)

// errDamaged means damage that restoring a backup would repair.
var errDamaged = errors.New("the directory is damaged, restore it from a backup")

// manifestVersion is the number that Badger writes into the last two of the
// first eight bytes of MANIFEST; a newer Badger may write a larger one.
const manifestVersion = 8

// A MANIFEST has a number of the application in its fifth and sixth byte, without
// which Badger does not open it. It says what the directory's last commits are in.
const (
	// inBadger: in Badger's own logs, or there are none. So it was with older
	// versions of this program, and so Close leaves it.
	inBadger = 0
	// inLog: in the commit log; Badger's own logs were not flushed and are worthless.
	// Chosen: no single changed byte makes it inBadger.
	inLog = 0x7062

	magicAt = 4
)

// found is what inspect found in a directory.
type found struct {
	shape
	magic uint16             // of the MANIFEST; inLog if there is none yet
	log   *commitlog.Scanned // nil if there is none
	mark  commitlog.Position // of the last commit that is in the tables
	mems  []string           // Badger's own logs of memtables
}

// inspect checks a directory before Badger opens it, under the lock. It refuses,
// with errDamaged unless said otherwise:
//
//   - a directory whose MANIFEST is missing, which Badger would treat as new and
//     empty;
//   - a MANIFEST of another version (another error) or with a wrong checksum;
//   - a MANIFEST whose end is cut off, which Badger would shorten, and then
//     remove the tables that are no longer in it;
//   - a KEYREGISTRY that is cut off or foreign;
//   - a table that is missing or whose index is broken, which Badger would
//     leave out or panic on;
//   - a commit log that is changed, incomplete, missing, or does not continue what
//     the tables have (see package commitlog);
//   - where the commits are in Badger's own logs, one with a changed record, which
//     Badger would drop together with all records after it (see checkLog).
//
// It removes log files of zero bytes, which a process leaves that is killed
// between creating and sizing one, and with which Badger does not open the
// directory. It also returns the errors of the file system.
func inspect(dir string, bo badger.Options) (f found, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return f, err
	}
	manifest, magic, err := readManifest(dir, bo)
	f.magic = magic
	if errors.Is(err, fs.ErrNotExist) {
		f.magic = inLog
		err = refuseOrphans(entries)
	}
	if err != nil {
		return f, err
	}
	registry := badger.KeyRegistryOptions{Dir: dir, ReadOnly: true}
	if _, err := badger.OpenKeyRegistry(registry); err != nil {
		return f, fmt.Errorf("%w: %s: %w", errDamaged, badger.KeyRegistryFileName, err)
	}
	if err := f.readTables(dir, manifest); err != nil {
		return f, err
	}
	if err := f.readLogs(dir, entries, bo.MemTableSize); err != nil {
		return f, err
	}
	if err := f.readCommitLog(dir, manifest.Tables != nil); err != nil {
		return f, damagedLog(err)
	}
	if f.magic == inLog && f.log != nil {
		f.logs = uint64(f.log.Bytes / bo.MemTableSize)
	}
	return f, nil
}

// readCommitLog reads the commit log and holds it against the mark in the tables.
func (f *found) readCommitLog(dir string, begun bool) error {
	log, ok, err := commitlog.Scan(commitlog.Dir(dir))
	switch {
	case err != nil:
		return err
	case !ok && f.magic == inLog && begun:
		return fmt.Errorf("it is missing: %w", commitlog.ErrDamaged)
	case !ok:
		return nil
	case !begun && log.Begin != log.End:
		return fmt.Errorf("%s is missing beside it: %w", badger.ManifestFilename, commitlog.ErrDamaged)
	case f.magic == inBadger && log.End.Number != f.mark.Number:
		return fmt.Errorf("it ends at commit %d and the tables at %d: %w", log.End.Number, f.mark.Number, commitlog.ErrDamaged)
	}
	f.log = log
	return log.Holds(f.mark)
}

// damagedLog returns errDamaged for a damaged commit log, and other errors as they are.
func damagedLog(err error) error {
	if errors.Is(err, commitlog.ErrDamaged) {
		return fmt.Errorf("%w: %w", errDamaged, err)
	}
	return err
}

// readTables checks every table, and finds out their sizes and the mark. It returns
// errDamaged for a bad table.
func (f *found) readTables(dir string, manifest badger.Manifest) error {
	levels := make([]badger.LevelInfo, len(manifest.Levels))
	newest := uint64(0)
	for id, t := range manifest.Tables {
		size, mark, version, err := checkTable(table.NewFilename(id, dir), t.Compression)
		if err == nil && version > newest {
			newest = version
			f.mark, err = decodeMark(mark)
		}
		if err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
		l := &levels[t.Level]
		l.Level, l.Size, l.NumTables = int(t.Level), l.Size+int64(size), l.NumTables+1
	}
	f.shape = shapeOf(levels)
	return nil
}

// readManifest returns the list of tables and the application's number. It returns
// errDamaged for a damaged MANIFEST, another error for one of another version, and
// those of the file system, such as fs.ErrNotExist.
func readManifest(dir string, bo badger.Options) (m badger.Manifest, magic uint16, err error) {
	f, err := os.Open(filepath.Join(dir, badger.ManifestFilename))
	if err != nil {
		return m, 0, err
	}
	defer func() { _ = f.Close() }()
	var head [8]byte
	if _, err := f.ReadAt(head[:], 0); err == nil && string(head[:4]) == "Bdgr" {
		if v := binary.BigEndian.Uint16(head[6:]); v != manifestVersion {
			return m, 0, fmt.Errorf(
				"the directory has format %d and this program reads format %d: use the version that wrote it",
				v, manifestVersion)
		}
		magic = binary.BigEndian.Uint16(head[magicAt:])
	}
	want := uint16(inLog)
	if magic == inBadger {
		want = inBadger
	}
	m, read, err := badger.ReplayManifestFile(f, want, bo)
	if err != nil {
		return m, 0, fmt.Errorf("%w: %w", errDamaged, err)
	}
	info, err := f.Stat()
	if err != nil {
		return m, 0, err
	}
	if read != info.Size() {
		return m, 0, fmt.Errorf("%w: %s can be read up to byte %d of %d", errDamaged, badger.ManifestFilename, read, info.Size())
	}
	return m, magic, nil
}

// setMagic writes the application's number into the MANIFEST, durably. Two bytes of
// one sector are written or not. It returns an error of the file system.
func setMagic(dir string, magic uint16) error {
	f, err := os.OpenFile(filepath.Join(dir, badger.ManifestFilename), os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(binary.BigEndian.AppendUint16(nil, magic), magicAt)
	if err == nil {
		err = f.Sync()
	}
	return errors.Join(err, f.Close())
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

// readLogs removes empty log files, and lists those of memtables. If commits are in
// them, it checks them, and counts how many memtables they fill. It returns
// errDamaged for a changed log, or an error of the file system.
func (f *found) readLogs(dir string, entries []fs.DirEntry, memtable int64) error {
	for _, entry := range entries {
		ext := filepath.Ext(entry.Name())
		if ext != ".mem" && ext != ".vlog" {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		path := filepath.Join(dir, entry.Name())
		if info.Mode().IsRegular() && info.Size() == 0 {
			if err := os.Remove(path); err != nil {
				return err
			}
			continue
		}
		if ext == ".vlog" {
			continue
		}
		f.mems = append(f.mems, path)
		if f.magic == inLog {
			continue
		}
		// Badger makes the file twice as long as the memtable.
		f.logs += uint64(1 + (info.Size()-1)/(2*memtable))
		if err := checkLog(path); err != nil {
			return fmt.Errorf("%w: %w", errDamaged, err)
		}
	}
	return nil
}

// checkTable opens a table as Badger does and returns its size in bytes, and the
// newest value in it of markKey with its version, which is 0 if there is none. It
// reads the index and two or three blocks. It fails with Badger's error, or with one
// of its own for a panic, whose value may contain data and is not shown.
func checkTable(path string, c options.CompressionType) (size uint64, mark []byte, version uint64, err error) {
	name := filepath.Base(path)
	data, unmap, err := mapFile(path)
	if err != nil {
		return 0, nil, 0, fmt.Errorf("read the table %s: %w", name, err)
	}
	defer func() {
		if recover() != nil {
			err = fmt.Errorf("the table %s cannot be read", name)
		}
		if e := unmap(); err == nil && e != nil {
			err = fmt.Errorf("release the table %s: %w", name, e)
		}
	}()
	t, err := table.OpenInMemoryTable(data, 0, &table.Options{
		Compression: c,
		ChkMode:     options.NoVerification,
	})
	if err != nil {
		return 0, nil, 0, fmt.Errorf("read the table %s: %w", name, err)
	}
	if !t.DoesNotHave(y.Hash([]byte(markKey))) {
		it := t.NewIterator(0)
		defer func() { _ = it.Close() }()
		newest := y.KeyWithTs([]byte(markKey), math.MaxUint64)
		if it.Seek(newest); it.Valid() && y.SameKey(newest, it.Key()) {
			mark, version = bytes.Clone(it.Value().Value), y.ParseTs(it.Key())
		}
	}
	return uint64(len(data)), mark, version, nil
}
