package node

import (
	"context"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/sync/quicnet"
)

// Reach is how large the datagrams are that get through to a registry.
type Reach = quicnet.Reach

// MeasurePath finds out how large the datagrams are that get through to the
// registry at server. It returns a zero Reach where nothing answers, such as for an
// address that leads nowhere.
func MeasurePath(ctx context.Context, server string) Reach {
	reach, err := quicnet.Measure(ctx, server)
	if err != nil {
		return Reach{}
	}
	return reach
}

// explainPath returns why no connection to server came about where err says no
// more than that: the path may carry no datagram that is large enough.
func explainPath(ctx context.Context, server string, err error) error {
	if pay.CodeOf(err) != pay.CodeUnreachable {
		return err
	}
	if narrow := MeasurePath(ctx, server).Err(server); narrow != nil {
		return narrow
	}
	return err
}
