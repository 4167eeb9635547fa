package badgerkv

import "github.com/dgraph-io/badger/v4"

// OlderOptions are those with which a version of this program without a commit log
// opened a directory.
func OlderOptions(dir string, busy bool) badger.Options {
	return badgerOptions(dir, Options{Busy: busy}).
		WithSyncWrites(true).WithExternalMagic(inBadger).WithBypassLockGuard(true)
}
