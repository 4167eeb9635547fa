package registry

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// replacement lets another wallet take the place of one that its owner has lost.
// The invite revokes the old wallet; enrolling by it makes the new one sign for
// the same scope, so that balance, receipts and devices stay where they are, and
// the scope's feed tells the new wallet all of it from its first entry on.
//
//	invite -> the old node is revoked      to the registry's own feed
//	enrol  -> replaced                     to the wallet's feed
var replacement = feature{
	name:      "replacement",
	publishes: []pay.Kind{pay.KindReplaced},
	audit:     inspectReplacements,
	spaces:    rows.Spaces{placeRows.Space},
}

var placeRows = rows.New("wr/", "who takes the place of a wallet's node", rows.ID[pay.NodeID]("NODE"), rows.CBOR[placeRow]())

// placeRow is the last invite in place of a node, and who has enrolled by it.
type placeRow struct {
	Invite pay.InviteID `cbor:"1,keyasint"`
	Taken  pay.NodeID   `cbor:"2,keyasint,omitzero"`
}

// InviteInPlaceOf is Invite for a wallet that takes the place of another one,
// whose name it gets unless spec has one. The old node is revoked at once and
// nothing of its wallet is payable until the new one has enrolled. Of several
// invites in place of one node the last counts. An invalid spec is a *pay.Error
// with pay.CodeUsage; so is a node that is no wallet. A node that was replaced
// before is one with pay.CodeConflict, a stranger one with pay.CodeNotFound. Any
// other error is the store's or random's, or wraps pay.ErrCannotSign.
func (r *Registry) InviteInPlaceOf(tx pay.WritableRows, now pay.Time, random io.Reader, spec InviteSpec, old pay.NodeID) (Invited, pay.Reaction, error) {
	m, ok, err := memberRows.Get(tx, old)
	switch {
	case err != nil:
		return Invited{}, pay.Reaction{}, fmt.Errorf("make invite: %w", err)
	case !ok:
		return Invited{}, pay.Reaction{}, pay.NewCase(pay.CodeNotFound, "node_unknown", "make invite: no node "+old.Short()+" is enrolled")
	}
	if err := mayReplace(tx, spec, m.Status); err != nil {
		return Invited{}, pay.Reaction{}, err
	}
	spec.Name = firstName(spec.Name, m.Status.Name)
	row, err := checkSpec(now, spec)
	if err != nil {
		return Invited{}, pay.Reaction{}, err
	}
	row.Scope, row.Replaces = m.Status.Scope, old
	made, err := r.storeInvite(tx, random, spec.Address, row)
	if err != nil {
		return Invited{}, pay.Reaction{}, err
	}
	if err := placeRows.Put(tx, old, placeRow{Invite: made.ID}); err != nil {
		return Invited{}, pay.Reaction{}, fmt.Errorf("make invite: %w", err)
	}
	if m.Status.Replaced { // an earlier invite was not used
		return made, pay.Reaction{}, nil
	}
	m.Status.Replaced = true
	now = max(now, m.Status.At+1) // it may have been revoked this very moment
	out, err := r.revokeMember(tx, now, m)
	return made, out, err
}

// mayReplace returns why no wallet may be invited in place of the node, or nil.
func mayReplace(view pay.Rows, spec InviteSpec, old pay.NodeStatus) error {
	if old.Role != pay.RoleWallet || spec.Role != pay.RoleWallet {
		return pay.NewCase(pay.CodeUsage, "replace_box", fmt.Sprintf("make invite: %s is a %s, and only wallets are replaced", old.Name, old.Role))
	}
	if spec.TTL > pay.ReplaceTTLMax {
		return pay.NewCase(pay.CodeUsage, "invite_form", fmt.Sprintf("make invite: in place of another wallet it lives %v at most", pay.ReplaceTTLMax.Std()))
	}
	holder, _, err := walletRows.Get(view, old.Scope)
	if err != nil {
		return fmt.Errorf("make invite: %w", err)
	}
	if holder != old.Node.ID() {
		return pay.NewCase(pay.CodeConflict, "node_replaced_before", fmt.Sprintf("make invite: wallet %s was replaced already, by node %s", old.Node.ID().Short(), holder.Short()), holder.Short())
	}
	return nil
}

