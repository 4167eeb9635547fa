package registry

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// AuditRows is what an audit reads: one snapshot of the role's rows and of all
// facts, as a store's View is.
type AuditRows interface {
	pay.Rows
	// Facts calls fn for each stored fact, in any order, until fn returns an
	// error, which it returns.
	Facts(fn func(pay.Fact) error) error
}

// AuditOptions are what an audit may be told, and whom it tells how far it is. The
// zero value is right.
type AuditOptions struct {
	// Verified reports whether the signatures of all stored facts of a signer have
	// been verified by the caller, over the same snapshot, and the form of all facts;
	// nil: of none.
	Verified func(signer pay.NodeID) bool
	// Progress, unless nil, is called now and then with the share of the work that
	// is done, from 0 to 1 and never less than before, and the payments so far.
	Progress func(share float64, payments int)
	// Found, unless nil, is called with each finding that is listed, at once.
	Found func(finding string)
	// Pause, unless nil, is called between one fact or payment and the next, so that
	// the caller can let others go first.
	Pause func()

	straysMax int // 0: straysMax
}

// AuditResult is what an audit found.
type AuditResult struct {
	OK         bool       // nothing was found
	Payments   int        // payments with a decision
	Imbalance  pay.Amount // by how much debits and credits differ, in minor units
	Duplicates int        // payments with two outcomes, and keys with two payments
	Findings   []string   // for a person, at most findingsMax and one that counts the rest
	Good       *Good      // what the next audit may carry on from; nil unless OK
}

// findingsMax bounds the findings that are listed one by one. Chosen: a person
// reads no more.
const findingsMax = 100

// Audit is AuditWith with no options.
func (r *Registry) Audit(ctx context.Context, rows AuditRows) (AuditResult, error) {
	return r.AuditWith(ctx, rows, AuditOptions{})
}

// AuditWith recomputes the rows from facts: the life of each payment and who
// approved it, the book, members, devices and keys. Payments that are not finished
// are no finding. Its memory grows with the nodes, devices, accounts and the
// amounts that wallets set, and not with the payments. An error means that the
// audit could not be made, or is that of ctx.
func (r *Registry) AuditWith(ctx context.Context, rows AuditRows, o AuditOptions) (AuditResult, error) {
	a := r.newAuditor(ctx, rows, o)
	return a.finish(a.run(ctx))
}

func (r *Registry) newAuditor(ctx context.Context, rows AuditRows, o AuditOptions) *auditor {
	a := &auditor{
		Registry: r, AuditOptions: o, source: rows,
		authorities: map[pay.NodeID][]pay.Authority{r.key.ID(): {r.authority}},
		nodes:       make(map[pay.NodeID]pay.NodeStatus),
		keysOf:      make(map[pay.DeviceID]pay.PublicKey),
		cars:        make(map[pay.DeviceID][]carSaid),
		presetsOf:   make(map[pay.DeviceID][]presetIn),
		reads:       make(map[pay.Kind]func(pay.Fact) error),
	}
	a.rows = &pausingRows{Rows: rows, ctx: ctx, pause: a.pause}
	return a
}

// finish returns the result of an audit that has run.
func (a *auditor) finish(err error) (AuditResult, error) {
	if err != nil {
		return AuditResult{}, fmt.Errorf("audit: %w", err)
	}
	if a.more > 0 {
		a.list(fmt.Sprintf("and %d more", a.more))
	}
	a.out.OK = len(a.out.Findings) == 0 && a.out.Imbalance == 0 && a.out.Duplicates == 0
	if a.out.OK {
		a.out.Good = a.good()
	}
	a.at(1)
	return a.out, nil
}

// auditor is one audit under way: what all features' parts need.
type auditor struct {
	*Registry
	AuditOptions
	source      AuditRows // where facts are read
	rows        pay.Rows  // the rows of source, read with pauses
	out         AuditResult
	more        int
	share       float64                        // of the work that is done
	authorities map[pay.NodeID][]pay.Authority // by working key
	nodes       map[pay.NodeID]pay.NodeStatus  // the last status of each
	keysOf      map[pay.DeviceID]pay.PublicKey // of every device that was ever mapped
	cars        map[pay.DeviceID][]carSaid     // of every device that had a vehicle
	presetsOf   map[pay.DeviceID][]presetIn
	tally       book.Tally                        // the money that other facts than payments moved
	paid        book.Tally                        // the money that payments moved
	keys        int                               // that payments stand under
	decisions   int                               // facts of that kind, whoever signed them
	grown       *Growth                           // nil: the audit reads everything
	named       int                               // of decisions, signed in the registry's name and not read
	met         int                               // facts of grown among the facts
	reads       map[pay.Kind]func(pay.Fact) error // of all features
	ownKeys     map[pay.Scope][]pay.NodeID        // boxes with keys of their own; nil until asked for
	mandates    map[pay.FactID]mandateSaid        // what was stated last on each mandate
	mandated    int                               // payments that a mandate authorised, of those that were checked
}

