package node

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/sync/link"
)

func (n *payer) devices(ctx context.Context, q api.ListRequest) (api.List[api.Device], error) {
	out := api.List[api.Device]{Standing: new(n.Standing())}
	err := n.store.View(ctx, func(v *store.View) error {
		list, more, err := n.wallet.DevicesPage(v, history.Page{Limit: q.Limit, Before: q.Before})
		if more {
			out.Next = list[len(list)-1].ID.String()
		}
		for _, d := range list {
			item := deviceObject(d)
			if item.ClockMessage = n.clockMessage(d); item.ClockMessage != "" {
				item.ClockOff = n.clocks.of(d.ID)
			}
			out.Items = append(out.Items, item)
		}
		return err
	})
	return out, err
}

// clockMessage says that a device's clock was off when it was last heard, or is "".
func (n *payer) clockMessage(d wallet.Device) string {
	off := n.clocks.of(d.ID)
	if off == 0 || d.State == pay.DeviceRevoked {
		return ""
	}
	return fmt.Sprintf("its clock is %s the time, so its codes are not found; it is set right while its link is in reach", spanOf(off))
}

const (
	// pairConnectWait is how long pairing waits for the registry, and pairAnswerWait
	// how long for its answer. Chosen: a person holds the device and waits.
	pairConnectWait = 5 * time.Second
	pairAnswerWait  = 15 * time.Second
	// revokeWait is how long a revocation waits for the registry's answer. Chosen: a
	// person waits; it is queued all the same.
	revokeWait = 10 * time.Second
	// releaseWait bounds the attempt to reach a device that is revoked. Chosen: one
	// that is near answers in much less.
	releaseWait = 3 * time.Second
)

// pair binds a device. The registry must be connected first, so that nothing
// is bound that cannot be registered.
func (n *payer) pair(ctx context.Context, q api.PairRequest) (api.Device, error) {
	pin, known, err := n.pairingSecret(ctx, q)
	if err != nil {
		return api.Device{}, err
	}
	if err := n.refusal(); err != nil {
		return api.Device{}, err
	}
	if err := n.store.View(ctx, func(v *store.View) error { return n.wallet.CheckMeans(v, q.Means) }); err != nil {
		return api.Device{}, err
	}
	connecting, cancel := context.WithTimeout(ctx, pairConnectWait)
	defer cancel()
	if err := n.peer.WaitUp(connecting); err != nil {
		return api.Device{}, pay.NewError(pay.CodeUnreachable, "the registry is not reachable, so nothing was bound", "pair again when `paybeacon wallet status` says registry up")
	}
	root, err := n.member.RootID()
	if err != nil {
		return api.Device{}, err
	}
	name, car, err := api.ParseVehicle(string(q.Vehicle))
	if err != nil {
		return api.Device{}, err
	}
	var d wallet.Device
	_, err = link.Pair(ctx, link.PairOptions{
		Peer: link.Peer{Address: q.Link, Key: n.key, Device: known}, PIN: pin, Known: n.knows(ctx),
		Registry: root, Resolver: n.member.Resolver, Type: q.Type,
		Keep: func(p link.Paired) (err error) { // durably, before the device may forget its PIN
			d, err = commit(ctx, n.store, func(tx *store.Tx) (wallet.Device, pay.Reaction, error) {
				return n.wallet.Map(tx, tx.Now(), wallet.Pairing{Bind: p.Bind, Vehicle: name, Car: car, Means: q.Means, Link: q.Link})
			})
			return err
		},
	})
	if err != nil {
		return api.Device{}, err
	}
	return n.awaitDevice(ctx, d, pairAnswerWait, func(d wallet.Device) bool { return d.State != pay.DevicePending })
}

// pairingSecret returns what a device can be known by: the PIN that it shows or,
// without one, its key, when it was paired with this wallet at that address
// before.
func (n *payer) pairingSecret(ctx context.Context, q api.PairRequest) (pin pay.PIN, known pay.DeviceID, err error) {
	if q.Device != "" {
		if known, err = pay.ParseNodeID(q.Device); err != nil {
			return pin, known, pay.Wrap(err, pay.CodeUsage, "read the device's id", "give the 64 digits that its QR code holds")
		}
	}
	if q.PIN != "" {
		pin, err = pay.ParsePIN(q.PIN)
		return pin, known, err
	}
	err = n.store.View(ctx, func(v *store.View) error {
		devices, err := n.wallet.Devices(v)
		for _, d := range devices {
			if d.Link == q.Link {
				known = d.ID
			}
		}
		return err
	})
	if err == nil && known.IsZero() {
		err = pay.NewError(pay.CodeUsage, "--pin is missing", "give the PIN that the device shows; only a device paired at this address before needs none")
	}
	return pin, known, err
}

