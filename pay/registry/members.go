package registry

import (
	"crypto/hmac"
	"encoding/hex"
	"fmt"
	"io"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// members are the nodes: invited, enrolled, revoked.
var members = feature{
	name:      "members",
	publishes: []pay.Kind{pay.KindNode},
	audit:     inspectMembers,
	spaces:    rows.Spaces{memberRows.Space, inviteRows.Space, merchantRows.Space, walletRows.Space},
}

var (
	memberRows   = rows.New("m/", "a node: role, scope, names", rows.ID[pay.NodeID]("NODE"), rows.CBOR[memberRow]())
	inviteRows   = rows.New("i/", "an invite", rows.ID8[pay.InviteID]("INVITE"), rows.CBOR[inviteRow]())
	merchantRows = rows.New("s/", "the scope of a merchant's name", rows.Text[pay.Name]("MERCHANT"), rows.Text[pay.Scope]("SCOPE"))
	walletRows   = rows.New("w/", "the node that signs for a wallet's scope", rows.Text[pay.Scope]("WALLET"), rows.ID[pay.NodeID]("NODE"))
)

// memberRow is a node and the invite that it came by.
type memberRow struct {
	Status pay.NodeStatus `cbor:"1,keyasint"`
	Invite pay.InviteID   `cbor:"2,keyasint"`
}

// InviteSpec is who is invited. Role, merchant, site and scope come from the
// invite, never from the node.
type InviteSpec struct {
	Role     pay.Role
	Name     pay.Name
	Merchant pay.Name   // for a box; the name when empty
	Site     pay.Name   // for a box; the name when empty
	Address  string     // HOST:PORT of the registry, as the node reaches it
	TTL      pay.Millis // pay.InviteTTLDefault when 0
	// Class is what a box is for; "" for any shop.
	Class pay.BoxClass
}

// Invited is an invite and what stands in it.
type Invited struct {
	pay.Invite
	Role         pay.Role
	Scope        pay.Scope
	MerchantName pay.Name // for a box
	Site         pay.Name // for a box
	Class        pay.BoxClass
	Expires      pay.Time
}

// inviteRow is an invite at the registry. The secret dies at first use.
type inviteRow struct {
	Secret       pay.InviteSecret `cbor:"1,keyasint"`
	Role         pay.Role         `cbor:"2,keyasint"`
	Scope        pay.Scope        `cbor:"3,keyasint"`
	Name         pay.Name         `cbor:"4,keyasint,omitempty"`
	MerchantName pay.Name         `cbor:"5,keyasint,omitempty"`
	Site         pay.Name         `cbor:"6,keyasint,omitempty"`
	Expires      pay.Time         `cbor:"7,keyasint"`
	Used         bool             `cbor:"8,keyasint"`
	Replaces     pay.NodeID       `cbor:"9,keyasint,omitzero"` // the wallet whose place is taken
	Class        pay.BoxClass     `cbor:"10,keyasint,omitempty"`
}

// Invite makes an invite with a fresh secret from random. Invites for one
// merchant's name share a scope; each wallet's has its own. An invalid spec is a
// *pay.Error with pay.CodeUsage; any other error is the store's or random's.
func (r *Registry) Invite(tx pay.WritableRows, now pay.Time, random io.Reader, spec InviteSpec) (Invited, error) {
	row, err := checkSpec(now, spec)
	if err != nil {
		return Invited{}, err
	}
	if row.Scope, err = scopeFor(tx, random, row); err != nil {
		return Invited{}, fmt.Errorf("make invite: %w", err)
	}
	return r.storeInvite(tx, random, spec.Address, row)
}

// storeInvite keeps an invite with a fresh secret.
func (r *Registry) storeInvite(tx pay.WritableRows, random io.Reader, address string, row inviteRow) (Invited, error) {
	invite, err := pay.NewInvite(random, address, r.root)
	if err != nil {
		return Invited{}, err
	}
	row.Secret = invite.Secret
	if err := inviteRows.Put(tx, invite.ID, row); err != nil {
		return Invited{}, fmt.Errorf("make invite: %w", err)
	}
	return Invited{Invite: invite, Role: row.Role, Scope: row.Scope, MerchantName: row.MerchantName, Site: row.Site, Class: row.Class, Expires: row.Expires}, nil
}

func checkSpec(now pay.Time, spec InviteSpec) (inviteRow, error) {
	refuse := func(why string) (inviteRow, error) {
		return inviteRow{}, pay.NewCase(pay.CodeUsage, "invite_form", "make invite: "+why)
	}
	row := inviteRow{Role: spec.Role, Name: spec.Name, Class: spec.Class}
	if spec.Class != "" && (spec.Role != pay.RoleBox || spec.Class != pay.ClassFuel) {
		return refuse(fmt.Sprintf("there is no class %q for a %s", string(spec.Class), string(spec.Role)))
	}
	ttl := spec.TTL
	if ttl == 0 {
		ttl = pay.InviteTTLDefault
	}
	if ttl < 0 || ttl > pay.InviteTTLMax {
		return refuse(fmt.Sprintf("a life of %v is outside 0s..%v", ttl.Std(), pay.InviteTTLMax.Std()))
	}
	row.Expires = now.Add(ttl)
	switch spec.Role {
	case pay.RoleWallet:
		if spec.Merchant != "" || spec.Site != "" {
			return refuse("a wallet has no merchant and no site")
		}
	case pay.RoleBox:
		row.Name = firstName(spec.Name, spec.Merchant)
		row.MerchantName, row.Site = firstName(spec.Merchant, spec.Name), firstName(spec.Site, row.Name)
		if row.MerchantName == "" {
			return refuse("a box needs a name or a merchant")
		}
	default:
		return refuse(fmt.Sprintf("role %q is neither box nor wallet", string(spec.Role)))
	}
	for _, name := range []pay.Name{row.Name, row.MerchantName, row.Site} {
		if name == "" {
			continue
		}
		if err := name.Check(); err != nil {
			return refuse(err.Error())
		}
	}
	return row, nil
}

func firstName(names ...pay.Name) pay.Name {
	for _, n := range names {
		if n != "" {
			return n
		}
	}
	return ""
}

// scopeFor returns the scope of a known merchant, or mints one.
func scopeFor(tx pay.WritableRows, random io.Reader, row inviteRow) (pay.Scope, error) {
	if row.Role == pay.RoleBox {
		known, ok, err := merchantRows.Get(tx, row.MerchantName)
		if ok || err != nil {
			return known, err
		}
	}
	var id [10]byte
	if _, err := io.ReadFull(random, id[:]); err != nil {
		return "", err
	}
	scope, _ := row.Role.Scope(hex.EncodeToString(id[:]))
	if row.Role == pay.RoleBox {
		return scope, merchantRows.Put(tx, row.MerchantName, scope)
	}
	return scope, nil
}

// Enrol makes a node a member when it proves to know an invite's secret on the
// connection that proved its key. The same key with the same invite gets the
// same answer again. Its refusals are *pay.Error: pay.CodeInvite for an invite
// that is unknown, for another role, used or over; pay.CodeConflict for a key
// that is enrolled already; pay.CodeNotAllowed for one that was revoked;
// pay.CodeUsage for an invalid name. Any other error is the store's, or wraps
// pay.ErrCannotSign.
func (r *Registry) Enrol(tx pay.WritableRows, now pay.Time, c pay.EnrolClaim) (pay.Membership, pay.Reaction, error) {
	node := c.Node.ID()
	m, known, err := memberRows.Get(tx, node)
	if err != nil {
		return pay.Membership{}, pay.Reaction{}, fmt.Errorf("enrol: %w", err)
	}
	switch {
	case known && m.Status.Revoked:
		return pay.Membership{}, pay.Reaction{}, pay.NewCase(pay.CodeNotAllowed, "node_revoked", "enrol: this key was revoked")
	case known && m.Invite != c.Invite:
		return pay.Membership{}, pay.Reaction{}, pay.NewCase(pay.CodeConflict, "node_enrolled", "enrol: this key is enrolled already by another invite")
	case known:
		return r.membership(m.Status), pay.Reaction{}, nil
	}
	i, err := openInvite(tx, now, c)
	if err != nil {
		return pay.Membership{}, pay.Reaction{}, err
	}
	status := pay.NodeStatus{
		Node: c.Node, Role: i.Role, Scope: i.Scope, MerchantName: i.MerchantName, Site: i.Site, Class: i.Class, At: now,
		Name: firstName(i.Name, c.Name, pay.Name(string(i.Role)+"-"+node.Short())), Replaces: i.Replaces,
	}
	if err := status.Name.Check(); err != nil {
		return pay.Membership{}, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "node_name_form", "enrol")
	}
	i.Used, i.Secret = true, pay.InviteSecret{}
	if err := inviteRows.Put(tx, c.Invite, i); err != nil {
		return pay.Membership{}, pay.Reaction{}, fmt.Errorf("enrol: %w", err)
	}
	out, err := r.setMember(tx, now, memberRow{Status: status, Invite: c.Invite})
	if err == nil && !i.Replaces.IsZero() {
		var taken pay.Reaction
		taken, err = r.succeed(tx, now, status)
		out.Publications = append(out.Publications, taken.Publications...)
	}
	return r.membership(status), out, err
}

