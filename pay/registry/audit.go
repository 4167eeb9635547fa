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

// AuditResult is what an audit found.
type AuditResult struct {
	OK         bool       // nothing was found
	Payments   int        // payments with a decision
	Imbalance  pay.Amount // by how much debits and credits differ, in minor units
	Duplicates int        // payments with two outcomes, and keys with two payments
	Findings   []string   // for a person, at most findingsMax and one that counts the rest
}

// findingsMax bounds the findings that are listed one by one. Chosen: a person
// reads no more.
const findingsMax = 100

// Audit recomputes the rows from facts: the life of each payment and who approved
// it, the book, members, devices and keys. Payments that are not
// finished are no finding. It holds ids in memory, never all facts. An error
// means that the audit could not be made.
func (r *Registry) Audit(ctx context.Context, rows AuditRows) (AuditResult, error) {
	a := &auditor{
		Registry: r, rows: rows,
		authorities: map[pay.NodeID][]pay.Authority{r.key.ID(): {r.authority}},
		nodes:       make(map[pay.NodeID]pay.NodeStatus),
		keysOf:      make(map[pay.DeviceID]pay.PublicKey),
		reads:       make(map[pay.Kind]func(pay.Fact) error),
	}
	if err := a.run(ctx); err != nil {
		return AuditResult{}, fmt.Errorf("audit: %w", err)
	}
	if a.more > 0 {
		a.out.Findings = append(a.out.Findings, fmt.Sprintf("and %d more", a.more))
	}
	a.out.OK = len(a.out.Findings) == 0 && a.out.Imbalance == 0 && a.out.Duplicates == 0
	return a.out, nil
}

// auditor is one audit under way: what all features' parts need.
type auditor struct {
	*Registry
	rows        AuditRows
	out         AuditResult
	more        int
	authorities map[pay.NodeID][]pay.Authority    // by working key
	nodes       map[pay.NodeID]pay.NodeStatus     // the last status of each
	keysOf      map[pay.DeviceID]pay.PublicKey    // of every device that was ever mapped
	tally       book.Tally                        // the money that the facts moved
	reads       map[pay.Kind]func(pay.Fact) error // of all features
	ownKeys     map[pay.Scope][]pay.NodeID        // boxes with keys of their own; nil until asked for
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
	for _, read := range []func(pay.Fact) error{a.readAuthority, a.readNode, a.readRest} {
		if err := a.facts(ctx, read); err != nil {
			return err
		}
	}
	for _, pass := range append(passes, a.checkSpaces) {
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
	a.out.Findings = append(a.out.Findings, fmt.Sprintf(format, args...))
}

func (a *auditor) facts(ctx context.Context, read func(pay.Fact) error) error {
	return a.rows.Facts(func(f pay.Fact) error {
		if err := ctx.Err(); err != nil {
			return err
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

// isRegistrys reports whether f is signed by a key that had the registry's
// authority at the moment. What a node signed in the registry's name is kept with the
// refusal that it drew, counts for nothing and is no finding.
func (a *auditor) isRegistrys(f pay.Fact, at pay.Time) (bool, error) {
	known := a.authorities[f.Signer()]
	i := slices.IndexFunc(known, func(w pay.Authority) bool { return w.Covers(at) })
	if i >= 0 && f.Verify(known[i].Working) == nil {
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
	if ok && f.Verify(s.Node) != nil {
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
	return Spaces().CheckAll(a.rows, func(damage error) error {
		a.report("%v", damage)
		return ctx.Err()
	})
}

func compareIDs[T ~[32]byte](x, y T) int {
	p, q := [32]byte(x), [32]byte(y)
	return bytes.Compare(p[:], q[:])
}
