package node

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store"
	"github.com/paybeacon/paybeacon/store/badgerkv"
)

// auditOptions say what is audited.
type auditOptions struct {
	engine    *badgerkv.Engine
	store     *store.Store
	role      *registry.Registry
	working   pay.PublicKey // the registry's working key
	authority pay.Authority
}

// audit checks the store byte by byte (every table, fact, signature, chain and
// digest) and then recomputes from the facts what the registry believes.
func audit(ctx context.Context, o auditOptions) api.Audit {
	out := api.Audit{V: 1, Type: "audit", Findings: []string{}}
	if err := o.engine.Verify(ctx); err != nil {
		out.Findings = append(out.Findings, err.Error())
		return out
	}
	err := o.store.View(ctx, func(v *store.View) error {
		keys, err := o.keys(v)
		if err != nil {
			return err
		}
		damage, err := v.Verify(ctx, func(f pay.Fact) (pay.PublicKey, bool) {
			key, ok := keys[f.Signer()]
			return key, ok
		})
		if err != nil {
			return err
		}
		out.Findings = append(out.Findings, damage...)
		if len(damage) > 0 {
			return nil
		}
		found, err := o.role.Audit(ctx, v)
		if err != nil {
			return err
		}
		out.Payments, out.Imbalance, out.Duplicates = found.Payments, found.Imbalance, found.Duplicates
		out.Findings = append(out.Findings, found.Findings...)
		out.OK = found.OK
		return nil
	})
	if err != nil {
		// What cannot be read is damage, too.
		out.Findings = append(out.Findings, err.Error())
	}
	return out
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
