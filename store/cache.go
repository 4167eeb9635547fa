package store

import (
	"bytes"
	"fmt"
	"sync"

	"github.com/paybeacon/paybeacon/pay"
)

// factCache spares reading the same fact's form again and again. It is only
// asked for bytes that were just read from the engine, so it cannot show a fact
// that is not stored. Two generations stand in for recency: when the young one
// is full it becomes the old one, and what was not asked for since is dropped.
type factCache struct {
	size int // facts in each generation

	mu         sync.Mutex
	young, old map[pay.FactID]pay.Fact
}

func newFactCache(size int) *factCache {
	return &factCache{size: size, young: make(map[pay.FactID]pay.Fact)}
}

// open returns the fact with these bytes, or an error that wraps ErrDamaged
// when they are not the fact id.
func (c *factCache) open(id pay.FactID, raw []byte) (pay.Fact, error) {
	if f, ok := c.find(id); ok && bytes.Equal(f.Raw(), raw) {
		return f, nil
	}
	f, err := openFact(id, raw)
	if err != nil {
		return f, err
	}
	c.add(f)
	return f, nil
}

// openFact returns the fact with these bytes, or an error that wraps ErrDamaged when
// they are not the fact id.
func openFact(id pay.FactID, raw []byte) (pay.Fact, error) {
	f, err := pay.Parse(raw)
	if err != nil {
		return f, fmt.Errorf("open fact %s: %w: %w", id, err, ErrDamaged)
	}
	if f.ID() != id {
		return pay.Fact{}, fmt.Errorf("open fact %s: the bytes are fact %s: %w", id, f.ID(), ErrDamaged)
	}
	return f, nil
}

func (c *factCache) find(id pay.FactID) (f pay.Fact, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if f, ok = c.young[id]; ok {
		return f, true
	}
	if f, ok = c.old[id]; ok {
		c.insert(f)
	}
	return f, ok
}

func (c *factCache) add(f pay.Fact) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.insert(f)
}

func (c *factCache) insert(f pay.Fact) {
	if len(c.young) >= c.size {
		c.old, c.young = c.young, make(map[pay.FactID]pay.Fact, c.size)
	}
	c.young[f.ID()] = f
}
