package registry_test

import (
	"context"
	"crypto/ecdh"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book/booktest"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// tb is what testing.TB and rapid.T have in common here.
type tb interface {
	Helper()
	Cleanup(func())
	Failed() bool
	Fatalf(format string, args ...any)
}

const start pay.Time = 1_800_000_000_000

// stream is an endless, repeatable source of bytes.
type stream struct {
	seed string
	n    uint64
	rest []byte
}

func (s *stream) Read(p []byte) (int, error) {
	for i := range p {
		if len(s.rest) == 0 {
			sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(s.seed), s.n))
			s.n, s.rest = s.n+1, sum[:]
		}
		p[i], s.rest = s.rest[0], s.rest[1:]
	}
	return len(p), nil
}

func keyOf(name string) pay.Key {
	k, err := pay.NewKey(&stream{seed: name})
	if err != nil {
		panic(err)
	}
	return k
}

func curveKey(name string) *ecdh.PrivateKey {
	raw := sha256.Sum256([]byte(name))
	k, err := ecdh.X25519().NewPrivateKey(raw[:])
	if err != nil {
		panic(err)
	}
	return k
}

// node is a box or a wallet.
type node struct {
	key    pay.Key
	status pay.NodeStatus
}

// device is a beacon: its counter is what it was at since, and runs at rate
// parts per million too fast.
type device struct {
	key     pay.Key
	beacon  *ecdh.PrivateKey
	k       pay.Exponent
	counter pay.Counter
	since   pay.Time
	ppm     int64
}

// world is a registry with its nodes, without disk and network.
type world struct {
	tb
	now    pay.Time
	mem    *memory
	reg    *registry.Registry
	random io.Reader
	root   pay.Key
	feeds  map[pay.Scope][]pay.Fact
	log    []pay.Fact // all that was published
	// effects are the calls that were asked for and have no result.
	effects []pay.Effect
	serial  int
	// broken says why money need not be conserved at the end: the test itself has changed
	// rows or facts.
	broken string
}

func newWorld(t tb) *world {
	t.Helper()
	w := &world{tb: t, now: start, mem: newMemory(), random: &stream{seed: "world"}, root: keyOf("root"), feeds: make(map[pay.Scope][]pay.Fact)}
	w.reg = w.newRegistry()
	booktest.AtEnd(t, func() (pay.Rows, booktest.Feeds) {
		if w.broken != "" {
			return nil, nil
		}
		return w.mem, w.feeds
	})
	return w
}

// newRegistry returns a registry with the same keys and an empty memory, as
// after a restart.
func (w *world) newRegistry() *registry.Registry {
	w.Helper()
	working := keyOf("working")
	authority, err := pay.Sign(w.root, pay.Authority{Root: w.root.Public(), Working: working.Public(), From: start - 1_000_000, Until: start + 10*365*86_400_000})
	w.must(err)
	r, err := registry.New(registry.Options{
		Key: working, Authority: authority, Root: w.root.ID(), RefSecret: [32]byte{7}, Resolver: curveKey("resolver"), Currency: "EUR",
		Acquirers: map[pay.Acquirer]registry.Acquirer{pay.AcquirerSim: {Test: true}},
	})
	w.must(err)
	return r
}

func (w *world) must(err error) {
	w.Helper()
	if err != nil {
		w.Fatalf("unexpected: %v", err)
	}
}

// publish does what the store does with a reaction.
func (w *world) publish(r pay.Reaction) {
	w.effects = append(w.effects, r.Effects...)
	for _, p := range r.Publications {
		w.mem.facts[p.Fact.ID()] = p.Fact
		w.log = append(w.log, p.Fact)
		for _, s := range p.Scopes {
			if !slices.ContainsFunc(w.feeds[s], func(f pay.Fact) bool { return f.ID() == p.Fact.ID() }) {
				w.feeds[s] = append(w.feeds[s], p.Fact)
			}
		}
	}
}

// react runs the role, twice, since it may run again and must do the same.
func (w *world) react(in pay.Input) pay.Reaction {
	w.Helper()
	fact, brings := pay.FactOf(in)
	if brings {
		w.mem.facts[fact.ID()] = fact
	}
	trial := w.mem.trial()
	first, err := w.reg.React(trial, w.now, in)
	w.must(err)
	w.mem.log = nil
	second, err := w.reg.React(w.mem, w.now, in)
	w.must(err)
	if !reflect.DeepEqual(first, second) || !slices.Equal(trial.log, w.mem.log) {
		w.Fatalf("reacting again to %s was different", fact.Kind())
	}
	decided := slices.ContainsFunc(second.Publications, func(p pay.Publication) bool { return p.Fact.Kind() == pay.KindDecision })
	moved := slices.ContainsFunc(w.mem.log, func(line string) bool { return strings.HasPrefix(line, "b/") || strings.HasPrefix(line, "p/") })
	_, answered := in.(pay.EffectDone)
	if moved && !decided && !answered && len(second.Effects) == 0 {
		w.Fatalf("%s (%s) changed payments or the book without a decision", fact.Kind(), second.Refused)
	}
	w.publish(second)
	return second
}

