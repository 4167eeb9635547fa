package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
)

const (
	payInFlight = 64
	payCallers  = 8  // processes that pay, one payment after another
	payRounds   = 2  // by turns with each yardstick
	payAlone    = 60 // payments, one after another, a round
)

// benchPayments are payments through real processes: a registry, a box, eight wallets
// and their tags. Against names another build of this program, rival a program that
// does the same in another way, each "" for none; during is how long each load lasts a
// round.
type benchPayments struct {
	against, rival string
	during         time.Duration
}

// paid is what one program did in all rounds.
type paid struct {
	single
	many, commands load
}

func (b benchPayments) run(ctx context.Context, dir string) (figures []figure, err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	var shops []*shop
	defer func() {
		for _, s := range shops {
			s.Close()
		}
	}()
	for label, program := range map[string]string{"this": exe, "other": b.against} {
		if program == "" {
			continue
		}
		if program, err = filepath.Abs(program); err != nil {
			return nil, err
		}
		s, err := openShop(ctx, label, program, shopDir(dir, label))
		if err != nil {
			return nil, err
		}
		if shops = append(shops, s); label == "this" {
			shops[0], shops[len(shops)-1] = s, shops[0]
		}
	}
	var other *rival
	if b.rival != "" {
		if other, err = openRival(b.rival); err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, other.close()) }()
	}
	if figures, err = b.rounds(ctx, shops, other, exe, dir); err != nil {
		return nil, err
	}
	for _, s := range shops {
		if err := s.Conserved(); err != nil {
			return nil, fmt.Errorf("%s build: %w", s.label, err)
		}
	}
	return figures, nil
}

func (b benchPayments) rounds(ctx context.Context, shops []*shop, other *rival, exe, dir string) ([]figure, error) {
	all := make([]paid, len(shops))
	var rivals rivalRounds
	var bare []time.Duration
	var skeleton load
	for range payRounds {
		took, err := measureFloor(ctx, dir, payAlone)
		if err != nil {
			return nil, err
		}
		bare = append(bare, took...)
		for i, s := range shops {
			if err := b.round(ctx, s, &all[i]); err != nil {
				return nil, fmt.Errorf("%s build: %w", s.label, err)
			}
		}
		l, err := driveSkel(ctx, exe, filepath.Join(dir, "skel"), payInFlight, b.during/2)
		if err != nil {
			return nil, err
		}
		skeleton.add(l)
		if other == nil {
			continue
		}
		if err := rivals.round(ctx, other, b.during); err != nil {
			return nil, err
		}
	}
	figures := figuresOfPaid(all[0], bare, skeleton)
	if len(all) > 1 {
		figures = append(figures, figuresAgainst(all[0], all[1])...)
	}
	if other == nil {
		return append(figures, figure{Name: "S5", What: "payments a CPU second beside PostgreSQL + HTTP/2", Unmeasured: howToRival}), nil
	}
	return append(figures, figuresBeside(all[0], rivals)...), nil
}

func (b benchPayments) round(ctx context.Context, s *shop, all *paid) error {
	if err := s.learnHandles(); err != nil {
		return err
	}
	one, err := s.alone(ctx, payAlone, s.handles[s.wallets[0]])
	if err != nil {
		return err
	}
	many, err := s.drive(ctx, payInFlight, b.during, s.bySocket)
	if err != nil {
		return err
	}
	commands, err := s.drive(ctx, payCallers, b.during, s.byCommand)
	if err != nil {
		return err
	}
	all.single.add(one)
	all.many.add(many)
	all.commands.add(commands)
	return nil
}

// The targets of the next step, as figures state them.
const (
	targetAlone    = 2.5 // floors
	targetRegistry = 2   // skeletons
	targetAgainst  = 4   // times the earlier build
)

// atMost is a figure that is to be at most ratio times its yardstick; with a ratio of
// 0 there is no target.
func atMost(name, what, unit string, value, yardstick float64, against string, ratio float64) figure {
	f := figure{Name: name, What: what, Value: value, Unit: unit, Yardstick: yardstick, Against: against}
	if yardstick != 0 {
		f.Ratio = value / yardstick
	}
	if ratio != 0 {
		met := f.Ratio <= ratio
		f.Target, f.Met = fmt.Sprintf("<= %gx", ratio), &met
	}
	return f
}

// atLeast is a figure that is to be at least ratio times its yardstick.
func atLeast(name, what, unit string, value, yardstick float64, against string, ratio float64) figure {
	f := atMost(name, what, unit, value, yardstick, against, 0)
	if ratio != 0 {
		met := f.Ratio >= ratio
		f.Target, f.Met = fmt.Sprintf(">= %gx", ratio), &met
	}
	return f
}

