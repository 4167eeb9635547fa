package wire_test

import (
	"bytes"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

type sample struct {
	name string
	msg  wire.Message
}

func testKey(t testing.TB, seed byte) pay.Key {
	t.Helper()
	k, err := pay.KeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return k
}

// samples returns one message of each kind, and more where a kind has shapes
// of its own. They depend on nothing but this function.
func samples(t testing.TB) []sample {
	t.Helper()
	root, working, box := testKey(t, 1), testKey(t, 2), testKey(t, 3)
	authority, err := pay.Sign(root, pay.Authority{Root: root.Public(), Working: working.Public(), From: 1, Until: 4_000_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	cancel, err := pay.Sign(box, pay.Cancel{Payment: pay.PaymentID{9}, Created: 1_700_000_000_000})
	if err != nil {
		t.Fatal(err)
	}
	cursor := pay.Cursor{Epoch: pay.Epoch{1, 2, 3}, Seq: 7, Chain: pay.Chain{4, 5}}
	return []sample{
		{"hello", wire.Hello{Version: 1, Scope: "m/cafe", Cursor: cursor, Digest: pay.Digest{6}, Incarnation: pay.Incarnation{7}, Last: 300}},
		{"hello of a new node", wire.Hello{Version: 1, Scope: "w/anna", Incarnation: pay.Incarnation{7}}},
		{"welcome", wire.Welcome{Version: 1, Resume: wire.ResumeOn, Head: pay.Head{Cursor: cursor, Digest: pay.Digest{6}}, Incarnation: pay.Incarnation{7},
			Applied: 299, Now: 1_700_000_000_000, PingEvery: 2_000, Authority: authority.Raw()}},
		{"hello with a proof", wire.Hello{Version: 3, Scope: "m/cafe", Cursor: cursor, Digest: pay.Digest{6}, Incarnation: pay.Incarnation{7}, Last: 300,
			Outbox: &wire.OutboxProof{Acked: 298, Known: true, Chain: pay.Chain{9}}, Holder: wire.Holder{1}}},
		{"hello that knows no chain", wire.Hello{Version: 3, Scope: "m/cafe", Incarnation: pay.Incarnation{7}, Outbox: &wire.OutboxProof{}, Holder: wire.Holder{1}}},
		{"welcome to an old copy", wire.Welcome{Version: 3, Resume: wire.ResumeOn, Head: pay.Head{Cursor: cursor, Digest: pay.Digest{6}}, Incarnation: pay.Incarnation{7},
			Applied: 302, Now: 1_700_000_000_000, PingEvery: 2_000, Authority: authority.Raw(), Outbox: &wire.OutboxReply{Standing: wire.OutboxPast, Chain: pay.Chain{10}}}},
		{"recall", wire.Recall{After: 298}},
		{"recalled", wire.Recalled{First: 299, Items: [][][]byte{{cancel.Raw(), bytes.Repeat([]byte{5}, 32)}, {cancel.Raw()}}, Chain: pay.Chain{10}}},
		{"renew", wire.Renew{N: 302, Chain: pay.Chain{10}, Next: pay.Incarnation{8}}},
		{"renewed", wire.Renewed{Incarnation: pay.Incarnation{8}}},
		{"urgent", wire.Urgent{Facts: [][]byte{cancel.Raw()}}},
		{"settled", wire.Settled{}},
		{"rival", wire.Rival{}},
		{"evidence", wire.Evidence{Fact: authority.Raw()}},
		{"welcome to a box at pumps", wire.Welcome{Version: 3, Resume: wire.ResumeOn, Head: pay.Head{Cursor: cursor, Digest: pay.Digest{6}}, Incarnation: pay.Incarnation{7},
			Applied: 302, Now: 1_700_000_000_000, PingEvery: 2_000, Authority: authority.Raw(), Looks: true}},
		{"look", wire.Look{N: 4, Codes: []pay.CodeHeard{{Code: pay.Code{1, 2}, Ago: 350}, {Code: pay.Code{3}}}}},
		{"vehicles", wire.Vehicles{N: 4, Vehicles: []pay.VehicleHeard{
			{Code: pay.Code{1, 2}, Plate: "B-AB 1234", Product: "diesel", Type: pay.TypeJack, Preset: pay.Preset{Quantity: 20_000}, Most: 20_000},
			{Code: pay.Code{3}, Plate: "12가 3456", Product: "electric", Type: pay.TypeTag, Preset: pay.Preset{Full: true}},
		}}},
		{"vehicles: with their visitors", wire.Vehicles{N: 7, Vehicles: []pay.VehicleHeard{
			{Code: pay.Code{1, 2}, Plate: "B-AB 1234", Product: "diesel", Type: pay.TypeJack, Most: 55_000, Visitor: [16]byte{9, 8, 7}},
		}}},
		{"vehicles: none", wire.Vehicles{N: 5}},
		{"vehicles: refused", wire.Vehicles{N: 6, Refused: pay.ReasonWrongClass}},
		{"enrolled: a box at pumps", wire.Enrolled{Node: pay.NodeStatus{Node: box.Public(), Role: pay.RoleBox, Scope: "m/oil", Name: "Kiosk", MerchantName: "Oil", Site: "A8", At: 5, Class: pay.ClassFuel},
			Authority: authority.Raw(), Currency: "EUR", Resolver: pay.BeaconKey{3}}},
		{"pace", wire.Pace{PingEvery: 25_000}},
		{"entries", wire.Entries{Scope: "m/cafe", First: 8, Facts: [][]byte{authority.Raw(), cancel.Raw()}, Chain: pay.Chain{8}}},
		{"push", wire.Push{Incarnation: pay.Incarnation{7}, First: 300, Items: []wire.PushItem{{Age: 12, Facts: [][]byte{cancel.Raw()}}, {Facts: [][]byte{cancel.Raw(), cancel.Raw()}}}}},
		{"ack", wire.Ack{Incarnation: pay.Incarnation{7}, Applied: 301}},
		{"ack with refusals", wire.Ack{Incarnation: pay.Incarnation{7}, Applied: 301, Refused: []wire.RefusedItem{{N: 300, Reason: pay.ReasonLateCancel}, {N: 301, Reason: pay.ReasonKeyUsed}}}},
		{"seen", wire.Seen{Seq: 9}},
		{"poke", wire.Poke{}},
		{"ping", wire.Ping{Nonce: 0}},
		{"ping with a large nonce", wire.Ping{Nonce: 1<<64 - 1}},
		{"pong", wire.Pong{Nonce: 70_000}},
		{"bye", wire.Bye{Code: pay.CodeNotAllowed, Message: "this node was revoked", Hint: "ask for a new invite"}},
		{"enrol", wire.Enrol{Version: 1, Invite: pay.InviteID{1}, Proof: [32]byte{2}, Role: pay.RoleBox, Name: "Till 1"}},
		{"enrol without a name", wire.Enrol{Version: 1, Invite: pay.InviteID{1}, Proof: [32]byte{2}, Role: pay.RoleWallet}},
		{"enrolled", wire.Enrolled{Node: pay.NodeStatus{Node: box.Public(), Role: pay.RoleBox, Scope: "m/cafe", Name: "Till 1", MerchantName: "Café", Site: "Hall", At: 5},
			Authority: authority.Raw(), Currency: "EUR", Resolver: pay.BeaconKey{3}}},
	}
}
