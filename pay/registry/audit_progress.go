package registry

import (
	"context"
	"encoding/binary"

	"github.com/paybeacon/paybeacon/pay"
)

// The shares of the work that are done when all facts have been read, and when all
// payments have been checked. Chosen: as measured with many thousand payments.
const (
	shareFacts    = 0.25
	sharePayments = 0.9
	shareStep     = 0.001 // what is told at a time
)

// within returns the share of the work that is done at an id, while the work from
// one share to another goes through ids in their order. Ids are evenly spread.
func (*auditor) within(from, to float64, id [32]byte) float64 {
	return from + (to-from)*float64(binary.BigEndian.Uint32(id[:]))/(1<<32)
}

// at tells how far the audit is, when that is more than was told last, and lets
// others go first.
func (a *auditor) at(share float64) {
	a.pause()
	if a.Progress == nil || share < min(1, a.share+shareStep) || share <= a.share {
		return
	}
	a.share = share
	a.Progress(share, a.out.Payments)
}

// pause lets others go first.
func (a *auditor) pause() {
	if a.Pause != nil {
		a.Pause()
	}
}

// pausingRows are the rows of an audit, which let others go first between one row and
// the next, and end with their context.
type pausingRows struct {
	pay.Rows
	ctx   context.Context //nolint:containedctx // for as long as one audit
	pause func()
}

// Scan is that of the rows below, or returns the error of the context.
func (r *pausingRows) Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error {
	err := r.Rows.Scan(from, to, limit, func(key, value []byte) bool {
		r.pause()
		return r.ctx.Err() == nil && fn(key, value)
	})
	if err == nil {
		err = r.ctx.Err()
	}
	return err
}

// tellingRows are all rows of an audit, which tell how far it is when they are read
// from the first to the last.
type tellingRows struct {
	pay.Rows
	a *auditor
}

// Scan is that of the rows below.
func (r *tellingRows) Scan(from, to []byte, limit int, fn func(key, value []byte) (more bool)) error {
	return r.Rows.Scan(from, to, limit, func(key, value []byte) bool {
		r.a.at(r.a.within(sharePayments, 1, keyPlace(key)))
		return fn(key, value)
	})
}

// keyPlace spreads keys, which begin with a letter and mostly go on with an id, over
// ids in their order.
func keyPlace(key []byte) (id [32]byte) {
	const letters = 'z' - 'a' + 1
	place := uint64(0)
	if len(key) > 0 {
		place = uint64(min(max(key[0], 'a'), 'z')-'a') << 32
	}
	if len(key) > 6 {
		place += uint64(binary.BigEndian.Uint32(key[2:]))
	}
	binary.BigEndian.PutUint32(id[:], uint32(place/letters))
	return id
}