// openInvite returns the invite that a claim proves to know and may use.
func openInvite(view pay.Rows, now pay.Time, c pay.EnrolClaim) (inviteRow, error) {
	refuse := func(why string) (inviteRow, error) {
		return inviteRow{}, pay.NewCase(pay.CodeInvite, "invite_refused", "enrol: "+why)
	}
	i, ok, err := inviteRows.Get(view, c.Invite)
	if err != nil {
		return i, fmt.Errorf("enrol: %w", err)
	}
	if ok && i.Used {
		return refuse("this invite was used by another key")
	}
	want := pay.InviteProof(i.Secret, c.Exporter, c.Node)
	switch {
	case !ok || !hmac.Equal(want[:], c.Proof[:]):
		return refuse("the registry knows no such invite")
	case now >= i.Expires, ahead(i.Expires, now.Add(pay.InviteTTLMax)): // a clock that was ahead made it
		return refuse("this invite was good until " + i.Expires.String())
	case c.Role != i.Role:
		return refuse(fmt.Sprintf("this invite is for a %s, not for a %s", i.Role, c.Role))
	case i.Replaces.IsZero():
		return i, nil
	}
	current, err := mayTakeOver(view, c.Invite, i)
	if err != nil {
		return i, fmt.Errorf("enrol: %w", err)
	}
	if !current {
		return refuse("a later invite stands for the same wallet")
	}
	return i, nil
}

