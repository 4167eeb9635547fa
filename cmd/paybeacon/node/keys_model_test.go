package node_test

import (
	"bytes"
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"fmt"
	"io"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/book/booktest"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/pay/till"
)

// ledger is a role's rows and facts in memory.
type ledger struct {
	values map[string][]byte
	facts  map[pay.FactID]pay.Fact
	items  [][]pay.Fact // the outbox of a box, what has left it included
	sent   int          // items that have left
	tried  int          // items that may have left
}

func newLedger() *ledger {
	return &ledger{values: map[string][]byte{}, facts: map[pay.FactID]pay.Fact{}}
}

func (l *ledger) Get(key []byte) ([]byte, bool, error) {
	v, ok := l.values[string(key)]
	return bytes.Clone(v), ok, nil
}

func (l *ledger) Put(key, value []byte) error {
	l.values[string(key)] = bytes.Clone(value)
	return nil
}

func (l *ledger) Delete(key []byte) error {
	delete(l.values, string(key))
	return nil
}

func (l *ledger) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	var keys []string
	for k := range l.values {
		if k >= string(from) && (to == nil || k < string(to)) {
			keys = append(keys, k)
		}
	}
	slices.Sort(keys)
	for i, k := range keys {
		if (limit > 0 && i == limit) || !fn([]byte(k), bytes.Clone(l.values[k])) {
			break
		}
	}
	return nil
}

func (l *ledger) Fact(id pay.FactID) (pay.Fact, bool, error) {
	f, ok := l.facts[id]
	return f, ok, nil
}

