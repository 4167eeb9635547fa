package kv

import "sync/atomic"

// Counts are what an engine has done since it was opened.
type Counts struct {
	Commits uint64 // Updates that wrote something
	Flushes uint64 // write barriers that their callers waited for
	Rows    uint64 // keys that were put or deleted
	Bytes   uint64 // of these keys and their values
	Views   uint64
}

// Minus returns what was done since an earlier count.
func (c Counts) Minus(earlier Counts) Counts {
	return Counts{c.Commits - earlier.Commits, c.Flushes - earlier.Flushes, c.Rows - earlier.Rows, c.Bytes - earlier.Bytes, c.Views - earlier.Views}
}

// Counter counts for an engine. Its zero value has counted nothing. It is safe for
// concurrent use.
type Counter struct{ commits, flushes, rows, bytes, views atomic.Uint64 }

// Commit notes that the writes in o were committed, for which the caller waited for
// that many write barriers.
func (c *Counter) Commit(o *Overlay, flushes uint64) {
	c.commits.Add(1)
	c.flushes.Add(flushes)
	c.rows.Add(uint64(o.Len()))
	c.bytes.Add(uint64(o.Size()))
}

// View notes a View.
func (c *Counter) View() { c.views.Add(1) }

// Counts returns what was counted so far.
func (c *Counter) Counts() Counts {
	return Counts{c.commits.Load(), c.flushes.Load(), c.rows.Load(), c.bytes.Load(), c.views.Load()}
}
