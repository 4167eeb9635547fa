package api

// Counts are what the daemon of a node with a store has done since its start, for
// whoever measures what a payment costs. Two answers are subtracted from one another.
type Counts struct {
	V    int    `json:"v"`
	Type string `json:"type"`

	Commits  uint64 `json:"commits"` // of the store's engine
	Flushes  uint64 `json:"flushes"` // write barriers that these waited for
	Rows     uint64 `json:"rows"`    // put or deleted
	RowBytes uint64 `json:"row_bytes"`
	Views    uint64 `json:"views"` // snapshots that were read

	// Packets and PacketBytes went over the connections of a registry, both ways;
	// another node has 0.
	Packets     uint64 `json:"packets"`
	PacketBytes uint64 `json:"packet_bytes"`

	Allocations    uint64 `json:"allocations"` // objects on the heap
	AllocatedBytes uint64 `json:"allocated_bytes"`
}

// Minus returns what was done since an earlier count.
func (c Counts) Minus(o Counts) Counts {
	return Counts{
		c.V, c.Type, c.Commits - o.Commits, c.Flushes - o.Flushes, c.Rows - o.Rows, c.RowBytes - o.RowBytes, c.Views - o.Views,
		c.Packets - o.Packets, c.PacketBytes - o.PacketBytes, c.Allocations - o.Allocations, c.AllocatedBytes - o.AllocatedBytes,
	}
}

// Plus returns what two nodes did, or one in two periods.
func (c Counts) Plus(o Counts) Counts {
	return Counts{
		c.V, c.Type, c.Commits + o.Commits, c.Flushes + o.Flushes, c.Rows + o.Rows, c.RowBytes + o.RowBytes, c.Views + o.Views,
		c.Packets + o.Packets, c.PacketBytes + o.PacketBytes, c.Allocations + o.Allocations, c.AllocatedBytes + o.AllocatedBytes,
	}
}