// knows reports whether this wallet has ever held a device's bind: such a device
// may be bound to its key still, whatever the registry says of it by now.
func (n *payer) knows(ctx context.Context) func(pay.DeviceID) bool {
	return func(id pay.DeviceID) bool {
		return n.store.View(ctx, func(v *store.View) error {
			_, err := n.wallet.Device(v, id.String())
			return err
		}) == nil
	}
}

// revoke ends a device's binding. Only a registry that will never take anything from
// this wallet again keeps it from being asked for.
func (n *payer) revoke(ctx context.Context, q api.DeviceRef) (api.Device, error) {
	if s := n.Standing(); s.Registry == api.RegistryRefused && pay.ExitOf(s.Code) == pay.ExitNotAllowed {
		return api.Device{}, s.Refusal()
	}
	d, err := commit(ctx, n.store, func(tx *store.Tx) (wallet.Device, pay.Reaction, error) {
		return n.wallet.RevokeDevice(tx, tx.Now(), q.ID)
	})
	if err != nil {
		return api.Device{}, err
	}
	n.release(ctx, d)
	return n.awaitDevice(ctx, d, revokeWait, func(d wallet.Device) bool { return !d.Revoking })
}

// release tells a device that it is free, if it can be reached: it then shows a
// new PIN. The revocation does not depend on it.
func (n *payer) release(ctx context.Context, d wallet.Device) {
	if d.Link == "" {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, releaseWait)
	defer cancel()
	if err := link.Release(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}); err != nil {
		n.Log.Info("the device was not reached; it stays silent towards others until it is", "device", d.ID.Short(), "error", err)
	}
}

// awaitDevice answers when the registry has spoken about a device, or with the
// device as it is when the wait has passed.
func (n *payer) awaitDevice(ctx context.Context, d wallet.Device, wait time.Duration, enough func(wallet.Device) bool) (api.Device, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	err := n.Watch(waiting, func() (bool, error) {
		err := n.store.View(ctx, func(v *store.View) (err error) {
			d, err = n.wallet.Device(v, d.ID.String())
			return err
		})
		return enough(d), err
	})
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return api.Device{}, err
	}
	return deviceObject(d), nil
}

// moveDevice notes where a device's link is now. Another device there is
// refused; one that cannot be reached is taken at its owner's word, because
// nothing is ever said to a device that does not prove its key.
func (n *payer) moveDevice(ctx context.Context, q api.MoveRequest) (api.Device, error) {
	d, err := read(ctx, n.store, func(v *store.View) (wallet.Device, error) { return n.wallet.Device(v, q.ID) })
	if err != nil {
		return api.Device{}, err
	}
	reached := link.Reach(ctx, link.Peer{Address: q.Link, Key: n.key, Device: d.ID})
	if reached != nil && pay.CodeOf(reached) != pay.CodeUnreachable {
		return api.Device{}, reached
	}
	err = n.store.Do(ctx, func(tx *store.Tx) (err error) {
		d, err = n.wallet.MoveDevice(tx, d.ID, q.Link)
		return err
	})
	if err != nil {
		return api.Device{}, err
	}
	ok := reached == nil
	if ok { // so that the registry can tell a wallet that takes this one's place
		if err := n.hear(ctx, d, true); err != nil {
			n.Log.Info("the device was reached and not refreshed; it is tried again later", "device", d.ID.Short(), "error", err)
		}
	}
	out := deviceObject(d)
	out.Reachable = &ok
	return out, nil
}

// tryLink returns whether a device answers at the address that the wallet has of it.
func (n *payer) tryLink(ctx context.Context, d wallet.Device) api.Link {
	out := api.Link{Device: d.ID.String(), Link: d.Link, Clock: n.clockMessage(d)}
	if d.Link == "" {
		out.Error, out.Hint = "this wallet does not know where its link is", moveHint(d)
		return out
	}
	ctx, cancel := context.WithTimeout(ctx, linkTryWait)
	defer cancel()
	if err := link.Reach(ctx, link.Peer{Address: d.Link, Key: n.key, Device: d.ID}); err != nil {
		out.Error = api.Describe(err).Message
		if errors.Is(err, context.DeadlineExceeded) {
			out.Error = "the device at " + d.Link + " does not answer"
		}
		out.Hint = "bring the device within reach, or say where it is now: " + moveHint(d)
	}
	return out
}

// linkTryWait bounds the attempt to reach one device. Chosen: a device of this
// network answers in much less.
const linkTryWait = 2 * time.Second

func moveHint(d wallet.Device) string {
	return "paybeacon wallet devices --id " + d.ID.Short() + " --link HOST:PORT"
}
