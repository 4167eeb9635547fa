package bench

import (
	"cmp"
	"context"
	"crypto/ecdh"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/store/kv"
)

// The wormhole model. Somebody near stall A hears a payer's code, carries it to
// stall B and charges there, 0 to 60 s later. What stops it is that the same
// code at two sites within one step needs a person and the device; what that
// costs is that an honest payer who buys at two stalls within one step is asked
// for the device too. The registry is the shipped one; the people are assumed:
//
//   - An honest payer buys every ten minutes or so. After some purchases (a
//     hop) the next one follows at another stall as soon as he has walked there
//     and ordered. Festival: 5 in 100 hop, after 15 s and then a minute on
//     average. Campus: 1 in 100, after 90 s and then two minutes on average.
//   - A victim waits 15 s at A before its box asks and stays 5 s after; the
//     attacker hears the code at some moment of these. One in five only walks
//     by and pays nowhere.
//   - Clocks run true and nobody answers: what counts is what is demanded.
const (
	wormholeSeed    = 20_261_126
	wormholeAttacks = 2_000
	wormholeVictims = 300
	wormholePayers  = 120
	wormholeStalls  = 12
	wormholeHours   = 4
	wormholeBucket  = 15_000 // ms
	wormholeLongest = 60_000
)

// custom says how honest payers go from stall to stall.
type custom struct {
	name        string
	hops        float64 // of all purchases
	least, mean float64 // ms from one purchase to the next: least, and on top of it on average
}

func customs() []custom {
	return []custom{
		{"festival", 0.05, 15_000, 60_000},
		{"campus", 0.01, 90_000, 120_000},
	}
}

// sighting is one request that a box makes at a moment with a code that it, or
// somebody else, heard at another.
type sighting struct {
	at, heard pay.Time
	stall     int
	payer     int
	attack    int // the number of the attack from 1, 0 for an honest payer
	honest    bool
}

// outcome is what the registry said to it.
type outcome struct {
	asked  bool // somebody is asked to pay
	demand pay.StepUp
}

// stopped says that the request does not end in an ordinary prompt: nobody is
// asked, or the device has to speak too.
func (o outcome) stopped() bool { return !o.asked || o.demand != "" }

