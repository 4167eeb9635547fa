package bench

import (
	"context"
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
	"github.com/paybeacon/paybeacon/pay"
)

const (
	reconnectEntries = 50  // that a wallet has missed
	reconnectRatio   = 1.2 // of the bytes of these
)

// reconnect measures what travels when a wallet comes back that has missed nothing,
// and how much more when it has missed some entries.
func (s *shop) reconnect(ctx context.Context) ([]figure, error) {
	name := s.wallets[1]
	none, err := s.comeBack(ctx, name, 0)
	if err != nil {
		return nil, err
	}
	some, err := s.comeBack(ctx, name, reconnectEntries)
	if err != nil {
		return nil, err
	}
	fact, err := sizeOfTopUp()
	if err != nil {
		return nil, err
	}
	each := (float64(some.PacketBytes) - float64(none.PacketBytes)) / reconnectEntries
	met := each <= reconnectRatio*fact
	return []figure{
		{Name: "S10", What: "packets of a wallet that missed nothing", Value: float64(none.Packets)},
		{Name: "S10", What: "bytes of it, handshake included", Value: float64(none.PacketBytes), Unit: "B"},
		{
			Name: "S10", What: "bytes for each entry that it has missed", Value: each, Unit: "B", Yardstick: fact, Against: "the fact", Ratio: each / fact,
			Target: fmt.Sprintf("<= %gx", reconnectRatio), Met: &met,
		},
	}, nil
}

// comeBack stops a wallet, lets so many things happen to it, starts it again and
// returns what travelled until it knew them.
func (s *shop) comeBack(ctx context.Context, name string, entries int) (c api.Counts, err error) {
	s.Stop(name)
	var balance pay.Amount
	for i := range entries {
		q := api.TopUpRequest{Wallet: name, Amount: shopPrice, Key: pay.IdempotencyKey(newKey())}
		if _, err := node.AskDaemon(ctx, s.dir(shopRegistry), api.VerbTopUp, q); err != nil {
			return c, fmt.Errorf("top up %d: %w", i, err)
		}
	}
	accounts, err := node.AskDaemon(ctx, s.dir(shopRegistry), api.VerbBook, api.Nothing{})
	if err != nil {
		return c, err
	}
	for _, a := range accounts.Value.Items {
		if a.Kind == "wallet" && a.Name == pay.Name(name) {
			balance = a.Balance
		}
	}
	before, err := node.AskDaemon(ctx, s.dir(shopRegistry), api.VerbCounts, api.Nothing{})
	if err != nil {
		return c, err
	}
	if err := s.Again(name, nil); err != nil {
		return c, err
	}
	if err := s.connected(name); err != nil {
		return c, err
	}
	if err := s.Until(name+" knows what it has missed", func() (bool, error) {
		reply, err := node.AskDaemon(ctx, s.dir(name), api.VerbStatus, api.Nothing{})
		return reply.Value.Balance == balance, err
	}); err != nil {
		return c, err
	}
	after, err := node.AskDaemon(ctx, s.dir(shopRegistry), api.VerbCounts, api.Nothing{})
	return after.Value.Minus(before.Value), err
}

// sizeOfTopUp returns the bytes of the fact that a top-up makes.
func sizeOfTopUp() (float64, error) {
	_, key, err := skelKey(skelWorking)
	if err != nil {
		return 0, err
	}
	f, err := pay.Sign(key, pay.TopUp{
		Wallet: pay.Scope("w/" + newKey()), Amount: 100, Currency: "EUR", Key: pay.IdempotencyKey(newKey()), At: 1_800_000_000_000,
	})
	return float64(len(f.Raw())), err
}
