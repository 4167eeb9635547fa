package paysync_test

import (
	"context"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
)

func TestEnrol(t *testing.T) {
	good := pay.Invite{Address: registryAddress, ID: pay.InviteID{1}, Secret: pay.InviteSecret{2}}
	cases := []struct {
		name   string
		change func(w *world, i *pay.Invite)
		key    byte
		role   pay.Role
		want   pay.ErrorCode // "": it works
	}{
		{"a good invite", func(*world, *pay.Invite) {}, 3, pay.RoleBox, ""},
		{"again with the same key", func(w *world, _ *pay.Invite) { w.reg.invites[good.ID].usedBy = testKey(3).Public() }, 3, pay.RoleBox, ""},
		{"used by another key", func(w *world, _ *pay.Invite) { w.reg.invites[good.ID].usedBy = testKey(4).Public() }, 3, pay.RoleBox, pay.CodeInvite},
		{"expired", func(w *world, _ *pay.Invite) { w.reg.invites[good.ID].expired = true }, 3, pay.RoleBox, pay.CodeInvite},
		{"wrong secret", func(_ *world, i *pay.Invite) { i.Secret[0] ^= 1 }, 3, pay.RoleBox, pay.CodeInvite},
		{"unknown invite", func(_ *world, i *pay.Invite) { i.ID[0] ^= 1 }, 3, pay.RoleBox, pay.CodeInvite},
		{"wrong role", func(*world, *pay.Invite) {}, 3, pay.RoleWallet, pay.CodeInvite},
		{"a role that never enrols", func(*world, *pay.Invite) {}, 3, pay.RoleRegistry, pay.CodeUsage},
		{"wrong root", func(_ *world, i *pay.Invite) { i.Root[0] ^= 1 }, 3, pay.RoleBox, pay.CodeNotTrusted},
		{"no root", func(_ *world, i *pay.Invite) { i.Root = pay.NodeID{} }, 3, pay.RoleBox, pay.CodeNotTrusted},
		{"nobody there", func(_ *world, i *pay.Invite) { i.Address = "10.0.0.9:7443" }, 3, pay.RoleBox, pay.CodeUnreachable},
		{"an address that is none", func(_ *world, i *pay.Invite) { i.Address = "nowhere" }, 3, pay.RoleBox, pay.CodeUnreachable},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, w *world) {
				w.reg.invites[good.ID] = &invite{secret: good.Secret, status: pay.NodeStatus{Role: pay.RoleBox, Scope: testScope, Name: "Till", MerchantName: "Café", Site: "Hall"}}
				in, key := good, testKey(c.key)
				in.Root = w.reg.root.ID()
				c.change(w, &in)
				m, err := paysync.Enrol(context.Background(), w.dialer(), key, in, c.role, "Till")
				if pay.CodeOf(err) != c.want {
					t.Fatalf("got %v (%s), want %q", err, pay.CodeOf(err), c.want)
				}
				if err != nil {
					if strings.Contains(err.Error(), hex.EncodeToString(in.Secret[:])) {
						t.Errorf("the secret is in the error: %v", err)
					}
					if len(w.reg.members) != 0 {
						t.Errorf("the registry has a member now")
					}
					return
				}
				if m.Node.Node != key.Public() || m.Node.Scope != testScope || m.Authority.ID() != w.reg.authority.ID() || m.Currency != "EUR" || m.Resolver != (pay.BeaconKey{1}) {
					t.Errorf("got %+v", m)
				}
				box := newNode(c.key)
				box.publish(2)
				_, leave := w.client(box)
				w.awaitStep(box)
				quit(t, leave)
			})
		})
	}
}
