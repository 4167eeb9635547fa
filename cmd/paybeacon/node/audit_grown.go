package node

import (
	"context"
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
)

// covered is what a good audit says of the store, beside what the role remembers.
type covered struct {
	Mark  store.Mark `cbor:"1,keyasint"`
	Clock steps      `cbor:"2,keyasint"`
}

// Why an audit that could carry on from the last good one reads everything.
const (
	whyAsked  = "that was asked for"
	whyClock  = "the clock is in doubt"
	whyFirst  = "no good audit is remembered"
	whyOther  = "the last good audit is of another history, or of a later copy of this one"
	whyMuch   = "more is new than was there at the last good audit"
	whyUnlike = "what came since the last good audit is not as it should be"
)

// errUnlike stands for whatever a full audit is to name.
var errUnlike = errors.New("something is not as it should be")

// carryOn audits what came since the last good audit, and all that is few. Where that
// cannot be, or is not as it should be, it returns why; nothing was told then, and a
// full audit names what it finds.
func (o auditOptions) carryOn(ctx context.Context, v *store.View) (out api.Audit, good *registry.Good, why string, err error) {
	switch {
	case o.full:
		return out, nil, whyAsked, nil
	case o.store.Clock().Doubt:
		return out, nil, whyClock, nil
	}
	last, ok, err := o.role.LastGood(v)
	if err != nil || !ok {
		return out, nil, whyFirst, unlessDamaged(ctx, err)
	}
	var before covered
	if pay.Decode(last.Mark, &before) != nil {
		return out, nil, whyFirst, nil //nolint:nilerr // what cannot be read is not remembered
	}
	if _, end, err := v.LogEnd(); err != nil || end-min(end, before.Mark.Log) > before.Mark.Log {
		return out, nil, whyMuch, unlessDamaged(ctx, err)
	}
	out, good, err = o.grown(ctx, v, last, before)
	switch {
	case errors.Is(err, store.ErrMark):
		why = whyOther
	case errors.Is(err, registry.ErrGrownTooMuch):
		why = whyMuch
	case err != nil:
		why = whyUnlike
	}
	return out, good, why, ctx.Err()
}

// unlessDamaged returns the error of ctx alone: of any other, the full audit says more.
func unlessDamaged(ctx context.Context, _ error) error { return ctx.Err() }

// grown carries on from an audit.
func (o auditOptions) grown(ctx context.Context, v *store.View, last registry.Good, before covered) (out api.Audit, good *registry.Good, err error) {
	keys, err := o.keys(v)
	if err != nil {
		return out, nil, err
	}
	growth := registry.NewGrowth(last)
	if err := v.VerifySince(ctx, before.Mark, o.verify(keys), growth.Add); err != nil {
		return out, nil, err
	}
	found, ok, err := o.role.AuditGrown(ctx, v, growth, registry.AuditOptions{Pause: o.pause})
	if err != nil {
		return out, nil, err
	}
	if !ok {
		return out, nil, errUnlike
	}
	out = auditObject(found)
	out.Since, out.PaymentsRead = last.At.String(), growth.Payments()
	good, err = o.finish(ctx, v, &out, found, before)
	return out, good, err
}

// finish adds to a good audit what it need not be right for, and returns what the next
// one may carry on from.
func (o auditOptions) finish(ctx context.Context, v *store.View, out *api.Audit, found registry.AuditResult, before covered) (*registry.Good, error) {
	now, err := v.Mark()
	if err != nil {
		return nil, err
	}
	clock, err := clockSteps(ctx, v, before.Clock, before.Mark.Log, o.pause)
	if err != nil {
		return nil, err
	}
	out.ClockSteps = clock.sentences()
	if out.Aside, out.AsideCount, err = (asides{o.store, o.role}).listIn(v); err != nil {
		return nil, err
	}
	good := *found.Good
	good.At, good.Mark = o.store.Now(), pay.Encode(covered{now, clock})
	return &good, nil
}

// remember keeps a good audit for the next one to carry on from, and lets the one
// before be forgotten where this was not good. Without a daemon nothing is written. A
// store that cannot be written, for want of space or because it is damaged, hides
// nothing that was found: then the next audit carries on from where this one did, and
// out says so where that must not be relied on.
func (o auditOptions) remember(ctx context.Context, good *registry.Good, out *api.Audit) {
	commands := []func(pay.WritableRows) error{o.role.Forget}
	switch {
	case !o.writes, ctx.Err() != nil:
		return
	case good != nil && !o.store.Clock().Doubt:
		commands = o.role.Remember(*good)
	}
	for _, do := range commands {
		err := o.store.Do(ctx, func(tx *store.Tx) error { return do(tx) })
		switch {
		case err == nil:
			continue
		case good == nil:
			out.OK, out.Findings = false, append(out.Findings, "the store cannot be written, so that an earlier good audit may stay remembered: run the next one with --full ("+err.Error()+")")
		}
		return
	}
}
