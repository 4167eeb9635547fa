// Package kv is the seam between the store and a key-value engine.
//
// The store needs little from an engine: ordered keys, one consistent snapshot
// to read from, and a transaction that is durable once Update returns. Whatever
// more an engine can do is an optional interface added together with that
// engine. The contract is kept by package kvtest, which every engine runs.
//
// Keys and values handed to a callback are valid only until it returns, and
// neither side changes the other's bytes: an engine copies what it keeps, a
// caller copies what it wants to keep.
package kv

import (
	"context"
	"errors"
)

// ErrUnknown says that an Update may or may not have been committed, for
// example because the connection to a remote engine broke during the commit.
// The caller repeats the command; ids make that safe.
var ErrUnknown = errors.New("kv: outcome of the commit is unknown")

// ErrClosed says that the engine was closed.
var ErrClosed = errors.New("kv: engine is closed")

// ErrNoSpace says that the engine refuses to write because its disk is nearly
// full. Nothing was written. Reading still works.
var ErrNoSpace = errors.New("kv: too little free disk space")

// Reader reads from one consistent snapshot.
type Reader interface {
	// Get returns a copy of the value at key and whether there is one. An
	// empty value is a value: it comes back as non-nil and true.
	Get(key []byte) (value []byte, ok bool, err error)

	// Scan calls fn for each key in [from, to) in ascending byte order, at
	// most limit times (limit <= 0: no limit), until fn returns false. A nil
	// to means the end of the key space. fn must not keep key or value.
	Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error
}

// Tx is a Reader that sees its own writes. Every key read with Get is
// unchanged at commit, or the function given to Update runs again.
type Tx interface {
	Reader
	// Put stores value at key. The engine copies both.
	Put(key, value []byte) error
	// Delete removes key; a key that is not there is no error.
	Delete(key []byte) error
}

// Engine is an ordered, durable key-value store.
type Engine interface {
	// View runs fn on a snapshot. It may run beside any number of other Views
	// and beside an Update, whose writes it does not see.
	View(ctx context.Context, fn func(Reader) error) error

	// Update runs fn in a transaction and returns when its writes are durable.
	// When fn returns an error, nothing is written and Update returns that
	// error as it is. fn may run more than once.
	Update(ctx context.Context, fn func(Tx) error) error

	// Close waits for running transactions and releases the engine. A second
	// Close does nothing. View and Update afterwards return ErrClosed.
	Close() error
}
