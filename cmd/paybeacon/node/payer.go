package node

import (
	"context"
	"sync"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/wallet"
	"github.com/paybeacon/paybeacon/store"
)

// payer is what a wallet knows and does about its payments. The files beside this
// one add what it does with its devices.
type payer struct {
	base
	peer
	member  datadir.Member
	wallet  *wallet.Wallet
	approve string // the rule by which it answers, as its owner wrote it

	problems problems // why offers cannot be approved
	clocks   deviceClocks
	levels   levelTries
	stale    chan struct{} // all devices are to be refreshed
}

// Scope is the scope of the feed that the wallet reads.
func (n *payer) Scope() pay.Scope { return n.member.Scope }

// Role is the role that decides for the wallet, over its store.
func (n *payer) Role() *wallet.Wallet { return n.wallet }

func (n *payer) pending(ctx context.Context, q api.ListRequest) (api.List[api.Payment], error) {
	var alike [][]api.Warning
	var next pay.PaymentID
	out, err := n.list(ctx, func(v *store.View) (list []wallet.Entry, _ bool, err error) {
		list, next, err = n.wallet.PendingPage(v, n.store.Now(), history.Page{Limit: q.Limit, Before: q.Before})
		if err != nil || len(list) == 0 {
			return list, false, err
		}
		before, _, err := n.wallet.Receipts(v, n.store.Now(), history.Page{Limit: pay.ListMax})
		paid := map[pay.Scope]pay.Name{}
		for _, e := range before {
			if e.Outcome() == pay.OutcomePaid {
				paid[e.Merchant] = e.MerchantName
			}
		}
		for _, e := range list {
			alike = append(alike, lookAlikes(e.Merchant, e.MerchantName, paid))
		}
		return list, false, err
	})
	for i := range out.Items {
		out.Items[i].Warnings = alike[i]
	}
	if !next.IsZero() {
		out.Next = next.String()
	}
	return out, err
}

func (n *payer) receipts(ctx context.Context, q api.ListRequest) (api.List[api.Payment], error) {
	return n.list(ctx, func(v *store.View) ([]wallet.Entry, bool, error) {
		return n.wallet.Receipts(v, n.store.Now(), history.Page{Limit: q.Limit, Before: q.Before})
	})
}

func (n *payer) list(ctx context.Context, read func(v *store.View) (list []wallet.Entry, more bool, err error)) (api.List[api.Payment], error) {
	out := api.List[api.Payment]{Standing: new(n.Standing())}
	err := n.store.View(ctx, func(v *store.View) error {
		list, more, err := read(v)
		for _, e := range list {
			out.Items = append(out.Items, n.paymentObject(e))
		}
		if more {
			out.Next = list[len(list)-1].ID.String()
		}
		return err
	})
	return out, err
}

func (n *payer) entry(ctx context.Context, id string) (wallet.Entry, error) {
	return read(ctx, n.store, func(v *store.View) (wallet.Entry, error) { return n.wallet.Show(v, n.store.Now(), id) })
}

func (n *payer) show(ctx context.Context, q api.PaymentRef) (api.Payment, error) {
	e, err := n.entry(ctx, q.ID)
	if err != nil {
		return api.Payment{}, err
	}
	return n.paymentObject(e), nil
}

// wait answers when the payment has ended, when its time is up without that, or
// when the wait has passed.
func (n *payer) wait(ctx context.Context, q api.WaitRequest) (p api.Payment, err error) {
	id, whole := history.WholeID[pay.PaymentID](q.ID)
	if !whole {
		e, err := n.entry(ctx, q.ID)
		if err != nil {
			return p, err
		}
		id = e.ID
	}
	err = n.await(ctx, q.Wait, id,
		func(v *store.View) (history.Wait, error) { return n.wallet.Look(v, n.store.Now(), id) },
		func(v *store.View) error {
			e, err := n.wallet.Show(v, n.store.Now(), id.String())
			p = n.paymentObject(e)
			return err
		})
	return p, err
}

func (n *payer) receipt(ctx context.Context, q api.PaymentRef) (api.ReceiptFile, error) {
	var out api.ReceiptFile
	err := n.store.View(ctx, func(v *store.View) error {
		id, raw, err := n.wallet.Receipt(v, q.ID)
		out = api.ReceiptFile{ID: id.String(), Receipt: raw}
		return err
	})
	return out, err
}

// paymentObject is paymentOfWallet with what stands in the way of an approval.
func (n *payer) paymentObject(e wallet.Entry) api.Payment {
	p := paymentOfWallet(e)
	if e.State().Final() {
		return p
	}
	if p.Problem = n.problems.of(e.ID); p.Problem == "" && e.Refusal != "" {
		p.Problem = "the registry refused the answer: " + string(e.Refusal)
	}
	return p
}

// problems are why offers cannot be approved, until they can or end.
type problems struct {
	mu  sync.Mutex
	why map[pay.PaymentID]string
}

// problemsMax bounds what is kept in mind. Beyond it nothing is lost but words.
// Chosen: more offers than wait at once.
const problemsMax = 1_000

// note sets or, with a nil error, ends a problem.
func (p *problems) note(id pay.PaymentID, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if err == nil {
		delete(p.why, id)
		return
	}
	if p.why == nil || len(p.why) >= problemsMax {
		p.why = map[pay.PaymentID]string{}
	}
	p.why[id] = err.Error()
}

func (p *problems) of(id pay.PaymentID) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.why[id]
}

// allDevices returns every device that ever paid from this wallet.
func (n *payer) allDevices(ctx context.Context) ([]wallet.Device, error) {
	return read(ctx, n.store, func(v *store.View) ([]wallet.Device, error) { return n.wallet.Devices(v) })
}
