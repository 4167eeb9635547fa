// Package kv is the interface between the store and a key-value engine.
//
// The store needs little from an engine: ordered keys, one consistent snapshot
// to read from, and a transaction that is durable once Update returns. Further
// abilities of an engine are optional interfaces, which are added together with
// that engine. Package kvtest tests the contract; every engine runs it.
//
// Keys and values passed to a callback are valid only until it returns, and
// neither side changes the other's bytes: engines and callers copy what they
// keep, but for what Get returns.
//
// # Guarantee
//
// An Update is atomic and isolated: its writes appear to all later transactions
// or to none, and every key that it read with Get is unchanged when they do. Once
// it has returned nil, its writes are durable. A View reads one state between two
// Updates.
package kv

import (
	"context"
	"errors"
)

// ErrUnknown means that an Update may or may not have been committed, for
// example because the connection to a remote engine broke during the commit.
// The caller repeats the command; ids make that safe.
var ErrUnknown = errors.New("kv: outcome of the commit is unknown")

// ErrClosed means that the engine was closed.
var ErrClosed = errors.New("kv: engine is closed")

// ErrNoMemory means that the engine cannot be opened because the process may not have
// the memory for it.
var ErrNoMemory = errors.New("kv: too little memory")

// ErrNoSpace means that the engine refuses to write because its disk is nearly
// full. Nothing was written. Reading still works.
var ErrNoSpace = errors.New("kv: too little free disk space")

// ErrTooBig means that a key, a value or a whole transaction is larger than the
// engine can commit at once. The transaction has failed: Update returns ErrTooBig
// even if its function ignores the error, and nothing was written. A caller that
// joined several commands runs Update again with fewer of them.
var ErrTooBig = errors.New("kv: transaction is too big")

// ErrEnded means that a Reader or Tx was used after the function that it was
// passed to had returned. It is always a mistake of the caller.
var ErrEnded = errors.New("kv: transaction has ended")

// Reader reads from one consistent snapshot.
type Reader interface {
	// Get returns the value at key and whether there is one. The caller may keep
	// the value and must not change it: the engine may hold the same bytes, which
	// it never changes either. For an empty value it returns a non-nil slice and
	// true. It fails with ErrEnded after the transaction, or with an error of the
	// engine.
	Get(key []byte) (value []byte, ok bool, err error)

	// Scan calls fn for each key in [from, to) in ascending byte order, at
	// most limit times (limit <= 0: no limit), until fn returns false. A nil
	// to means the end of the key space. fn must not keep key or value. Scan
	// fails with ErrEnded after the transaction, or with an error of the engine.
	Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error
}

// Tx is a Reader that sees its own writes. Every key read with Get is
// unchanged at commit, or the function given to Update runs again.
type Tx interface {
	Reader
	// Put stores value at key. The engine copies both. It fails with ErrEnded
	// after the transaction, with ErrTooBig, or with an error of the engine.
	Put(key, value []byte) error
	// Delete removes key. A missing key is no error. It fails as Put does.
	Delete(key []byte) error
}

// Engine is an ordered, durable key-value store.
type Engine interface {
	// View runs fn on a snapshot and returns its error unchanged. It may run at
	// the same time as other Views and an Update, whose writes it does not see. It
	// fails with ErrClosed, or with the context's error if ctx has ended before.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in a transaction and returns nil when its writes are durable.
	// When fn returns an error, nothing is written and Update returns that error
	// unchanged. fn may run more than once. Update fails with ErrClosed, with the
	// context's error if ctx ends before fn runs, with ErrNoSpace or ErrTooBig,
	// when nothing was written, and with ErrUnknown.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for running transactions and releases the engine. A second
	// Close does nothing and returns the same. View and Update afterwards return
	// ErrClosed. It returns the engine's error if data could not be written out.
	Close() error
}
