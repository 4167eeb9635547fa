package paysync_test

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/pay"
	paysync "github.com/paybeacon/paybeacon/sync"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func testKey(seed byte) pay.Key {
	k, err := pay.KeyFromSeed(bytes.Repeat([]byte{seed}, 32))
	if err != nil {
		panic(err)
	}
	return k
}

func sign(key pay.Key, body pay.Body) pay.Fact {
	f, err := pay.Sign(key, body)
	if err != nil {
		panic(err)
	}
	return f
}

const (
	testScope = pay.Scope("m/cafe")
	testEpoch = "epoch--1"
)

// registry is a Hub that works, in memory. For every fact that it applies it
// publishes a refusal in the node's feed, so that each item makes one entry; items
// whose number is a multiple of seven are refused in the acknowledgement too.
type registry struct {
	root, working pay.Key
	authority     pay.Fact
	epoch         pay.Epoch

	mu       sync.Mutex
	members  map[pay.NodeID]pay.NodeStatus
	feeds    map[pay.Scope][]pay.Fact
	heads    map[pay.Scope][]pay.Head // after each entry; the first is after none
	applied  map[outboxID]uint64
	outboxes map[pay.NodeID]*outbox
	past     map[outboxID]bool
	urgent   []pay.FactID
	putBack  map[pay.NodeID]pay.PutBack
	facts    map[pay.NodeID][]pay.FactID
	watchers map[*feedWatcher]struct{}
	applies  int
	invites  map[pay.InviteID]*invite
	failWith error
	car      pay.VehicleHeard // the only one
}

// outbox is what the registry holds of a node's outbox.
type outbox struct {
	inc   pay.Incarnation
	items [][]pay.Fact
}

func (o *outbox) chainAt(n uint64) (c pay.Chain) {
	for _, facts := range o.items[:n] {
		c = c.Follow(idsOf(facts))
	}
	return c
}

type outboxID struct {
	node pay.NodeID
	inc  pay.Incarnation
}

type invite struct {
	secret  pay.InviteSecret
	status  pay.NodeStatus
	expired bool
	usedBy  pay.PublicKey
}

func newRegistry() *registry {
	r := &registry{
		root: testKey(1), working: testKey(2), epoch: pay.Epoch([]byte(testEpoch)),
		members: map[pay.NodeID]pay.NodeStatus{}, feeds: map[pay.Scope][]pay.Fact{}, heads: map[pay.Scope][]pay.Head{}, applied: map[outboxID]uint64{},
		facts: map[pay.NodeID][]pay.FactID{}, watchers: map[*feedWatcher]struct{}{}, invites: map[pay.InviteID]*invite{},
		outboxes: map[pay.NodeID]*outbox{}, past: map[outboxID]bool{}, putBack: map[pay.NodeID]pay.PutBack{},
	}
	r.authority = sign(r.root, pay.Authority{Root: r.root.Public(), Working: r.working.Public(), From: 0, Until: 1 << 47})
	return r
}

// enlist makes key a box of testScope.
func (r *registry) enlist(key pay.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.members[key.ID()] = pay.NodeStatus{Node: key.Public(), Role: pay.RoleBox, Scope: testScope, Name: "Till", MerchantName: "Café", Site: "Hall"}
	r.begin(testScope)
}

// begin makes the authority the first entry of a feed.
func (r *registry) begin(scope pay.Scope) {
	if len(r.feeds[scope]) == 0 {
		r.heads[scope] = []pay.Head{headOf(r.epoch, nil)}
		r.enter(scope, r.authority)
	}
}

func (r *registry) enter(scope pay.Scope, f pay.Fact) {
	r.feeds[scope] = append(r.feeds[scope], f)
	heads := r.heads[scope]
	r.heads[scope] = append(heads, nextHead(heads[len(heads)-1], f))
}

func (r *registry) revoke(key pay.Key) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m := r.members[key.ID()]
	m.Revoked = true
	r.members[key.ID()] = m
}

