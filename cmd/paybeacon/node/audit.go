package node

import (
	"context"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store"
)

// audit checks the store byte by byte (every table, fact, signature, chain and
// digest) and then recomputes from the facts what the registry believes.
func (n *Registry) audit(ctx context.Context, _ api.Nothing) (api.Audit, error) {
	out := api.Audit{V: 1, Type: "audit", Findings: []string{}}
	if err := n.engine.Verify(ctx); err != nil {
		out.Findings = append(out.Findings, err.Error())
		return out, nil
	}
	err := n.store.View(ctx, func(v *store.View) error {
		keys, err := n.keys(v)
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
		found, err := n.role.Audit(ctx, v)
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
	return out, nil
}

// keys returns the public key of everybody whose facts may stand in the store:
// the root, the working key and all that were ever enrolled.
func (n *Registry) keys(v *store.View) (map[pay.NodeID]pay.PublicKey, error) {
	keys := map[pay.NodeID]pay.PublicKey{n.key.ID(): n.key.Public(), n.authority.Root.ID(): n.authority.Root}
	err := n.role.Members(v, func(m pay.NodeStatus) error {
		keys[m.Node.ID()] = m.Node
		return nil
	})
	return keys, err
}
