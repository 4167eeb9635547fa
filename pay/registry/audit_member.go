package registry

import (
	"context"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// memberAudit is the part of an audit that looks at nodes.
type memberAudit struct{ *auditor }

func inspectMembers(a *auditor) inspection {
	m := memberAudit{a}
	return inspection{passes: []func(context.Context) error{
		func(ctx context.Context) error { return walk(ctx, a, memberRows, m.checkMember) },
		m.checkMissing,
	}}
}

func (a memberAudit) checkMember(id pay.NodeID, row memberRow, damage error) error {
	if damage != nil {
		a.report("node %s: its row cannot be read", id.Short())
		return nil
	}
	if said, ok := a.nodes[id]; !ok || said != row.Status {
		a.report("node %s: its row is not what the registry last said of it", id.Short())
	}
	return nil
}

// checkMissing reports nodes that were enrolled and have no row, and scopes of
// wallets that are kept for another node.
func (a memberAudit) checkMissing(context.Context) error {
	succeeded := make(map[pay.NodeID]bool)
	for _, s := range a.nodes {
		if !s.Replaces.IsZero() {
			succeeded[s.Replaces] = true
		}
	}
	for _, id := range slices.SortedFunc(maps.Keys(a.nodes), compareIDs) {
		ok, err := memberRows.Has(a.rows, id)
		if err != nil {
			return err
		}
		if !ok {
			a.report("node %s: it was enrolled and has no row", id.Short())
		}
		if err := a.checkWallet(a.nodes[id], succeeded); err != nil {
			return err
		}
	}
	return nil
}

func (a memberAudit) checkWallet(s pay.NodeStatus, succeeded map[pay.NodeID]bool) error {
	if s.Role != pay.RoleWallet || succeeded[s.Node.ID()] {
		return nil
	}
	node, ok, err := walletRows.Get(a.rows, s.Scope)
	if err == nil && (!ok || node != s.Node.ID()) {
		a.report("node %s: its scope %s is kept for another", s.Node.ID().Short(), s.Scope)
	}
	return err
}