func (r *Registry) membership(s pay.NodeStatus) pay.Membership {
	return pay.Membership{Node: s, Authority: r.rawAuth, Currency: r.currency, Resolver: r.beacon}
}

// setMember stores a node's status and publishes it in the registry's own feed.
func (r *Registry) setMember(tx pay.WritableRows, now pay.Time, m memberRow) (pay.Reaction, error) {
	node := m.Status.Node.ID()
	published, err := r.sign(now, m.Status, pay.ScopeRegistry)
	if err != nil {
		return pay.Reaction{}, err
	}
	if m.Status.Role == pay.RoleWallet {
		if err := walletRows.Put(tx, m.Status.Scope, node); err != nil {
			return pay.Reaction{}, err
		}
	}
	if err := memberRows.Put(tx, node, m); err != nil {
		return pay.Reaction{}, err
	}
	return pay.Reaction{Publications: []pay.Publication{published}}, nil
}

// RevokeNode ends a node's membership: its claims are refused from now on and
// its devices resolve to nobody. Revoking twice changes nothing. An unknown
// node is a *pay.Error with pay.CodeNotFound. Any other error is the store's, or
// wraps pay.ErrCannotSign.
func (r *Registry) RevokeNode(tx pay.WritableRows, now pay.Time, node pay.NodeID) (pay.NodeStatus, pay.Reaction, error) {
	m, ok, err := memberRows.Get(tx, node)
	switch {
	case err != nil:
		return pay.NodeStatus{}, pay.Reaction{}, fmt.Errorf("revoke node: %w", err)
	case !ok:
		return pay.NodeStatus{}, pay.Reaction{}, pay.NewCase(pay.CodeNotFound, "node_unknown", "revoke node: no node "+node.Short()+" is enrolled")
	case m.Status.Revoked:
		return m.Status, pay.Reaction{}, nil
	}
	out, err := r.revokeMember(tx, now, m)
	m.Status.Revoked, m.Status.At = true, max(now, m.Status.At)
	return m.Status, out, err
}