func (l *ledger) Facts(fn func(pay.Fact) error) error {
	for _, f := range l.facts {
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

func (*ledger) Wake(pay.Time, pay.Subject) error { return nil }

func (*ledger) SetAside(pay.Subject) (bool, error) { return false, nil }

func (l *ledger) Queued(id pay.FactID) (bool, error) {
	return slices.ContainsFunc(l.items[l.sent:], func(item []pay.Fact) bool {
		return slices.ContainsFunc(item, func(f pay.Fact) bool { return f.ID() == id })
	}), nil
}

func (l *ledger) Attach(to pay.FactID, f pay.Fact) (bool, error) {
	for i := l.tried; i < len(l.items); i++ {
		if l.items[i][0].ID() == to {
			l.facts[f.ID()] = f
			l.items[i] = append(l.items[i], f)
			return true, nil
		}
	}
	return false, nil
}

func (l *ledger) publish(r pay.Reaction) {
	for _, p := range r.Publications {
		l.facts[p.Fact.ID()] = p.Fact
		l.items = append(l.items, []pay.Fact{p.Fact})
	}
}

// shopBox is a box with its till, and how far it has read its merchant's feed.
type shopBox struct {
	*ledger
	name   string
	key    pay.Key
	status pay.NodeStatus
	till   *till.Till
	seen   int
}

func (b *shopBox) open() {
	b.till = till.New(till.Options{Key: b.key, Merchant: b.status.Scope, MerchantName: b.status.MerchantName, Site: b.status.Site, Currency: "EUR"})
}

// chain is three boxes, two of them of one merchant, under the real roles of
// registry and box, and a payer for each merchant.
type chain struct {
	t       *rapid.T
	now     pay.Time
	random  io.Reader
	root    pay.Key
	role    *registry.Registry
	reg     *ledger
	feeds   map[pay.Scope][]pay.Fact
	boxes   []*shopBox
	wallets map[pay.Scope]pay.Key
	tags    []func(pay.Time) pay.Code // one for each merchant's customer
}

// endless is a repeatable source of bytes.
type endless struct{ n byte }

func (e *endless) Read(p []byte) (int, error) {
	for i := 0; i < len(p); {
		e.n++
		sum := sha256.Sum256([]byte{e.n, byte(i)})
		i += copy(p[i:], sum[:])
	}
	return len(p), nil
}

func (c *chain) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

func newChain(t *rapid.T) *chain {
	c := &chain{t: t, now: 1_800_000_000_000, random: &endless{}, reg: newLedger(), feeds: map[pay.Scope][]pay.Fact{}, wallets: map[pay.Scope]pay.Key{}}
	booktest.AtEnd(t, func() (pay.Rows, booktest.Feeds) { return c.reg, c.feeds })
	var err error
	c.root, err = pay.NewKey(c.random)
	c.must(err)
	working, err := pay.NewKey(c.random)
	c.must(err)
	authority, err := pay.Sign(c.root, pay.Authority{Root: c.root.Public(), Working: working.Public(), From: c.now - 1, Until: c.now + 1_000_000_000})
	c.must(err)
	seed := sha256.Sum256([]byte("resolver"))
	resolver, err := ecdh.X25519().NewPrivateKey(seed[:])
	c.must(err)
	c.role, err = registry.New(registry.Options{Key: working, Authority: authority, Root: c.root.ID(), RefSecret: seed, Resolver: resolver, Currency: "EUR"})
	c.must(err)
	for _, b := range [][2]pay.Name{{"Cafe", "one"}, {"Cafe", "two"}, {"Bar", "three"}} {
		box := &shopBox{ledger: newLedger(), name: string(b[1])}
		box.key, box.status = c.enrol(registry.InviteSpec{Role: pay.RoleBox, Name: b[1], Merchant: b[0], Site: "hall"})
		box.open()
		c.boxes = append(c.boxes, box)
	}
	for i := range 2 { // a customer for each merchant, so that no code is heard at both
		key, status := c.enrol(registry.InviteSpec{Role: pay.RoleWallet, Name: pay.Name(fmt.Sprint("payer-", i))})
		_, r, err := c.role.TopUp(c.reg, c.now, pay.TopUp{Wallet: status.Scope, Amount: 1_000_000, Currency: "EUR", Key: pay.IdempotencyKey(fmt.Sprint(i))})
		c.must(err)
		c.publish(r)
		c.wallets[status.Scope] = key
		c.tags = append(c.tags, c.pair(key, pay.BeaconKey(resolver.PublicKey().Bytes())))
	}
	return c
}

func (c *chain) enrol(spec registry.InviteSpec) (pay.Key, pay.NodeStatus) {
	spec.Address = "127.0.0.1:1"
	key, err := pay.NewKey(c.random)
	c.must(err)
	i, err := c.role.Invite(c.reg, c.now, c.random, spec)
	c.must(err)
	m, r, err := c.role.Enrol(c.reg, c.now, pay.EnrolClaim{
		Invite: i.ID, Exporter: []byte("x"), Proof: pay.InviteProof(i.Secret, []byte("x"), key.Public()), Node: key.Public(), Role: spec.Role,
	})
	c.must(err)
	c.publish(r)
	return key, m.Node
}

// pair maps a tag to a wallet and returns what it broadcasts at a moment.
func (c *chain) pair(wallet pay.Key, resolver pay.BeaconKey) func(pay.Time) pay.Code {
	s, err := device.New(c.random, 6, c.now)
	c.must(err)
	identity, err := s.IdentityKey(resolver)
	c.must(err)
	bind, err := pay.Sign(s.Key(), pay.Bind{
		Registry: c.root.ID(), Resolver: resolver, Wallet: wallet.ID(), Device: s.Key().Public(),
		Beacon: s.BeaconKey(), Exponent: s.Exponent, Counter: s.Counter.Counter(), Type: pay.TypeTag,
	})
	c.must(err)
	mapping, err := pay.Sign(wallet, pay.Mapping{Device: s.Key().ID(), Bind: bind.Raw(), Created: c.now})
	c.must(err)
	if r := c.claim(mapping, nil); r.Refused != "" {
		c.t.Fatalf("mapping was refused: %s", r.Refused)
	}
	counter, since := s.Counter.Counter(), c.now
	return func(now pay.Time) pay.Code {
		return pay.CodeAt(identity, s.Exponent, s.Exponent.Step(counter+pay.Counter(now.Sub(since)/1000)))
	}
}

func (c *chain) publish(r pay.Reaction) {
	for _, p := range r.Publications {
		c.reg.facts[p.Fact.ID()] = p.Fact
		for _, s := range p.Scopes {
			c.feeds[s] = append(c.feeds[s], p.Fact)
		}
	}
}

// claim lets the registry react to a claim.
func (c *chain) claim(f pay.Fact, with []pay.Fact) pay.Reaction {
	c.reg.facts[f.ID()] = f
	r, err := c.role.React(c.reg, c.now, pay.ClaimArrived{Fact: f, With: with})
	c.must(err)
	c.publish(r)
	return r
}

// push sends the next item of a box's outbox, which may be lost on its way, as may
// the acknowledgement.
func (c *chain) push(b *shopBox) {
	if b.sent == len(b.items) {
		return
	}
	b.tried = max(b.tried, b.sent+1)
	if rapid.IntRange(0, 5).Draw(c.t, "lost") == 0 {
		return
	}
	item := b.items[b.sent]
	refused := make([]pay.Reason, len(item))
	for i, f := range item {
		refused[i] = c.claim(f, item[i+1:]).Refused
	}
	if rapid.IntRange(0, 5).Draw(c.t, "acknowledgement lost") == 0 {
		return
	}
	b.sent++
	for i, f := range item {
		if refused[i] != "" {
			c.react(b, pay.ClaimRefused{Fact: f, Reason: refused[i]})
		}
	}
}

// pull lets a box read some entries of its merchant's feed.
func (c *chain) pull(b *shopBox, most int) {
	feed := c.feeds[b.status.Scope]
	for ; b.seen < len(feed) && most > 0; most-- {
		f := feed[b.seen]
		b.facts[f.ID()] = f
		c.react(b, pay.EntryMirrored{Fact: f})
		b.seen++
	}
}

func (c *chain) react(b *shopBox, in pay.Input) {
	_, err := b.till.React(b, c.now, in)
	c.must(err)
}

// offers returns the open offers and whose they are.
func (c *chain) offers() (open []pay.Decision, ids []pay.FactID, whose []pay.Scope) {
	for scope := range c.wallets {
		last := map[pay.PaymentID]pay.Fact{}
		var order []pay.PaymentID
		for _, f := range c.feeds[scope] {
			if d, err := pay.As[pay.Decision](f); err == nil {
				if _, known := last[d.Payment]; !known {
					order = append(order, d.Payment)
				}
				last[d.Payment] = f
			}
		}
		for _, id := range order {
			if d, err := pay.As[pay.Decision](last[id]); err == nil && d.State == pay.StateOffered {
				open, ids, whose = append(open, d), append(ids, last[id].ID()), append(whose, scope)
			}
		}
	}
	return open, ids, whose
}

func (c *chain) answer(open pay.Decision, id pay.FactID, whose pay.Scope, v pay.Verdict, tip pay.Amount) {
	f, err := pay.Sign(c.wallets[whose], pay.Answer{
		Payment: open.Payment, Offer: id, Merchant: open.Merchant, Amount: open.Amount, Currency: open.Currency,
		Expires: open.Expires, HoldUntil: open.HoldUntil, Verdict: v, By: pay.ByHand, Created: c.now, Tip: tip,
	})
	c.must(err)
	r := c.claim(f, nil)
	switch late := c.now >= open.Expires; {
	case r.Refused == "", late && r.Refused == pay.ReasonLateAnswer:
	case r.Refused == pay.ReasonNeedsDevice: // for its code, which nobody gives here: the offer stays as it was
	default:
		c.t.Fatalf("an answer was refused: %s", r.Refused)
	}
}

func (c *chain) answers(t *rapid.T) {
	for i, d := range sorted(c.offers()) {
		if rapid.IntRange(0, 2).Draw(t, "answer") > 0 {
			v, tip := rapid.SampledFrom([]pay.Verdict{pay.Approve, pay.Approve, pay.Decline}).Draw(t, fmt.Sprint("verdict ", i)), pay.Amount(0)
			if v == pay.Approve && d.open.TipMax > 0 {
				tip = pay.Amount(rapid.Int64Range(0, int64(d.open.TipMax)).Draw(t, fmt.Sprint("tip ", i)))
			}
			c.answer(d.open, d.id, d.whose, v, tip)
		}
	}
}

type openOffer struct {
	open  pay.Decision
	id    pay.FactID
	whose pay.Scope
}

// sorted joins the lists of offers in the order of the payments' ids, so that a run
// can be repeated.
func sorted(open []pay.Decision, ids []pay.FactID, whose []pay.Scope) (list []openOffer) {
	for i := range open {
		list = append(list, openOffer{open[i], ids[i], whose[i]})
	}
	slices.SortFunc(list, func(a, b openOffer) int { return bytes.Compare(a.id[:], b.id[:]) })
	return list
}

var modelKeys = []pay.IdempotencyKey{"k1", "k2", "k3"}

func (c *chain) order(t *rapid.T) till.Order {
	return till.Order{
		Key: rapid.SampledFrom(modelKeys).Draw(t, "key"), Amount: pay.Amount(rapid.SampledFrom([]int{100, 100, 100, 250}).Draw(t, "amount")), TTL: 60_000,
		To:     rapid.SampledFrom([]pay.Handle{"", "", "amber-otter"}).Draw(t, "to"),
		TipMax: rapid.SampledFrom([]pay.Amount{0, 0, 40}).Draw(t, "tips"),
	}
}

func (c *chain) charges(t *rapid.T) {
	b := rapid.SampledFrom(c.boxes).Draw(t, "box")
	code := c.tags[0]
	if b.status.MerchantName == "Bar" {
		code = c.tags[1]
	}
	_, r, err := b.till.Charge(b, c.now, c.order(t), till.Choice{Candidate: pay.Candidate{Handle: "amber-otter", Code: code(c.now), Heard: c.now, Near: true}, Evidence: pay.EvidenceClear})
	if code := pay.CodeOf(err); code != "" && code != pay.CodeKeyUsed {
		t.Fatalf("charge: %v", err)
	}
	b.publish(r)
}

func (c *chain) cancels(t *rapid.T) {
	b := rapid.SampledFrom(c.boxes).Draw(t, "box")
	e, err := b.till.Find(b, c.now, rapid.SampledFrom(modelKeys).Draw(t, "key"))
	if pay.CodeOf(err) == pay.CodeNotFound {
		return
	}
	c.must(err)
	_, r, err := b.till.Cancel(b, c.now, e.ID.String())
	if code := pay.CodeOf(err); code != "" && code != pay.CodeConflict {
		t.Fatalf("cancel: %v", err)
	}
	b.publish(r)
}

// check is what must hold at every moment: no key of a merchant has two payments,
// and no box calls one paid that is not.
func (c *chain) check(t *rapid.T) {
	type ofKey struct {
		merchant pay.Scope
		key      pay.IdempotencyKey
	}
	paid := map[ofKey]pay.PaymentID{}
	var sum pay.Amount
	for _, f := range c.reg.facts {
		d, err := pay.As[pay.Decision](f)
		if err != nil || d.State != pay.StateCaptured {
			continue
		}
		req, err := pay.As[pay.Request](c.reg.facts[pay.FactID(d.Payment)])
		c.must(err)
		k := ofKey{req.Merchant, req.Key}
		if other, twice := paid[k]; twice && other != d.Payment {
			t.Fatalf("key %s of %s was paid twice", k.key, k.merchant)
		}
		paid[k] = d.Payment
		sum += d.SumsAfter().Captured
	}
	var has pay.Amount
	for _, b := range c.boxes[1:] {
		x, err := book.Load(c.reg, book.Account{Owner: b.status.Scope, Currency: "EUR"})
		c.must(err)
		has += x.Posted()
	}
	if has != sum {
		t.Fatalf("merchants have %d, paid was %d", has, sum)
	}
	for _, b := range c.boxes {
		for _, k := range modelKeys {
			e, err := b.till.Find(b, c.now, k)
			if pay.CodeOf(err) == pay.CodeNotFound {
				continue
			}
			c.must(err)
			id, isPaid := paid[ofKey{b.status.Scope, k}]
			if e.Outcome() == pay.OutcomePaid && (!isPaid || e.ID != id) {
				t.Fatalf("box %s calls key %s paid by %s", b.name, k, e.ID.Short())
			}
		}
	}
}

// settle lets everything arrive, and then all boxes of a merchant must agree.
func (c *chain) settle(t *rapid.T) {
	for range 200 {
		for _, b := range c.boxes {
			c.push(b)
			c.pull(b, 100)
		}
	}
	for _, d := range sorted(c.offers()) {
		c.answer(d.open, d.id, d.whose, pay.Approve, 0)
	}
	for _, b := range c.boxes {
		c.pull(b, 1_000)
		if b.sent != len(b.items) {
			t.Fatalf("box %s still has items", b.name)
		}
	}
	c.check(t)
	for _, k := range modelKeys {
		var first *till.Entry
		for _, b := range c.boxes[:2] {
			e, err := b.till.Find(b, c.now, k)
			if pay.CodeOf(err) == pay.CodeNotFound {
				continue
			}
			c.must(err)
			if !e.Conflict.IsZero() {
				if e.State() != pay.StateFailed || e.Reason != pay.ReasonKeyUsed || e.Outcome() != pay.OutcomeNotPaid {
					t.Fatalf("box %s: key %s is in conflict and %s (%s), %s", b.name, k, e.State(), e.Reason, e.Outcome())
				}
				if e, err = b.till.Show(b, c.now, e.Conflict.String()); err != nil {
					t.Fatal(err)
				}
			}
			if !e.State().Final() {
				t.Fatalf("box %s: key %s is %s in the end", b.name, k, e.State())
			}
			if first == nil {
				first = &e
			} else if first.ID != e.ID || first.State() != e.State() {
				t.Fatalf("key %s is %s (%s) at one box and %s (%s) at the other", k, first.ID.Short(), first.State(), e.ID.Short(), e.State())
			}
		}
	}
	if res, err := c.role.Audit(context.Background(), c.reg); err != nil || !res.OK || res.Duplicates != 0 {
		t.Fatalf("audit: %+v, %v", res, err)
	}
}

// TestOneKeyOneMovement lets two boxes of one merchant, and one of another, charge
// and cancel under a few keys, cut off from the registry for any time, with items
// and acknowledgements lost and boxes opened anew. Under one key of a merchant money
// moves once at most, and in the end its boxes show the same.
func TestOneKeyOneMovement(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		c := newChain(rt)
		box := func(t *rapid.T) *shopBox { return rapid.SampledFrom(c.boxes).Draw(t, "box") }
		rt.Repeat(map[string]func(*rapid.T){
			"charge": c.charges, "charge more": c.charges, "cancel": c.cancels, "answer": c.answers,
			"push":    func(t *rapid.T) { c.push(box(t)) },
			"pull":    func(t *rapid.T) { c.pull(box(t), rapid.IntRange(1, 5).Draw(t, "entries")) },
			"restart": func(t *rapid.T) { box(t).open() },
			"time":    func(*rapid.T) { c.now = c.now.Add(1) },
			"":        c.check,
		})
		c.settle(rt)
	})
}
