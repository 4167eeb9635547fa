#!/usr/bin/env bash
# Guess: MemTableSize is a matter of memory alone. A directory that a killed process left may be opened with a
#   smaller one: the log is replayed into as many memtables as it takes, or Open returns an error.
# What happens: badger v4.9.6 replays each memtable's log into one memtable of the size given now. A log that is
#   larger ends the process in the middle of Open, "Arena too small", by log.Fatal: no error, and no panic that
#   could be recovered. With the size that it was written with the directory opens, and nothing is missing. After
#   a Close there are no logs, and any size will do.
# Why it matters here: a registry is started with --busy (64 MiB) or without (16 MiB), and may be killed under
#   either. So Badger's own logs are never replayed after a crash: the commits come from a log of our own, and
#   Badger's are removed. A directory of a version without that log is opened once with the large size, and closed.
# Package: github.com/dgraph-io/badger/v4 v4.9.6 (Go)
set -euo pipefail

command -v go >/dev/null || { echo "missing tool: go (1.26 or later)" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
export GOMODCACHE=$work/mod GOFLAGS="-mod=mod -modcacherw" GOWORK=off

cat >go.mod <<'MOD'
module memtable

go 1.26

require github.com/dgraph-io/badger/v4 v4.9.6
MOD
cat >main.go <<'GO'
package main

import (
	"fmt"
	"os"
	"strconv"

	badger "github.com/dgraph-io/badger/v4"
)

const rows = 24 << 10 // of 1 KiB

func main() {
	mib, err := strconv.ParseInt(os.Args[3], 10, 64)
	if err != nil {
		panic(err)
	}
	defer func() {
		if r := recover(); r != nil {
			fmt.Println("recovered:", r)
		}
	}()
	db, err := badger.Open(badger.DefaultOptions(os.Args[2]).WithMemTableSize(mib << 20).WithLogger(nil))
	if err != nil {
		fmt.Println("an error:", err)
		return
	}
	switch os.Args[1] {
	case "write":
		for n := range rows {
			err := db.Update(func(txn *badger.Txn) error {
				return txn.Set(fmt.Appendf(nil, "%08d", n), make([]byte, 1024))
			})
			if err != nil {
				panic(err)
			}
		}
		os.Exit(0) // as when it is killed: without Close
	case "count":
		n := 0
		_ = db.View(func(txn *badger.Txn) error {
			it := txn.NewIterator(badger.DefaultIteratorOptions)
			defer it.Close()
			for it.Rewind(); it.Valid(); it.Next() {
				n++
			}
			return nil
		})
		fmt.Println("rows", n)
		if err := db.Close(); err != nil {
			panic(err)
		}
	}
}
GO
go mod download github.com/dgraph-io/badger/v4@v4.9.6 >go.log 2>&1 ||
  { echo "cannot fetch badger v4.9.6:" >&2; tail -n 5 go.log >&2; exit 2; }
go build -o memtable . >go.log 2>&1 || { echo "cannot build:" >&2; tail -n 5 go.log >&2; exit 2; }

see() { # what, command, directory, MiB
  local status=0
  timeout 120 ./memtable "$2" "$3" "$4" >out.txt 2>&1 || status=$?
  echo "$1 | exit $status | $(sed -n 's/.*\(Arena too small\).*/\1/p; /^rows/p; /^recovered/p; /^an error/p' out.txt)"
}
{
  see "64 MiB, killed" write a 64
  cp -r a b
  see "opened with 16 MiB" count a 16
  see "opened with 64 MiB" count b 64
  see "closed, then 16 MiB" count b 16
} >seen.txt
cat seen.txt

cat >expected.txt <<'TXT'
64 MiB, killed | exit 0 | 
opened with 16 MiB | exit 1 | Arena too small
opened with 64 MiB | exit 0 | rows 24576
closed, then 16 MiB | exit 0 | rows 24576
TXT
diff -u expected.txt seen.txt || { echo "changed: a smaller memtable is not as written down" >&2; exit 1; }
echo "as written down: a log that is larger than the memtable ends the process"