// run reads the facts in three rounds, because the signatures of each round are
// held against what the one before has read, and then the rows.
func (a *auditor) run(ctx context.Context) error {
	var passes []func(context.Context) error
	for _, f := range features {
		if f.audit == nil {
			continue
		}
		part := f.audit(a)
		maps.Copy(a.reads, part.reads)
		passes = append(passes, part.passes...)
	}
	rounds := []struct {
		want func(id pay.FactID, kind pay.Kind, signer pay.NodeID) bool
		read func(pay.Fact) error
		upTo float64 // share of the work
	}{
		{func(_ pay.FactID, k pay.Kind, _ pay.NodeID) bool { return k == pay.KindAuthority }, a.readAuthority, shareFacts / 8},
		{func(_ pay.FactID, k pay.Kind, _ pay.NodeID) bool { return k == pay.KindNode }, a.readNode, shareFacts / 4},
		{a.wantsLast, a.readRest, shareFacts},
	}
	from := 0.0
	for _, r := range rounds {
		err := a.facts(ctx, func(id pay.FactID, kind pay.Kind, signer pay.NodeID) bool {
			a.at(a.within(from, r.upTo, id))
			return r.want(id, kind, signer)
		}, r.read)
		if err != nil {
			return err
		}
		from = r.upTo
	}
	if a.grown == nil {
		passes = append(passes, a.checkSpaces)
	}
	for _, pass := range passes {
		if err := pass(ctx); err != nil {
			return err
		}
	}
	return nil
}

// report adds a finding.
func (a *auditor) report(format string, args ...any) {
	if len(a.out.Findings) == findingsMax {
		a.more++
		return
	}
	a.list(fmt.Sprintf(format, args...))
}

func (a *auditor) list(finding string) {
	a.out.Findings = append(a.out.Findings, finding)
	if a.Found != nil {
		a.Found(finding)
	}
}

// factsByName is what rows may have that were verified: Facts that opens only those
// that are wanted.
type factsByName interface {
	FactsOf(want func(id pay.FactID, kind pay.Kind, signer pay.NodeID) bool, fn func(pay.Fact) error) error
}

// facts calls read for each fact that is wanted, and perhaps for others.
func (a *auditor) facts(ctx context.Context, want func(pay.FactID, pay.Kind, pay.NodeID) bool, read func(pay.Fact) error) error {
	if rows, ok := a.source.(factsByName); ok && (a.Verified != nil || a.grown != nil) {
		err := rows.FactsOf(func(id pay.FactID, kind pay.Kind, signer pay.NodeID) bool {
			return ctx.Err() != nil || want(id, kind, signer)
		}, func(f pay.Fact) error { return errors.Join(ctx.Err(), read(f)) })
		return errors.Join(err, ctx.Err())
	}
	return a.source.Facts(func(f pay.Fact) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if !want(f.ID(), f.Kind(), f.Signer()) {
			return nil
		}
		return read(f)
	})
}

// walk calls check for each row of a table whose key can be read; a key that
// cannot is a finding.
func walk[K, V any](ctx context.Context, a *auditor, table rows.Table[K, V], check func(k K, v V, damage error) error) error {
	return table.Walk(a.rows, table.All(), func(k K, v V, damage error) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		var key *rows.KeyError
		if errors.As(damage, &key) {
			a.report("row %q has no id", key.Key)
			return nil
		}
		return check(k, v, damage)
	})
}

func (a *auditor) readAuthority(f pay.Fact) error {
	if f.Kind() != pay.KindAuthority {
		return nil
	}
	authority, err := pay.OpenAuthority(f.Raw(), a.root)
	if err != nil {
		refused, rowErr := a.refused(f)
		if !refused && rowErr == nil {
			a.report("authority %s: %v", f.ID(), err)
		}
		return rowErr
	}
	id := authority.Working.ID()
	a.authorities[id] = append(a.authorities[id], authority)
	return nil
}

// verify returns nil when f is signed with the key that it names, which is key.
func (a *auditor) verify(f pay.Fact, key pay.PublicKey) error {
	if a.Verified != nil && a.Verified(f.Signer()) {
		return nil
	}
	return f.Verify(key)
}

// speaks reports whether f is signed by a key that had the registry's authority at
// the moment.
func (a *auditor) speaks(f pay.Fact, at pay.Time) bool {
	known := a.authorities[f.Signer()]
	i := slices.IndexFunc(known, func(w pay.Authority) bool { return w.Covers(at) })
	return i >= 0 && a.verify(f, known[i].Working) == nil
}