// push sends facts as one outbox item that is as old as age, after the
// deadlines that have come, and returns why the first was refused.
func (w *world) push(age pay.Millis, facts ...pay.Fact) (refused pay.Reason) {
	w.Helper()
	w.fireDue()
	for i, f := range facts {
		r := w.react(pay.ClaimArrived{Fact: f, Age: age, With: facts[i+1:]})
		if i == 0 {
			refused = r.Refused
		}
	}
	return refused
}

func (w *world) fireDue() {
	w.Helper()
	for {
		i := slices.IndexFunc(w.mem.wakes, func(k wake) bool { return k.at <= w.now })
		if i < 0 {
			return
		}
		due := w.mem.wakes[i].subject
		w.mem.wakes = slices.Delete(w.mem.wakes, i, i+1)
		w.react(pay.DeadlineReached{Subject: due})
	}
}

func (w *world) sign(key pay.Key, b pay.Body) pay.Fact {
	w.Helper()
	f, err := pay.Sign(key, b)
	w.must(err)
	return f
}

func (w *world) invite(spec registry.InviteSpec) registry.Invited {
	w.Helper()
	spec.Address = "127.0.0.1:7443"
	i, err := w.reg.Invite(w.mem, w.now, w.random, spec)
	w.must(err)
	return i
}

func claimOf(i registry.Invited, key pay.Key) pay.EnrolClaim {
	exporter := []byte("exporter")
	return pay.EnrolClaim{Invite: i.ID, Exporter: exporter, Proof: pay.InviteProof(i.Secret, exporter, key.Public()), Node: key.Public(), Role: i.Role}
}

func (w *world) enrol(key pay.Key, spec registry.InviteSpec) node {
	w.Helper()
	m, r, err := w.reg.Enrol(w.mem, w.now, claimOf(w.invite(spec), key))
	w.must(err)
	w.publish(r)
	return node{key: key, status: m.Node}
}

func (w *world) box(merchant, site pay.Name) node {
	w.Helper()
	return w.enrol(keyOf("box "+string(merchant+site)), registry.InviteSpec{Role: pay.RoleBox, Name: "box-" + site, Merchant: merchant, Site: site})
}

func (w *world) wallet(name pay.Name) node {
	w.Helper()
	return w.enrol(keyOf("wallet "+string(name)), registry.InviteSpec{Role: pay.RoleWallet, Name: name})
}

func (w *world) topUp(to node, amount pay.Amount) {
	w.Helper()
	w.serial++
	_, r, err := w.reg.TopUp(w.mem, w.now, pay.TopUp{Wallet: to.status.Scope, Amount: amount, Currency: "EUR", Key: pay.IdempotencyKey(fmt.Sprint("topup-", w.serial))})
	w.must(err)
	w.publish(r)
}

func newDevice(name string, k pay.Exponent) *device {
	return &device{key: keyOf("device " + name), beacon: curveKey("beacon " + name), k: k, counter: 65_000, since: start}
}

// at returns the device's counter at t of the registry's clock.
func (d *device) at(t pay.Time) pay.Counter {
	ms := int64(t - d.since)
	return d.counter + pay.Counter((ms+ms*d.ppm/1_000_000)/1000)
}

func (d *device) beaconKey() pay.BeaconKey { return pay.BeaconKey(d.beacon.PublicKey().Bytes()) }

// code returns what the device broadcasts at t.
func (d *device) code(t pay.Time) pay.Code {
	pub := curveKey("resolver").PublicKey()
	shared, err := d.beacon.ECDH(pub)
	if err != nil {
		panic(err)
	}
	ik, err := pay.DeriveIdentityKey(shared, pay.BeaconKey(pub.Bytes()), d.beaconKey())
	if err != nil {
		panic(err)
	}
	return pay.CodeAt(ik, d.k, d.k.Step(d.at(t)))
}

// bind is what the device signs for a wallet at t.
func (w *world) bind(d *device, to node, t pay.Time) pay.Bind {
	return pay.Bind{
		Registry: w.root.ID(), Resolver: pay.BeaconKey(curveKey("resolver").PublicKey().Bytes()), Wallet: to.key.ID(), Device: d.key.Public(),
		Beacon: d.beaconKey(), Exponent: d.k, Counter: d.at(t), Type: pay.TypeTag,
	}
}

