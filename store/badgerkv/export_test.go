package badgerkv

import "github.com/dgraph-io/badger/v4"

// OlderOptions are those with which a version of this program without a commit log
// opened a directory.
func OlderOptions(dir string, busy bool) badger.Options {
	return badgerOptions(dir, Options{Busy: busy}).
		WithSyncWrites(true).WithExternalMagic(inBadger).WithBypassLockGuard(true)
}

// Gathering returns options with which so many bytes are gathered before Badger gets
// them. With 1, each Update but the first passes on what the one before it wrote.
func Gathering(o Options, bytes int) Options {
	o.gather = bytes
	return o
}

// Small returns options with memtables of 512 KiB, so that tables are written often, for
// values of at most 50,000 bytes.
func Small(o Options) Options {
	o.tune = func(bo badger.Options) badger.Options {
		return bo.WithMemTableSize(512 << 10).WithValueThreshold(50_001)
	}
	return o
}

// Settle waits for the transfer that runs and for what is being merged. No Update may run
// meanwhile.
func (e *Engine) Settle() {
	e.passing.Wait()
	e.beside.Wait()
}

// Levels returns Badger's levels.
func (e *Engine) Levels() []badger.LevelInfo { return e.db.Levels() }