// figuresOfPaid are what this program did, beside floor and skeleton.
func figuresOfPaid(p paid, bare []time.Duration, skeleton load) []figure {
	out := []figure{
		atMost("S1", "one payment alone, known to both, p50", "ms", millis(quantile(p.both, 0.5)), millis(quantile(bare, 0.5)), "floor", targetAlone),
		atMost("S1", "one payment alone, known to both, p99", "ms", millis(quantile(p.both, 0.99)), millis(quantile(bare, 0.99)), "floor", 0),
		{Name: "S1", What: "of it until the box knows, p50", Value: millis(quantile(p.box, 0.5)), Unit: "ms"},
		{Name: "S1", What: "of it until the wallet knows, p50", Value: millis(quantile(p.wallet, 0.5)), Unit: "ms"},
		atMost("S2", "registry's CPU a payment, 64 in flight", "us", p.many.perPayment(roleRegistry), skeleton.perPayment(roleRegistry), "skeleton", targetRegistry),
		atMost("S2", "registry's CPU a payment, 8 commands", "us", p.commands.perPayment(roleRegistry), skeleton.perPayment(roleRegistry), "skeleton", 0),
	}
	for _, l := range []struct {
		load
		what string
	}{{p.many, "64 in flight"}, {p.commands, "8 commands"}} {
		out = append(out, figure{Name: "S2b", What: "CPU of all roles a payment, " + l.what, Value: l.all(), Unit: "us"})
		for _, role := range []string{roleRegistry, roleBox, roleWallets, roleTags} {
			if v := l.perPayment(role); v != 0 {
				out = append(out, figure{Name: "S2b", What: "of it " + role + ", " + l.what, Value: v, Unit: "us"})
			}
		}
		if v := l.perPayment(roleCaller); v != 0 {
			out = append(out, figure{Name: "S2b", What: "beside it the callers themselves, " + l.what, Value: v, Unit: "us"})
		}
		out = append(out,
			atMost("S3", "payments a second, "+l.what, "/s", l.rate(), skeleton.rate(), "skeleton", 0),
			figure{Name: "S3", What: "from charge to outcome, p50, " + l.what, Value: millis(quantile(l.took, 0.5)), Unit: "ms"},
			figure{Name: "S3", What: "from charge to outcome, p99, " + l.what, Value: millis(quantile(l.took, 0.99)), Unit: "ms"},
		)
		if l.lost > 0 {
			out = append(out, figure{Name: "S3", What: "not paid, " + l.what + ": " + l.reason, Value: float64(l.lost)})
		}
	}
	out = append(out, figuresOfCounts(p.many.counts, p.many.paid, "64 in flight", nil)...)
	return append(out, figuresOfCounts(p.single.counts, len(p.both), "one alone", []string{"bytes on the wire", "packets, both ways"})...)
}

// figuresOfCounts are what the nodes did for each of so many payments. The targets are
// absolute: a count does not depend on the machine, only on how many payments shared a
// packet or a commit. Those named in free have no target.
func figuresOfCounts(by map[string]api.Counts, payments int, how string, free []string) (out []figure) {
	each := func(n uint64) float64 { return float64(n) / float64(max(1, payments)) }
	var all api.Counts
	for _, c := range by {
		all = all.Plus(c)
	}
	for _, c := range []struct {
		what   string
		count  func(api.Counts) uint64
		roles  []string // "": all roles together
		target float64
	}{
		{"bytes on the wire", func(c api.Counts) uint64 { return c.PacketBytes }, []string{""}, 2_000},
		{"packets, both ways", func(c api.Counts) uint64 { return c.Packets }, []string{""}, 6},
		{"commits", func(c api.Counts) uint64 { return c.Commits }, []string{"", roleRegistry, roleBox, roleWallets}, 5},
		{"flushes", func(c api.Counts) uint64 { return c.Flushes }, []string{""}, 6},
		{"rows written", func(c api.Counts) uint64 { return c.Rows }, []string{roleRegistry, roleBox, roleWallets}, 12},
		{"bytes of rows", func(c api.Counts) uint64 { return c.RowBytes }, []string{roleRegistry, roleBox, roleWallets}, 0},
		{"snapshots read", func(c api.Counts) uint64 { return c.Views }, []string{roleRegistry, roleBox, roleWallets}, 0},
		{"allocations", func(c api.Counts) uint64 { return c.Allocations }, []string{roleRegistry, roleBox, roleWallets}, 300},
	} {
		for i, role := range c.roles {
			counts, where := all, ""
			if role != "" {
				counts, where = by[role], ", "+role
			}
			f := figure{Name: "S13", What: c.what + where + ", " + how, Value: each(c.count(counts))}
			if i == 0 && c.target != 0 && !slices.Contains(free, c.what) {
				met := f.Value <= c.target
				f.Target, f.Met = fmt.Sprintf("<= %g", c.target), &met
			}
			out = append(out, f)
		}
	}
	return out
}

// figuresAgainst are what this program did beside the other build.
func figuresAgainst(this, other paid) []figure {
	const build = "other build"
	return []figure{
		atMost("S1", "one payment alone, known to both, p50", "ms", millis(quantile(this.both, 0.5)), millis(quantile(other.both, 0.5)), build, 0),
		atMost("S2", "registry's CPU a payment, 64 in flight", "us", this.many.perPayment(roleRegistry), other.many.perPayment(roleRegistry), build, 0),
		atMost("S2b", "CPU of all roles a payment, 64 in flight", "us", this.many.all(), other.many.all(), build, 1.0/targetAgainst),
		atMost("S2b", "CPU of all roles a payment, 8 commands", "us", this.commands.all(), other.commands.all(), build, 1.0/targetAgainst),
		atLeast("S3", "payments a second, 64 in flight", "/s", this.many.rate(), other.many.rate(), build, targetAgainst),
		atLeast("S3", "payments a second, 8 commands", "/s", this.commands.rate(), other.commands.rate(), build, 0),
	}
}