// succeed publishes that a node which has just enrolled signs for its wallet's
// scope in place of another, and has each feature end what the old one's owner had
// agreed to.
func (r *Registry) succeed(tx pay.WritableRows, now pay.Time, s pay.NodeStatus) (pay.Reaction, error) {
	t := turn{Registry: r, rows: tx, now: now}
	place, _, err := placeRows.Get(tx, s.Replaces)
	if err != nil {
		return pay.Reaction{}, fmt.Errorf("replace wallet: %w", err)
	}
	place.Taken = s.Node.ID()
	if err := placeRows.Put(tx, s.Replaces, place); err != nil {
		return pay.Reaction{}, fmt.Errorf("replace wallet: %w", err)
	}
	body := pay.Replaced{Scope: s.Scope, Old: s.Replaces, New: s.Node.ID(), At: now}
	if _, err := t.publish(body, pay.ScopeRegistry, s.Scope); err != nil {
		return pay.Reaction{}, fmt.Errorf("replace wallet: %w", err)
	}
	for _, f := range features {
		if f.replaced == nil {
			continue
		}
		if err := f.replaced(&t, s.Scope); err != nil {
			return pay.Reaction{}, fmt.Errorf("replace wallet: %s: %w", f.name, err)
		}
	}
	return t.out, nil
}

// mayTakeOver reports whether an invite is the last one in place of its node and
// was not used.
func mayTakeOver(view pay.Rows, id pay.InviteID, i inviteRow) (bool, error) {
	place, ok, err := placeRows.Get(view, i.Replaces)
	return ok && place.Invite == id && place.Taken.IsZero(), err
}

// replaceDigitsMin is how much of an id must be typed to name the wallet that is
// replaced. Chosen: enough not to be a slip, and several hits are refused.
const replaceDigitsMin = 4

// FindReplaceable returns the one node that has this name, scope or beginning of
// the id and has not been replaced, revoked or not; a box is found too. Its errors
// are those of FindNode, and a *pay.Error with pay.CodeConflict for a node that
// was replaced before.
func (r *Registry) FindReplaceable(view pay.Rows, selector string) (pay.NodeStatus, error) {
	var found, before []pay.NodeStatus
	err := r.Members(view, func(s pay.NodeStatus) error {
		id := len(selector) >= replaceDigitsMin && strings.HasPrefix(s.Node.ID().String(), strings.ToLower(selector))
		if !id && string(s.Name) != selector && string(s.Scope) != selector {
			return nil
		}
		holder, _, err := walletRows.Get(view, s.Scope)
		switch {
		case err != nil:
			return err
		case s.Role == pay.RoleWallet && holder != s.Node.ID():
			before = append(before, s)
		case len(found) <= namedMax:
			found = append(found, s)
		}
		return nil
	})
	if err == nil && len(found) == 0 && len(before) > 0 {
		return pay.NodeStatus{}, mayReplace(view, InviteSpec{Role: pay.RoleWallet}, before[0])
	}
	return onlyNode(found, selector, err)
}

// replacementAudit is the part of an audit that looks at replaced wallets.
type replacementAudit struct {
	*auditor
	said map[pay.NodeID]pay.Replaced // by the new node
}

func inspectReplacements(a *auditor) inspection {
	r := replacementAudit{a, make(map[pay.NodeID]pay.Replaced)}
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{pay.KindReplaced: reading(func(_ pay.Fact, s pay.Replaced) error {
			if _, twice := r.said[s.New]; twice {
				a.report("wallet %s: it has taken the place of two", s.New.Short())
			}
			r.said[s.New] = s
			return nil
		})},
		passes: []func(context.Context) error{
			func(ctx context.Context) error { return walk(ctx, a, placeRows, r.checkPlace) },
			r.check,
		},
	}
}

// checkPlace sees that a place was taken by who the registry says.
func (a replacementAudit) checkPlace(id pay.NodeID, row placeRow, damage error) error {
	switch {
	case damage != nil:
		a.report("wallet %s: who takes its place cannot be read", id.Short())
	case !a.nodes[id].Replaced:
		a.report("wallet %s: another is to take its place and it was not revoked", id.Short())
	case !row.Taken.IsZero() && a.said[row.Taken].Old != id:
		a.report("wallet %s: its place is kept for a node that the registry did not name", id.Short())
	}
	return nil
}

// check holds what was published on replaced wallets against the nodes: the old
// one was revoked for it, both have one scope, and nobody has two successors.
func (a replacementAudit) check(context.Context) error {
	successors := map[pay.NodeID]int{}
	for id, s := range a.said {
		old, now := a.nodes[s.Old], a.nodes[id]
		if !old.Replaced || old.Scope != s.Scope || now.Scope != s.Scope || now.Replaces != s.Old || now.Role != pay.RoleWallet {
			a.report("wallet %s: it has taken the place of a node that was not to be replaced", id.Short())
		}
		if successors[s.Old]++; successors[s.Old] > 1 {
			a.report("wallet %s: two have taken its place", s.Old.Short())
		}
	}
	for id, s := range a.nodes {
		if _, said := a.said[id]; !s.Replaces.IsZero() && !said {
			a.report("wallet %s: it has taken the place of another and its feed does not say so", id.Short())
		}
	}
	return nil
}