func benchWormhole(ctx context.Context, _ string) ([]figure, error) {
	figures := []figure{{What: "seed of the model", Value: wormholeSeed}}
	attacks, err := wormholeTries(ctx)
	if err != nil {
		return nil, err
	}
	figures = append(figures, attacks...)
	for i, c := range customs() {
		f, err := wormholeAlarms(ctx, c, uint64(i))
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	for _, declared := range []bool{false, true} {
		f, err := earshotModel(ctx, declared)
		if err != nil {
			return nil, err
		}
		figures = append(figures, f...)
	}
	return figures, nil
}

// try is one attack: how late it came, and what became of it.
type try struct {
	delay  pay.Millis
	walked bool // the victim paid nowhere
	attack outcome
	victim outcome
}

// wormholeTries carries codes away from victims and counts what is noticed.
func wormholeTries(ctx context.Context) ([]figure, error) {
	random := rand.New(rand.NewPCG(wormholeSeed, 0))
	f, err := newFair(ctx, wormholeVictims)
	if err != nil {
		return nil, err
	}
	tries := make([]try, wormholeAttacks)
	var all []sighting
	// Twenty minutes apart for each victim: no try sees another one.
	const apart = 20 * 60_000
	for i := range tries {
		pays := f.opened.Add(pay.Millis(apart*(1+i/wormholeVictims)) + pay.Millis(random.Int64N(apart/2)))
		heard := pays.Add(pay.Millis(random.Int64N(20_000)) - 15_000)
		t := try{delay: pay.Millis(random.Int64N(wormholeLongest)), walked: random.IntN(5) == 0}
		stall := random.IntN(wormholeStalls)
		there := (stall + 1 + random.IntN(wormholeStalls-1)) % wormholeStalls
		all = append(all, sighting{at: heard.Add(t.delay), heard: heard, stall: there, payer: i % wormholeVictims, attack: i + 1})
		if !t.walked {
			all = append(all, sighting{at: pays, heard: pays, stall: stall, payer: i % wormholeVictims, attack: i + 1, honest: true})
		}
		tries[i] = t
	}
	err = f.ask(ctx, all, func(s sighting, o outcome) {
		if s.honest {
			tries[s.attack-1].victim = o
		} else {
			tries[s.attack-1].attack = o
		}
	})
	return wormholeFigures(tries), err
}

func wormholeFigures(tries []try) []figure {
	share := func(what string, of, counts func(try) bool) figure {
		n, hits := 0, 0
		for _, t := range tries {
			if of(t) {
				n++
				if counts(t) {
					hits++
				}
			}
		}
		return percentOf(what, hits, n)
	}
	all := func(try) bool { return true }
	stopped := func(t try) bool { return t.attack.stopped() }
	seen := func(t try) bool { return !stopped(t) && !t.walked && t.victim.demand == pay.StepUpElsewhere }
	unseen := func(t try) bool { return !stopped(t) && !seen(t) }
	figures := []figure{
		{What: "codes carried away", Value: float64(len(tries))},
		share("stepped up or refused", all, stopped),
		share("seen as the victim pays next", all, seen),
		share("unseen: only the prompt stands", all, unseen),
		share("unseen if the victim only walks by", func(t try) bool { return t.walked }, unseen),
	}
	for from := pay.Millis(0); from < wormholeLongest; from += wormholeBucket {
		in := func(t try) bool { return !t.walked && t.delay >= from && t.delay < from+wormholeBucket }
		span := fmt.Sprintf("%d-%d s late, victim pays: ", from/1000, (from+wormholeBucket)/1000)
		figures = append(figures, share(span+"stopped", in, stopped), share(span+"seen", in, seen))
	}
	return figures
}

func percentOf(what string, hits, n int) figure {
	return figure{What: what, Value: 100 * float64(hits) / float64(max(n, 1)), Unit: "%"}
}

// wormholeAlarms lets honest payers buy and counts how many are asked for their
// device for nothing.
func wormholeAlarms(ctx context.Context, c custom, nth uint64) ([]figure, error) {
	random := rand.New(rand.NewPCG(wormholeSeed, 1+nth))
	f, err := newFair(ctx, wormholePayers)
	if err != nil {
		return nil, err
	}
	var all []sighting
	for p := range wormholePayers {
		for at := f.opened.Add(60_000); at < f.opened.Add(wormholeHours*3_600_000); {
			stall := random.IntN(wormholeStalls)
			all = append(all, sighting{at: at, heard: at, stall: stall, payer: p, honest: true})
			for random.Float64() < c.hops {
				at = at.Add(pay.Millis(c.least + random.ExpFloat64()*c.mean))
				stall = (stall + 1 + random.IntN(wormholeStalls-1)) % wormholeStalls
				all = append(all, sighting{at: at, heard: at, stall: stall, payer: p, honest: true})
			}
			at = at.Add(pay.Millis(120_000 + random.ExpFloat64()*480_000))
		}
	}
	alarms, refused := 0, 0
	err = f.ask(ctx, all, func(_ sighting, o outcome) {
		switch {
		case !o.asked:
			refused++
		case o.demand != "":
			alarms++
		}
	})
	if err == nil && refused > 0 {
		err = fmt.Errorf("%d of %d honest payments were refused", refused, len(all))
	}
	return []figure{
		{What: "honest payments, " + c.name, Value: float64(len(all))},
		percentOf("asked for the device for nothing", alarms, len(all)),
	}, err
}

// fair is a registry with stalls and payers, in memory.
type fair struct {
	role       *registry.Registry
	root       pay.NodeID
	resolver   pay.BeaconKey
	engine     *kv.Memory
	facts      map[pay.FactID]pay.Fact // claims, and what the registry published of them
	challenges map[pay.PaymentID]pay.Challenge
	random     io.Reader
	opened     pay.Time
	stalls     []fairNode
	payers     []fairPayer
	serial     int
}

type fairNode struct {
	key    pay.Key
	status pay.NodeStatus
}

type fairPayer struct {
	state    device.State
	identity pay.IdentityKey
	wallet   fairNode
}

// fairRows are a registry's rows without deadlines: the model looks at what is
// demanded and answered at once.
type fairRows struct {
	kv.Tx
	facts map[pay.FactID]pay.Fact
}

// Fact returns a fact that the model has kept.
func (r fairRows) Fact(id pay.FactID) (pay.Fact, bool, error) {
	f, ok := r.facts[id]
	return f, ok, nil
}

// Wake forgets the deadline.
func (fairRows) Wake(pay.Time, pay.Subject) error { return nil }

// SetAside reports that no subject is set aside.
func (fairRows) SetAside(pay.Subject) (bool, error) { return false, nil }

func newFair(ctx context.Context, payers int) (*fair, error) {
	f := &fair{engine: kv.NewMemory(), facts: make(map[pay.FactID]pay.Fact), challenges: make(map[pay.PaymentID]pay.Challenge), random: rand.NewChaCha8([32]byte{1}), opened: 1_800_000_000_000}
	if err := f.found(); err != nil {
		return nil, err
	}
	return f, f.engine.Update(ctx, func(tx kv.Tx) error {
		rows := f.rows(tx)
		for i := range wormholeStalls {
			n, err := f.enrol(rows, registry.InviteSpec{Role: pay.RoleBox, Name: pay.Name(fmt.Sprintf("stall-%d", i))})
			if err != nil {
				return err
			}
			f.stalls = append(f.stalls, n)
		}
		for i := range payers {
			if err := f.addPayer(rows, pay.Name(fmt.Sprintf("payer-%d", i))); err != nil {
				return err
			}
		}
		return nil
	})
}

func (f *fair) rows(tx kv.Tx) fairRows { return fairRows{tx, f.facts} }

// react lets the registry react to a claim, and keeps the claim and what is
// published.
func (f *fair) react(rows pay.WritableRows, now pay.Time, claim pay.Fact) (pay.Reaction, error) {
	f.facts[claim.ID()] = claim
	r, err := f.role.React(rows, now, pay.ClaimArrived{Fact: claim})
	for _, p := range r.Publications {
		f.facts[p.Fact.ID()] = p.Fact
		if c, err := pay.As[pay.Challenge](p.Fact); err == nil {
			f.challenges[c.Payment] = c
		}
	}
	return r, err
}

// found makes the registry.
func (f *fair) found() error {
	root, err1 := pay.NewKey(f.random)
	working, err2 := pay.NewKey(f.random)
	var seed [32]byte
	_, err3 := io.ReadFull(f.random, seed[:])
	resolver, err4 := ecdh.X25519().NewPrivateKey(seed[:])
	if err := errors.Join(err1, err2, err3, err4); err != nil {
		return err
	}
	authority, err := pay.Sign(root, pay.Authority{Root: root.Public(), Working: working.Public(), From: f.opened - 1, Until: f.opened.Add(365 * 86_400_000)})
	if err != nil {
		return err
	}
	f.root, f.resolver = root.ID(), pay.BeaconKey(resolver.PublicKey().Bytes())
	f.role, err = registry.New(registry.Options{Key: working, Authority: authority, Root: f.root, RefSecret: seed, Resolver: resolver, Currency: "EUR"})
	return err
}

func (f *fair) enrol(rows pay.WritableRows, spec registry.InviteSpec) (fairNode, error) {
	spec.Address = "127.0.0.1:1"
	key, err := pay.NewKey(f.random)
	if err != nil {
		return fairNode{}, err
	}
	invited, err := f.role.Invite(rows, f.opened, f.random, spec)
	if err != nil {
		return fairNode{}, err
	}
	exporter := []byte("one process")
	m, _, err := f.role.Enrol(rows, f.opened, pay.EnrolClaim{
		Invite: invited.ID, Exporter: exporter, Proof: pay.InviteProof(invited.Secret, exporter, key.Public()), Node: key.Public(), Role: spec.Role,
	})
	return fairNode{key, m.Node}, err
}

// addPayer enrols a wallet and maps a device to it.
func (f *fair) addPayer(rows pay.WritableRows, name pay.Name) error {
	wallet, err := f.enrol(rows, registry.InviteSpec{Role: pay.RoleWallet, Name: name})
	if err != nil {
		return err
	}
	s, err := device.New(f.random, 6, f.opened)
	if err != nil {
		return err
	}
	p := fairPayer{state: s, wallet: wallet}
	if p.identity, err = s.IdentityKey(f.resolver); err != nil {
		return err
	}
	bind, err := pay.Sign(s.Key(), pay.Bind{
		Registry: f.root, Resolver: f.resolver, Wallet: wallet.key.ID(), Device: s.Key().Public(),
		Beacon: s.BeaconKey(), Exponent: s.Exponent, Counter: s.Counter.Counter(), Type: pay.TypeTag,
	})
	if err != nil {
		return err
	}
	mapping, err := pay.Sign(wallet.key, pay.Mapping{Device: s.Key().ID(), Bind: bind.Raw(), Created: f.opened})
	if err != nil {
		return err
	}
	r, err := f.react(rows, f.opened, mapping)
	if err == nil && r.Refused != "" {
		err = fmt.Errorf("map a device: refused as %s", r.Refused)
	}
	f.payers = append(f.payers, p)
	return err
}

// code returns what a payer's device broadcasts at t.
func (f *fair) code(p fairPayer, t pay.Time) pay.Code {
	k := p.state.Exponent
	return pay.CodeAt(p.identity, k, k.Step(p.state.Counter.Add(t.Sub(f.opened)).Counter()))
}

// ask makes the requests in the order of their moments and tells what the
// registry said to each.
func (f *fair) ask(ctx context.Context, all []sighting, tell func(sighting, outcome)) error {
	slices.SortStableFunc(all, func(a, b sighting) int { return cmp.Compare(a.at, b.at) })
	for _, s := range all {
		var o outcome
		err := f.engine.Update(ctx, func(tx kv.Tx) (err error) {
			o, err = f.askOne(f.rows(tx), s)
			return err
		})
		if err != nil {
			return fmt.Errorf("ask for a payment: %w", err)
		}
		tell(s, o)
	}
	return nil
}

func (f *fair) askOne(rows pay.WritableRows, s sighting) (outcome, error) {
	_, r, err := f.request(rows, s)
	if err != nil {
		return outcome{}, err
	}
	d, id := decided(r)
	if id.IsZero() {
		return outcome{}, fmt.Errorf("the registry said nothing (%q)", r.Refused)
	}
	return outcome{asked: d.State == pay.StateOffered, demand: d.StepUp}, nil
}

// request makes the request of a sighting.
func (f *fair) request(rows pay.WritableRows, s sighting) (pay.Fact, pay.Reaction, error) {
	f.serial++
	stall := f.stalls[s.stall]
	request, err := pay.Sign(stall.key, pay.Request{
		Key: pay.IdempotencyKey(fmt.Sprint("sale-", f.serial)), Merchant: stall.status.Scope, Site: stall.status.Site, Code: f.code(f.payers[s.payer], s.heard),
		Handle: "amber-otter", Amount: 500, Currency: "EUR", TTL: pay.RequestTTLDefault, Created: s.at,
	})
	if err != nil {
		return pay.Fact{}, pay.Reaction{}, err
	}
	r, err := f.react(rows, s.at, request)
	return request, r, err
}

// decided returns the decision in a reaction, and its fact; zero without one.
func decided(r pay.Reaction) (pay.Decision, pay.FactID) {
	for _, p := range r.Publications {
		if d, err := pay.As[pay.Decision](p.Fact); err == nil {
			return d, p.Fact.ID()
		}
	}
	return pay.Decision{}, pay.FactID{}
}