// post appends n entries to the feed of testScope.
func (r *registry) post(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for range n {
		r.append(testScope, pay.FactID{byte(len(r.feeds[testScope]))})
	}
}

func (r *registry) append(scope pay.Scope, claim pay.FactID) {
	at := pay.Time(len(r.feeds[scope]))
	r.enter(scope, sign(r.working, pay.Refusal{Claim: claim, Reason: pay.ReasonNoAnswer, At: at}))
	for w := range r.watchers {
		if w.scope == scope {
			w.grown(uint64(len(r.feeds[scope])))
		}
	}
}

func (r *registry) Member(_ context.Context, node pay.NodeID) (pay.NodeStatus, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.members[node]
	return m, ok, nil
}

func (r *registry) Vehicles(_ context.Context, _ pay.NodeID, codes []pay.CodeHeard) (list []pay.VehicleHeard, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range codes {
		if c.Code == r.car.Code {
			list = append(list, r.car)
		}
	}
	return list, r.failWith
}

func (r *registry) Enrol(_ context.Context, c pay.EnrolClaim) (pay.Membership, error) {
	r.mu.Lock()
	in := r.invites[c.Invite]
	r.mu.Unlock()
	if in == nil || in.expired || c.Proof != pay.InviteProof(in.secret, c.Exporter, c.Node) ||
		(in.usedBy != pay.PublicKey{} && in.usedBy != c.Node) {
		return pay.Membership{}, pay.NewError(pay.CodeInvite, "the invite does not hold", "ask for a new one")
	}
	if in.status.Role != c.Role {
		return pay.Membership{}, pay.NewError(pay.CodeInvite, "the invite is for another role", "ask for a new one")
	}
	in.usedBy = c.Node
	status := in.status
	status.Node = c.Node
	r.mu.Lock()
	r.members[c.Node.ID()] = status
	r.begin(status.Scope)
	r.mu.Unlock()
	return pay.Membership{Node: status, Authority: r.authority, Currency: "EUR", Resolver: pay.BeaconKey{1}}, nil
}

// View shows the registry as it is.
func (r *registry) View(_ context.Context, fn func(paysync.Holdings) error) error { return fn(r) }

func (r *registry) Head(scope pay.Scope) (pay.Head, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.head(scope), nil
}

func (r *registry) head(scope pay.Scope) pay.Head {
	heads := r.heads[scope]
	if len(heads) == 0 {
		return headOf(r.epoch, nil)
	}
	return heads[len(heads)-1]
}

func nextHead(h pay.Head, f pay.Fact) pay.Head {
	h.Cursor.Seq, h.Cursor.Chain, h.Digest = h.Cursor.Seq+1, h.Cursor.Chain.Next(f.ID()), h.Digest.Add(f.ID())
	return h
}

func headOf(epoch pay.Epoch, facts []pay.Fact) pay.Head {
	h := pay.Head{Cursor: pay.Cursor{Epoch: epoch}}
	for _, f := range facts {
		h = nextHead(h, f)
	}
	return h
}

func (r *registry) ChainAt(scope pay.Scope, seq uint64) (pay.Chain, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if seq >= uint64(len(r.heads[scope])) {
		return pay.Chain{}, false, nil
	}
	return r.heads[scope][seq].Cursor.Chain, true, nil
}

func (r *registry) Feed(_ context.Context, scope pay.Scope, after uint64, limit int) ([][]byte, []pay.Chain, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out [][]byte
	var chains []pay.Chain
	for _, f := range r.feeds[scope][min(after, uint64(len(r.feeds[scope]))):] {
		if len(out) == limit {
			break
		}
		out = append(out, f.Raw())
		chains = append(chains, r.heads[scope][after+uint64(len(out))].Cursor.Chain)
	}
	return out, chains, nil
}

func (r *registry) Applied(node pay.NodeID, inc pay.Incarnation) (uint64, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.applied[outboxID{node, inc}], nil
}

