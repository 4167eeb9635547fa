package link

import (
	"context"
)

// Statement is the registry's statement that a wallet was replaced, and the
// authority that it was signed under: the raw facts.
type Statement struct{ Authority, Replaced []byte }

// Succeed shows a device by which statements, oldest first, this wallet has taken
// the place of the one that the device is bound to. p.Device must be set. It returns
// nil once the device has heard them all; whether they led to this wallet shows in
// what it answers next. Otherwise it returns the error of ctx if ctx ended, or a
// *pay.Error: CodeUsage for a p without device; CodeUnreachable; CodeNotTrusted if
// another device answers; CodePIN if it is unpaired; CodeFailed if it does not
// understand, as devices of older versions do not.
func Succeed(ctx context.Context, p Peer, chain []Statement) error {
	return withDevice(ctx, p, "take over", func(c *client) error {
		for _, s := range chain {
			if _, err := request[done](c, succeed(s)); err != nil {
				return err
			}
		}
		return nil
	})
}
