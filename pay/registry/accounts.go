package registry

import "github.com/paybeacon/paybeacon/pay"

// FindAccount returns a node whose account a selector means, for a wallet's or a
// merchant's: by scope, node id, name or merchant's name, or the beginning of an id or
// scope. A node that was revoked still has its account. None is a *pay.Error with
// pay.CodeNotFound, several accounts one with pay.CodeConflict. Any other error is that
// of Members.
func (r *Registry) FindAccount(view pay.Rows, role pay.Role, selector string) (pay.NodeStatus, error) {
	var exact, found accounts
	err := r.Members(view, func(s pay.NodeStatus) error {
		switch {
		case s.Role != role:
		case namesExactly(s, selector):
			exact.add(s)
		case string(s.Name) == selector || string(s.MerchantName) == selector || startsID(s, selector):
			found.add(s)
		}
		return nil
	})
	if len(exact) > 0 {
		found = exact
	}
	return onlyNode(found, selector, err)
}

// accounts has one node for each account.
type accounts []pay.NodeStatus

// add takes a node in. Of several nodes with one account, one that works names it.
func (a *accounts) add(s pay.NodeStatus) {
	for i := range *a {
		if old := &(*a)[i]; old.Scope == s.Scope {
			if old.Revoked && !s.Revoked {
				*old = s
			}
			return
		}
	}
	*a = append(*a, s)
}
