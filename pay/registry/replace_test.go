package registry_test

import (
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// inPlaceOf invites a wallet in the place of old and enrols the key of that name.
func (w *world) inPlaceOf(old node, name string) node {
	w.Helper()
	return w.enrolBy(w.inviteInPlaceOf(old), name)
}

func (w *world) inviteInPlaceOf(old node) registry.Invited {
	w.Helper()
	i, r, err := w.reg.InviteInPlaceOf(w.mem, w.now, w.random, registry.InviteSpec{Role: pay.RoleWallet, Address: "127.0.0.1:7443"}, old.key.ID())
	w.must(err)
	w.publish(r)
	return i
}

func (w *world) enrolBy(i registry.Invited, name string) node {
	w.Helper()
	key := keyOf(name)
	m, r, err := w.reg.Enrol(w.mem, w.now, claimOf(i, key))
	w.must(err)
	w.publish(r)
	return node{key, m.Node}
}

// TestReplacedWallet moves a wallet to another node, twice: its devices pay for
// the new one, by two channels too, and the old ones are refused.
func TestReplacedWallet(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	c.topUp(c.payer, 5_000)
	open := c.charge(c.shop, c.beacon, 100)
	invite := c.inviteInPlaceOf(c.payer)
	if got := c.says(c.shop, open); got != "expired node_replaced" {
		t.Errorf("what was open: %s", got)
	}
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 100)); got != "unmatched node_replaced" {
		t.Errorf("a charge until the new wallet has enrolled: %s", got)
	}
	first := c.payer
	c.now++
	c.payer = c.enrolBy(invite, "second phone")
	if c.payer.status.Scope != first.status.Scope || c.payer.status.Name != first.status.Name || c.payer.status.Replaces != first.key.ID() {
		t.Errorf("the new wallet is %+v", c.payer.status)
	}
	f := c.charge(c.shop, c.beacon, 100)
	if refused := c.answer(first, f, pay.Approve, pay.ByHand); refused != pay.ReasonNodeRevoked {
		t.Errorf("the old wallet approves and is refused with %q", refused)
	}
	if refused := c.answer(c.payer, f, pay.Approve, pay.ByHand); refused != "" {
		t.Errorf("the new wallet's approval is refused with %q", refused)
	}
	if got := c.says(c.shop, f); got != "captured" {
		t.Errorf("approved by the new wallet: %s", got)
	}
	c.now++
	third := c.inPlaceOf(c.payer, "third phone")
	c.pair(c.beacon, third)
	if got := c.says(c.shop, c.charge(c.shop, c.beacon, 100)); got != "offered" {
		t.Errorf("a charge after the second replacement: %s", got)
	}
	c.auditOK()
}

// TestLastInviteInPlaceOfAWallet: of several invites in place of one node only the
// last is good, and none after one was used.
func TestLastInviteInPlaceOfAWallet(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	early, late := c.inviteInPlaceOf(c.payer), c.inviteInPlaceOf(c.payer)
	refuse := func(what string, i registry.Invited) {
		t.Helper()
		if _, _, err := c.reg.Enrol(c.mem, c.now, claimOf(i, keyOf("thief"))); pay.CodeOf(err) != pay.CodeInvite {
			t.Errorf("%s: %v", what, err)
		}
	}
	refuse("an invite that another has followed", early)
	if _, r, err := c.reg.RevokeNode(c.mem, c.now, c.payer.key.ID()); err != nil || len(r.Publications) != 0 {
		t.Errorf("revoking what is revoked: %+v, %v", r, err)
	}
	c.enrolBy(late, "new phone")
	refuse("an invite after another was used", early)
	refuse("an invite that was used", late)
	for name, want := range map[string]pay.ErrorCode{
		c.payer.key.ID().String(): pay.CodeConflict, c.payer.key.ID().String()[:6]: pay.CodeConflict, "nobody": pay.CodeNotFound,
		string(c.payer.status.Name): "", keyOf("new phone").ID().String()[:4]: "", string(c.payer.status.Scope): "",
	} {
		if _, err := c.reg.FindReplaceable(c.mem, name); pay.CodeOf(err) != want {
			t.Errorf("%s: %v, want %q", name, err, want)
		}
	}
	for what, spec := range map[string]registry.InviteSpec{
		"a box":       {Role: pay.RoleBox},
		"for a day":   {Role: pay.RoleWallet, TTL: pay.ReplaceTTLMax + 1},
		"with a site": {Role: pay.RoleWallet, Site: "Hall"},
	} {
		if _, _, err := c.reg.InviteInPlaceOf(c.mem, c.now, c.random, spec, keyOf("new phone").ID()); pay.CodeOf(err) != pay.CodeUsage {
			t.Errorf("%s: %v", what, err)
		}
	}
	if _, _, err := c.reg.InviteInPlaceOf(c.mem, c.now, c.random, registry.InviteSpec{Role: pay.RoleWallet}, c.shop.key.ID()); pay.CodeOf(err) != pay.CodeUsage {
		t.Errorf("in place of a box: %v", err)
	}
	c.auditOK()
}

// TestRevokedWalletIsReplaced: a node that was revoked first may be replaced all
// the same.
func TestRevokedWalletIsReplaced(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	_, r, err := c.reg.RevokeNode(c.mem, c.now, c.payer.key.ID())
	c.must(err)
	c.publish(r)
	c.payer = c.inPlaceOf(c.payer, "new phone")
	if refused := c.answer(c.payer, c.charge(c.shop, c.beacon, 100), pay.Approve, pay.ByHand); refused != "" {
		t.Errorf("the new wallet's approval is refused with %q", refused)
	}
	c.auditOK()
}

// TestAuditOfReplacedWallets finds places that were taken by nobody's word.
func TestAuditOfReplacedWallets(t *testing.T) {
	t.Parallel()
	c := newCounter(t)
	old := c.payer
	c.payer = c.inPlaceOf(old, "new phone")
	c.auditOK()
	c.signAsRegistry(pay.Replaced{Scope: old.status.Scope, Old: c.payer.key.ID(), New: keyOf("thief").ID(), At: c.now})
	if a := c.audit(); a.OK || !strings.Contains(strings.Join(a.Findings, "\n"), "not to be replaced") {
		t.Errorf("the audit finds %q", a.Findings)
	}
}