func (r *registry) Apply(_ context.Context, node pay.NodeID, inc pay.Incarnation, items []pay.Item) (pay.Applied, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.failWith != nil {
		return pay.Applied{}, r.failWith
	}
	r.applies++
	id := outboxID{node, inc}
	if r.past[id] {
		return pay.Applied{}, pay.ErrReplaced
	}
	if r.outboxes[node] == nil || r.outboxes[node].inc != inc {
		r.outboxes[node] = &outbox{inc: inc}
	}
	refused := map[uint64]pay.Reason{}
	for _, item := range items {
		switch applied := r.applied[id]; {
		case item.N <= applied:
			continue
		case item.N > applied+1:
			return pay.Applied{}, fmt.Errorf("item %d after %d: %w", item.N, applied, pay.ErrGap)
		}
		r.applied[id] = item.N
		r.outboxes[node].items = append(r.outboxes[node].items, item.Facts)
		for _, f := range item.Facts {
			r.facts[node] = append(r.facts[node], f.ID())
		}
		r.append(r.members[node].Scope, item.Facts[0].ID())
		if item.N%7 == 0 {
			refused[item.N] = pay.ReasonTooMany
		}
	}
	return pay.Applied{N: r.applied[id], Refused: refused}, nil
}

func (r *registry) AppliedHead(node pay.NodeID) (head pay.OutboxHead, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.outboxes[node]
	if o == nil {
		return head, false, nil
	}
	n := uint64(len(o.items))
	return pay.OutboxHead{Incarnation: o.inc, N: n, Chain: o.chainAt(n)}, true, nil
}

func (r *registry) AppliedChain(node pay.NodeID, n uint64) (pay.Chain, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.outboxes[node]
	switch {
	case o == nil:
		return pay.Chain{}, n == 0, nil
	case n > uint64(len(o.items)):
		return pay.Chain{}, false, nil
	default:
		return o.chainAt(n), true, nil
	}
}

// keptAtOnce is small, so that what is taken up comes in several messages.
const keptAtOnce = 3

func (r *registry) Kept(node pay.NodeID, after uint64, limit, _ int) (items []pay.KeptItem, chain pay.Chain, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.outboxes[node]
	for n := after; o != nil && n < uint64(len(o.items)) && len(items) < min(limit, keptAtOnce); n++ {
		it := pay.KeptItem{IDs: idsOf(o.items[n])}
		for _, f := range o.items[n] {
			it.Raws = append(it.Raws, f.Raw())
		}
		items, chain = append(items, it), o.chainAt(n+1)
	}
	return items, chain, nil
}

func (r *registry) Renew(_ context.Context, node pay.NodeID, n uint64, chain pay.Chain, next pay.Incarnation) (bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.outboxes[node]
	if o == nil || uint64(len(o.items)) != n || o.chainAt(n) != chain {
		return false, nil
	}
	r.past[outboxID{node, o.inc}] = true
	o.inc = next
	r.applied[outboxID{node, next}] = n
	return true, nil
}

func (r *registry) ApplyUrgent(_ context.Context, facts []pay.Fact) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.urgent = append(r.urgent, idsOf(facts)...)
	return nil
}

func (r *registry) NotePutBack(_ context.Context, node pay.NodeID, p pay.PutBack, entry pay.FactID) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.Proven = !entry.IsZero(); p.Proven {
		delete(r.putBack, node)
	}
	if _, known := r.putBack[node]; !known {
		r.putBack[node] = p
	}
	return nil
}

// feedWatcher is told when a feed grows.
type feedWatcher struct {
	scope pay.Scope
	grown func(end uint64)
}

func (r *registry) Watch(scope pay.Scope, grown func(end uint64)) (stop func()) {
	w := &feedWatcher{scope, grown}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.watchers[w] = struct{}{}
	return func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		delete(r.watchers, w)
	}
}

func (r *registry) Now() pay.Time { return pay.TimeOf(time.Now()) }