// isRegistrys is speaks for the first look at a fact, which reports what is not the
// registry's. What a node signed in the registry's name is kept with the
// refusal that it drew, counts for nothing and is no finding.
func (a *auditor) isRegistrys(f pay.Fact, at pay.Time) (bool, error) {
	if a.speaks(f, at) {
		return true, nil
	}
	refused, err := a.refused(f)
	if !refused && err == nil {
		a.report("%s %s is not signed by a key that spoke for the registry at %s", f.Kind(), f.ID(), at)
	}
	return false, err
}

// refused reports whether f is a claim that the registry refused.
func (a *auditor) refused(f pay.Fact) (bool, error) {
	row, _, err := settledRows.Get(a.rows, f.ID())
	return row.Reason != "", err
}

func (a *auditor) readNode(f pay.Fact) error {
	if f.Kind() != pay.KindNode {
		return nil
	}
	s, err := pay.As[pay.NodeStatus](f)
	if err != nil {
		return err
	}
	if ok, err := a.isRegistrys(f, s.At); !ok || err != nil {
		return err
	}
	id := s.Node.ID()
	if old, ok := a.nodes[id]; !ok || s.At > old.At || (s.At == old.At && s.Revoked) {
		a.nodes[id] = s
	}
	return nil
}

// wantsLast is wantsRest in the last round over all facts, which counts them as well.
func (a *auditor) wantsLast(id pay.FactID, kind pay.Kind, signer pay.NodeID) bool {
	if kind == pay.KindDecision {
		a.decisions++
	}
	if a.grown != nil {
		return a.wantsGrown(id, kind, signer)
	}
	if kind == pay.KindDecision && a.Verified != nil && a.Verified(signer) && len(a.authorities[signer]) > 0 {
		a.named++
		return false
	}
	return a.wantsRest(kind, signer)
}

// wantsRest reports whether readRest would do anything about a fact that is named so.
func (a *auditor) wantsRest(kind pay.Kind, signer pay.NodeID) bool {
	row, known := pay.LookupKind(kind)
	switch {
	case kind == pay.KindAuthority, kind == pay.KindNode, kind == pay.KindAnswer:
		return false
	case !known, a.Verified == nil || !a.Verified(signer), row.Author == pay.RoleRegistry:
		return true
	default:
		return a.reads[kind] != nil || a.nodes[signer].Role != row.Author
	}
}

// readRest verifies each fact by who may sign its kind, and hands it to the
// feature that reads such facts. Answers are verified where a decision names
// them.
func (a *auditor) readRest(f pay.Fact) error {
	row, known := pay.LookupKind(f.Kind())
	var ok bool
	var err error
	switch {
	case f.Kind() == pay.KindAuthority, f.Kind() == pay.KindNode, f.Kind() == pay.KindAnswer:
		return nil
	case !known || row.Author != pay.RoleRegistry:
		ok, err = a.verifyClaim(f, row.Author)
	default:
		var at pay.Time
		if at, err = row.SignedAt(f); err == nil {
			ok, err = a.isRegistrys(f, at)
		}
	}
	if read := a.reads[f.Kind()]; ok && err == nil && read != nil {
		return read(f)
	}
	return err
}

// verifyClaim reports whether the claim of a node counts. A node must have the
// role that signs facts of this kind; "" stands for any. A claim of another role
// was refused.
func (a *auditor) verifyClaim(f pay.Fact, author pay.Role) (bool, error) {
	s, ok := a.nodes[f.Signer()]
	if ok && a.verify(f, s.Node) != nil {
		a.report("%s %s is not signed by %s, whose name it bears", f.Kind(), f.ID(), s.Name)
	}
	if ok && author != "" && s.Role != author {
		if refused, err := a.refused(f); refused || err != nil {
			return false, err
		}
		a.report("%s %s is signed by a %s, and was not refused", f.Kind(), f.ID(), s.Role)
	}
	return true, nil
}

// reading makes a reader of facts from one of their bodies.
func reading[B pay.Body](index func(pay.Fact, B) error) func(pay.Fact) error {
	return func(f pay.Fact) error {
		b, err := pay.As[B](f)
		if err != nil {
			return err
		}
		return index(f, b)
	}
}

// checkSpaces reports rows that no feature of the registry could have written.
func (a *auditor) checkSpaces(ctx context.Context) error {
	return Spaces().CheckAll(&tellingRows{a.rows, a}, func(damage error) error {
		a.report("%v", damage)
		return ctx.Err()
	})
}

func compareIDs[T ~[32]byte](x, y T) int {
	p, q := [32]byte(x), [32]byte(y)
	return bytes.Compare(p[:], q[:])
}
