package node

import (
	"context"
	"runtime/metrics"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
)

// counts is what this process has done in its store and on its heap.
func (b *base) counts(context.Context, api.Nothing) (api.Counts, error) {
	done := b.engine.Counts()
	heap := []metrics.Sample{{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/tiny/allocs:objects"}, {Name: "/gc/heap/allocs:bytes"}}
	metrics.Read(heap)
	return api.Counts{
		V: 1, Type: "counts", Commits: done.Commits, Flushes: done.Flushes, Rows: done.Rows, RowBytes: done.Bytes, Views: done.Views,
		Allocations: heap[0].Value.Uint64() + heap[1].Value.Uint64(), AllocatedBytes: heap[2].Value.Uint64(),
	}, nil
}

// counts adds what went over the registry's connections.
func (n *Registry) counts(ctx context.Context, q api.Nothing) (api.Counts, error) {
	c, err := n.base.counts(ctx, q)
	if n.listener != nil {
		t := n.listener.Traffic()
		c.Packets, c.PacketBytes = t.PacketsSent+t.PacketsReceived, t.BytesSent+t.BytesReceived
	}
	return c, err
}