// revokeMember ends a membership. What a wallet was asked and has not answered
// ends with it.
func (r *Registry) revokeMember(tx pay.WritableRows, now pay.Time, m memberRow) (pay.Reaction, error) {
	m.Status.Revoked, m.Status.At = true, max(now, m.Status.At)
	out, err := r.setMember(tx, now, m)
	if err != nil || m.Status.Role != pay.RoleWallet {
		return out, err
	}
	t := turn{Registry: r, rows: tx, now: now, out: out}
	for _, f := range features {
		if f.gone == nil {
			continue
		}
		if err := f.gone(&t, m.Status); err != nil {
			return pay.Reaction{}, fmt.Errorf("revoke wallet: %s: %w", f.name, err)
		}
	}
	return t.out, nil
}

// Member returns the status of a node; ok is false for a stranger. Its errors are
// the store's, or wrap rows.ErrDamaged.
func (r *Registry) Member(view pay.Rows, node pay.NodeID) (status pay.NodeStatus, ok bool, err error) {
	m, ok, err := memberRows.Get(view, node)
	return m.Status, ok, err
}

// Members calls fn for every node that was ever enrolled, by node id, until fn
// returns an error, which it returns. Its other errors are the store's, or wrap
// rows.ErrDamaged.
func (r *Registry) Members(view pay.Rows, fn func(pay.NodeStatus) error) error {
	return memberRows.Each(view, memberRows.All(), func(_ pay.NodeID, m memberRow) error { return fn(m.Status) })
}

// namedMax bounds how many nodes an error lists. Chosen: a person reads no more.
const namedMax = 8

// FindNode returns the one node that is not revoked and has this scope or node id, or
// the only one that has this name or whose id or scope begins so. Role "" finds any.
// None is a *pay.Error with pay.CodeNotFound, several one with pay.CodeConflict that
// lists them. Any other error is that of Members.
func (r *Registry) FindNode(view pay.Rows, role pay.Role, selector string) (pay.NodeStatus, error) {
	// Nodes choose their names: one that is called like the id of another must not be
	// taken for it.
	var exact, found []pay.NodeStatus
	err := r.Members(view, func(s pay.NodeStatus) error {
		switch {
		case (role != "" && s.Role != role) || s.Revoked:
		case namesExactly(s, selector):
			exact = append(exact, s)
		case string(s.Name) == selector || startsID(s, selector):
			found = append(found, s)
		}
		return nil
	})
	if len(exact) > 0 {
		found = exact
	}
	return onlyNode(found, selector, err)
}

// namesExactly reports whether a selector is a node's whole scope or id.
func namesExactly(s pay.NodeStatus, selector string) bool {
	return string(s.Scope) == selector || s.Node.ID().String() == strings.ToLower(selector)
}

// onlyNode returns the one node that was found, with the errors of FindNode.
func onlyNode(found []pay.NodeStatus, selector string, err error) (pay.NodeStatus, error) {
	switch {
	case err != nil:
		return pay.NodeStatus{}, fmt.Errorf("find node: %w", err)
	case len(found) == 0:
		return pay.NodeStatus{}, pay.NewCase(pay.CodeNotFound, "node_not_found", fmt.Sprintf("find node: nobody is called %q", selector))
	case len(found) > 1:
		list := make([]string, 0, len(found))
		for _, s := range found[:min(len(found), namedMax)] {
			list = append(list, fmt.Sprintf("%s (%s, node %s)", s.Name, s.Scope, s.Node.ID().Short()))
		}
		return pay.NodeStatus{}, pay.NewCase(pay.CodeConflict, "node_ambiguous", fmt.Sprintf("find node: %q means %d: %s", selector, len(found), strings.Join(list, "; ")))
	}
	return found[0], nil
}

// FindWallet returns the scope of the one wallet that FindNode finds. Its errors
// are those of FindNode.
func (r *Registry) FindWallet(view pay.Rows, selector string) (pay.Scope, error) {
	s, err := r.FindNode(view, pay.RoleWallet, selector)
	return s.Scope, err
}

// idDigitsMin is how much of an id a person must type. Chosen: a name that is
// misspelt is no beginning of an id by chance.
const idDigitsMin = 4

// startsID reports whether a node's id begins so, or that of its scope.
func startsID(s pay.NodeStatus, start string) bool {
	digits := strings.ToLower(start)
	if len(strings.TrimPrefix(strings.TrimPrefix(digits, "w/"), "m/")) < idDigitsMin {
		return false
	}
	scope := strings.ToLower(string(s.Scope))
	_, bare, _ := strings.Cut(scope, "/")
	return strings.HasPrefix(s.Node.ID().String(), digits) || strings.HasPrefix(scope, digits) || strings.HasPrefix(bare, digits)
}