func (w *world) mapping(d *device, to node, b pay.Bind) pay.Fact {
	w.Helper()
	w.serial++
	return w.sign(to.key, pay.Mapping{Device: d.key.ID(), Bind: w.sign(d.key, b).Raw(), Vehicle: "AB 123", Created: pay.Time(w.serial)})
}

func (w *world) pair(d *device, to node) {
	w.Helper()
	if refused := w.push(0, w.mapping(d, to, w.bind(d, to, w.now))); refused != "" {
		w.Fatalf("mapping was refused: %s", refused)
	}
}

// requestFrom returns a request under a new key.
func (w *world) requestFrom(from node, code pay.Code, amount pay.Amount) pay.Request {
	w.serial++
	return pay.Request{
		Key: pay.IdempotencyKey(fmt.Sprint("charge-", w.serial)), Merchant: from.status.Scope, Site: from.status.Site, Code: code,
		Handle: "amber-otter", Amount: amount, Currency: "EUR", Ref: "order 1", TTL: 60_000, Created: w.now,
		Evidence: pay.EvidenceClear, Certain: true,
	}
}

// charge pushes a request and returns it.
func (w *world) charge(from node, d *device, amount pay.Amount) pay.Fact {
	w.Helper()
	f := w.sign(from.key, w.requestFrom(from, d.code(w.now), amount))
	w.push(0, f)
	return f
}

// last returns the last decision on the payment that a request opened, in a
// feed.
func (w *world) last(scope pay.Scope, request pay.Fact) (d pay.Decision, id pay.FactID) {
	w.Helper()
	for _, f := range w.feeds[scope] {
		if f.Kind() != pay.KindDecision {
			continue
		}
		next, err := pay.As[pay.Decision](f)
		w.must(err)
		if next.Payment == pay.PaymentID(request.ID()) {
			d, id = next, f.ID()
		}
	}
	return d, id
}

// says returns state and reason of a payment at the merchant: "captured",
// "unmatched out_of_step", or "" without a decision.
func (w *world) says(from node, request pay.Fact) string {
	w.Helper()
	d, _ := w.last(from.status.Scope, request)
	if d.Reason == "" {
		return string(d.State)
	}
	return string(d.State) + " " + string(d.Reason)
}

// reply returns a wallet's answer to the standing offer of a payment.
func (w *world) reply(of node, request pay.Fact, v pay.Verdict, by pay.Rule) pay.Answer {
	w.Helper()
	w.serial++
	offer, id := pay.Decision{}, pay.FactID{}
	for _, f := range w.feeds[of.status.Scope] {
		if d, err := pay.As[pay.Decision](f); err == nil && d.State == pay.StateOffered && d.Payment == pay.PaymentID(request.ID()) {
			offer, id = d, f.ID()
		}
	}
	return pay.Answer{
		Payment: pay.PaymentID(request.ID()), Offer: id, Merchant: offer.Merchant, Amount: offer.Amount, Currency: offer.Currency,
		Expires: offer.Expires, Verdict: v, By: by, Created: pay.Time(w.serial),
	}
}

func (w *world) answer(of node, request pay.Fact, v pay.Verdict, by pay.Rule) pay.Reason {
	w.Helper()
	return w.push(0, w.sign(of.key, w.reply(of, request, v, by)))
}

func (w *world) cancel(by node, request pay.Fact) pay.Reason {
	w.Helper()
	w.serial++
	return w.push(0, w.sign(by.key, pay.Cancel{Payment: pay.PaymentID(request.ID()), Created: pay.Time(w.serial)}))
}

func (w *world) audit() registry.AuditResult {
	w.Helper()
	res, err := w.reg.Audit(context.Background(), w.mem)
	w.must(err)
	return res
}

func (w *world) auditOK() {
	w.Helper()
	if res := w.audit(); !res.OK {
		w.Fatalf("audit: %+v", res)
	}
}

// view is what RefreshCodes reads.
func (w *world) view(_ context.Context, fn func(pay.Rows) error) error { return fn(w.mem.clone()) }

func (w *world) refresh() {
	w.Helper()
	w.must(w.reg.RefreshCodes(context.Background(), w.view, w.now))
}

// refusals counts the refusals of a reason in a feed.
func (w *world) refusals(scope pay.Scope, reason pay.Reason) (n int) {
	for _, f := range w.feeds[scope] {
		if no, err := pay.As[pay.Refusal](f); err == nil && no.Reason == reason {
			n++
		}
	}
	return n
}
