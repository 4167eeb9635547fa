package node

import (
	"context"
	"crypto/rand"
	"runtime"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/pay/sigbatch"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/badgerkv"
)

// auditOptions say what is audited, and whom it tells how far it is.
type auditOptions struct {
	engine    *badgerkv.Engine
	store     *store.Store
	role      *registry.Registry
	working   pay.PublicKey // the registry's working key
	authority pay.Authority
	full      bool   // reads everything, whatever is remembered
	writes    bool   // remembers for the next audit
	workers   int    // goroutines that verify signatures
	pause     func() // lets others go first; nil where there are none
	tell      api.Tell
}

// storeAuditShare is the share of the work that is done when the store has been
// checked. Chosen: as measured with many thousand payments.
const storeAuditShare = 0.65

// audit carries on from the last good audit where it can. Else it checks the store byte
// by byte (every table, fact, signature, chain and digest) and then recomputes from the
// facts what the registry believes. Its memory does not grow with the payments. It
// returns an error only when ctx has ended.
func audit(ctx context.Context, o auditOptions) (api.Audit, error) {
	w := &auditWatch{tell: o.tell}
	out := api.Audit{V: 1, Type: "audit", Full: true, Findings: []string{}}
	w.progress("tables", 0, 0)
	var good *registry.Good
	err := o.engine.Verify(ctx)
	if err != nil {
		out, err = damaged(ctx, out, w, err)
		o.remember(ctx, nil, &out)
		return out, err
	}
	err = o.store.View(ctx, func(v *store.View) error {
		carried, from, why, err := o.carryOn(ctx, v)
		if err != nil {
			return err
		}
		if why == "" {
			out, good = carried, from
			return nil
		}
		out.Why = why
		good, err = o.all(ctx, v, &out, w)
		return err
	})
	if err != nil {
		good = nil
		out, err = damaged(ctx, out, w, err)
	} else {
		w.progress("payments", 1, out.Payments)
	}
	if err == nil {
		o.remember(ctx, good, &out)
	}
	return out, err
}

// all verifies the whole store and recomputes everything. Nothing is recomputed from a
// store that is damaged.
func (o auditOptions) all(ctx context.Context, v *store.View, out *api.Audit, w *auditWatch) (*registry.Good, error) {
	keys, err := o.keys(v)
	if err != nil {
		return nil, err
	}
	verify := o.verify(keys)
	verify.Progress = func(share float64) { w.progress("store", storeAuditShare*share, 0) }
	verify.Found = w.finding
	findings, err := v.Verify(ctx, verify)
	out.Findings = append(out.Findings, findings...)
	if err != nil || len(findings) > 0 {
		return nil, err
	}
	return o.recompute(ctx, v, keys, out, w)
}

// verify says how facts are verified, by the keys of all who may have signed one.
func (o auditOptions) verify(keys map[pay.NodeID]pay.PublicKey) store.VerifyOptions {
	return store.VerifyOptions{
		Key: func(f pay.Fact) (pay.PublicKey, bool) {
			key, ok := keys[f.Signer()]
			return key, ok
		},
		Signatures: o.signatures,
		Workers:    o.workers,
		Pause:      o.pause,
	}
}

// damaged adds what cannot be read to the findings: it is damage, too. It returns an
// error when ctx has ended instead.
func damaged(ctx context.Context, out api.Audit, w *auditWatch, err error) (api.Audit, error) {
	if ctx.Err() != nil {
		return api.Audit{}, ctx.Err()
	}
	w.finding(err.Error())
	out.OK, out.Findings = false, append(out.Findings, err.Error())
	w.progress("payments", 1, out.Payments)
	return out, nil
}

// signatures returns what verifies many facts together, for one goroutine.
func (o auditOptions) signatures() func(facts []pay.Fact, keys []pay.PublicKey) (wrong []int) {
	together := sigbatch.New(rand.Reader, o.pause)
	return func(facts []pay.Fact, keys []pay.PublicKey) (wrong []int) {
		all := make([]sigbatch.Signature, len(facts))
		for i, f := range facts {
			if keys[i].ID() == f.Signer() { // else no signature stands here, and none is right
				message, sig := f.Signed()
				all[i] = sigbatch.Signature{Key: keys[i], Message: message, Sig: sig}
			}
		}
		return together.Wrong(all)
	}
}

// recompute has the role compare its rows with the facts of a store that was
// verified with these keys, and adds what is set aside.
func (o auditOptions) recompute(ctx context.Context, v *store.View, keys map[pay.NodeID]pay.PublicKey, out *api.Audit, w *auditWatch) (*registry.Good, error) {
	found, err := o.role.AuditWith(ctx, v, registry.AuditOptions{
		Verified: func(signer pay.NodeID) bool {
			_, ok := keys[signer]
			return ok
		},
		Progress: func(share float64, payments int) {
			w.progress("payments", storeAuditShare+(1-storeAuditShare)*share, payments)
		},
		Found: w.finding,
		Pause: o.pause,
	})
	if err != nil {
		return nil, err
	}
	why := out.Why
	*out = auditObject(found)
	out.Full, out.Why, out.PaymentsRead = true, why, found.Payments
	if !found.OK {
		return nil, nil // what is damaged cannot be relied on
	}
	return o.finish(ctx, v, out, found, covered{})
}

// auditObject is what a role found, as scripts read it.
func auditObject(r registry.AuditResult) api.Audit {
	return api.Audit{
		V: 1, Type: "audit", OK: r.OK, Payments: r.Payments, Imbalance: r.Imbalance, Duplicates: r.Duplicates,
		Findings: append([]string{}, r.Findings...),
	}
}

// How an audit takes turns with a registry that runs. Chosen: a payment that comes in
// the middle of a turn waits for a small part of its own time; while payments come,
// the audit has a quarter of one core, and else nearly all of it.
const (
	auditTurn = time.Millisecond
	auditRest = 3 * time.Millisecond
)

// takingTurns returns a pause that rests after each turn in which changed received
// something.
func takingTurns(changed <-chan struct{}) (pause func()) {
	begun := time.Now()
	return func() {
		if time.Since(begun) < auditTurn {
			return
		}
		select {
		case <-changed:
			<-time.After(auditRest)
		default:
			runtime.Gosched()
		}
		begun = time.Now()
	}
}

// auditWatch tells how far an audit is.
type auditWatch struct {
	tell     api.Tell
	findings int
	share    float64
}

// progress tells a share, where it has grown.
func (w *auditWatch) progress(stage string, share float64, payments int) {
	if share <= w.share && share > 0 {
		return
	}
	w.share = share
	note := api.NewProgress(stage, share)
	note.Payments, note.Findings = payments, w.findings
	w.tell(note)
}

func (w *auditWatch) finding(finding string) {
	w.findings++
	w.tell(api.NewFinding(finding))
}

// keys returns the public keys of all whose facts may stand in the store:
// the root, the working key and all that were ever enrolled.
func (o auditOptions) keys(v *store.View) (map[pay.NodeID]pay.PublicKey, error) {
	keys := map[pay.NodeID]pay.PublicKey{o.working.ID(): o.working, o.authority.Root.ID(): o.authority.Root}
	err := o.role.Members(v, func(m pay.NodeStatus) error {
		keys[m.Node.ID()] = m.Node
		return nil
	})
	return keys, err
}
