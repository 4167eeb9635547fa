package node

import (
	"context"
	"errors"

	"golang.org/x/sync/errgroup"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/sync/link"
)

// A till calls a device by words that are made from the code on the air. Only the
// device knows which code that is; its wallet asks it over the link and makes the same
// words, so that the payer can say them. Nothing is asked unless a person asks.

// wordsAtOnce is how many devices are asked at the same time. Chosen: one that is out
// of reach takes two seconds, and few people have more than these.
const wordsAtOnce = 8

// words asks each device of this wallet what it is called now.
func (n *payer) words(ctx context.Context, _ api.Nothing) (api.List[api.Words], error) {
	devices, err := n.allDevices(ctx)
	if err != nil {
		return api.List[api.Words]{}, err
	}
	out := api.List[api.Words]{Standing: new(n.Standing())}
	var mine []wallet.Device
	for _, d := range devices {
		if d.State == pay.DeviceActive || d.Refreshing {
			mine = append(mine, d)
		}
	}
	out.Items = make([]api.Words, len(mine))
	var asking errgroup.Group
	asking.SetLimit(wordsAtOnce)
	for i, d := range mine {
		asking.Go(func() error {
			out.Items[i] = n.wordsOf(ctx, d)
			return nil
		})
	}
	_ = asking.Wait() // none of them fails
	return out, ctx.Err()
}

// wordsOf asks one device what it is called now, or returns why it could not.
func (n *payer) wordsOf(ctx context.Context, d wallet.Device) api.Words {
	w := api.Words{V: 1, Type: "words", Device: d.ID.String(), Kind: d.Type}
	if d.Link == "" {
		w.Code, w.Message, w.Hint = pay.CodeDevice, "this wallet does not know where its link is", "say where: "+moveHint(d)
		return w
	}
	ctx, cancel := context.WithTimeout(ctx, linkTryWait)
	defer cancel()
	var code pay.Code
	err := n.withDevice(ctx, d, func() (err error) {
		code, w.Stays, err = link.OnAir(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID})
		return err
	})
	if err != nil {
		e := api.Describe(err)
		w.Code, w.Message, w.Hint = e.Code, e.Message, e.Hint
		if pay.CodeOf(err) == pay.CodeUnreachable || errors.Is(err, context.DeadlineExceeded) {
			w.Code, w.Message = pay.CodeUnreachable, "it is out of reach"
			w.Hint = "bring the device within reach, or say where it is now: " + moveHint(d)
		}
		return w
	}
	w.Handle, w.Three = pay.HandleFor(code, 0), pay.HandleFor(code, 1)
	w.Until = n.store.Now().Add(w.Stays).String()
	return w
}
