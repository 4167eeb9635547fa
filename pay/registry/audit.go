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
	Findings   []string   // in words, at most findingsMax and one that counts the rest
}

// findingsMax bounds the findings that are told one by one.
const findingsMax = 100

// Audit recomputes from facts what the rows say: the life of each payment and
// who approved it, the book, members, devices and keys. Payments that are not
// finished are no finding. It holds ids in memory, never all facts. An error
// means that the audit could not be made.
func (r *Registry) Audit(ctx context.Context, rows AuditRows) (AuditResult, error) {
	a := &auditor{
		Registry: r, rows: rows,
		authorities: map[pay.NodeID][]pay.Authority{r.key.ID(): {r.authority}},
		nodes:       make(map[pay.NodeID]pay.NodeStatus),
		payments:    make(map[pay.PaymentID][]pay.FactID),
		devices:     make(map[pay.DeviceID]pay.Time),
		keysOf:      make(map[pay.DeviceID]pay.PublicKey),
		limits:      make(map[pay.FactID]pay.StepUpStatus),
	}
	for _, pass := range []func() error{
		func() error { return a.facts(ctx, a.readAuthority) },
		func() error { return a.facts(ctx, a.readNode) },
		func() error { return a.facts(ctx, a.readRest) },
		func() error { return walk(ctx, a, memberRows, a.checkMember) },
		func() error { return walk(ctx, a, deviceRows, a.checkDevice) },
		func() error { return walk(ctx, a, paymentRows, a.checkPayment) },
		a.checkKeys,
		a.checkTopUps,
		a.checkLimits,
		a.checkMissing,
		a.checkBook,
		a.checkSpaces,
	} {
		if err := pass(); err != nil {
			return AuditResult{}, fmt.Errorf("audit: %w", err)
		}
	}
	if a.more > 0 {
		a.out.Findings = append(a.out.Findings, fmt.Sprintf("and %d more", a.more))
	}
	a.out.OK = len(a.out.Findings) == 0 && a.out.Imbalance == 0 && a.out.Duplicates == 0
	return a.out, nil
}

// auditor is one audit under way.
type auditor struct {
	*Registry
	rows        AuditRows
	out         AuditResult
	more        int
	authorities map[pay.NodeID][]pay.Authority  // by working key
	nodes       map[pay.NodeID]pay.NodeStatus   // the last word on each
	payments    map[pay.PaymentID][]pay.FactID  // decisions, until the head was seen
	devices     map[pay.DeviceID]pay.Time       // the time of the last word on each, until the row was seen
	keysOf      map[pay.DeviceID]pay.PublicKey  // of every device that was ever mapped
	limits      map[pay.FactID]pay.StepUpStatus // the registry's words on limits, by their fact
	tally       book.Tally
	keys        int // keys that payments stand under
	topUps      int
}

func (a *auditor) find(format string, args ...any) {
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
			a.find("row %q has no id", key.Key)
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
			a.find("authority %s: %v", f.ID(), err)
		}
		return rowErr
	}
	id := authority.Working.ID()
	a.authorities[id] = append(a.authorities[id], authority)
	return nil
}

// spoken says whether f is the registry's word of the moment at. What a node
// said in the registry's name is kept with the refusal that it drew, counts for
// nothing and is no finding.
func (a *auditor) spoken(f pay.Fact, at pay.Time) (bool, error) {
	known := a.authorities[f.Signer()]
	i := slices.IndexFunc(known, func(w pay.Authority) bool { return w.Covers(at) })
	if i >= 0 && f.Verify(known[i].Working) == nil {
		return true, nil
	}
	refused, err := a.refused(f)
	if !refused && err == nil {
		a.find("%s %s is not signed by a key that spoke for the registry at %s", f.Kind(), f.ID(), at)
	}
	return false, err
}

// refused says whether f is a claim that the registry refused.
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
	if spoken, err := a.spoken(f, s.At); !spoken || err != nil {
		return err
	}
	id := s.Node.ID()
	if old, ok := a.nodes[id]; !ok || s.At > old.At || (s.At == old.At && s.Revoked) {
		a.nodes[id] = s
	}
	return nil
}

// readRest verifies each fact by who may sign its kind, and indexes what the
// rows are compared with. Answers are verified where a decision names them.
func (a *auditor) readRest(f pay.Fact) error {
	row, known := pay.LookupKind(f.Kind())
	switch {
	case f.Kind() == pay.KindAuthority, f.Kind() == pay.KindNode, f.Kind() == pay.KindAnswer:
		return nil
	case !known || row.Author != pay.RoleRegistry:
		return a.readClaim(f, row.Author)
	}
	at, err := row.SignedAt(f)
	if err != nil {
		return err
	}
	if spoken, err := a.spoken(f, at); !spoken || err != nil {
		return err
	}
	switch f.Kind() {
	case pay.KindDecision:
		return note(f, func(d pay.Decision) { a.payments[d.Payment] = append(a.payments[d.Payment], f.ID()) })
	case pay.KindDevice:
		return note(f, func(d pay.DeviceStatus) { a.devices[d.Device] = max(a.devices[d.Device], d.At) })
	case pay.KindTopUp:
		return a.readTopUp(f)
	case pay.KindChallenge:
		return note(f, func(c pay.Challenge) {
			if c.Nonce != a.nonce(c.Payment) {
				a.find("payment %s: its challenge is not the registry's", c.Payment.Short())
			}
		})
	case pay.KindStepUp:
		return note(f, func(l pay.StepUpStatus) { a.limits[f.ID()] = l })
	default:
		return nil
	}
}

// readClaim verifies the fact of a node, which must have the role that signs
// facts of this kind; "" stands for any. A claim of another role was refused.
func (a *auditor) readClaim(f pay.Fact, author pay.Role) error {
	s, ok := a.nodes[f.Signer()]
	if ok && f.Verify(s.Node) != nil {
		a.find("%s %s is not signed by %s, whose name it bears", f.Kind(), f.ID(), s.Name)
	}
	if ok && author != "" && s.Role != author {
		if refused, err := a.refused(f); refused || err != nil {
			return err
		}
		a.find("%s %s is signed by a %s, and was not refused", f.Kind(), f.ID(), s.Role)
	}
	if f.Kind() == pay.KindMapping {
		return a.readMapping(f)
	}
	return nil
}

// note reads the body of f, which is a B, and indexes it.
func note[B pay.Body](f pay.Fact, index func(B)) error {
	b, err := pay.As[B](f)
	if err == nil {
		index(b)
	}
	return err
}

func (a *auditor) readTopUp(f pay.Fact) error {
	t, err := pay.As[pay.TopUp](f)
	if err != nil {
		return err
	}
	a.topUps++
	a.tally.TopUp(t.Wallet, t.Amount, t.Currency)
	row, ok, err := topUpRows.Get(a.rows, t.Key)
	if err != nil {
		return err
	}
	if !ok || row != (topUpRow{Fact: f.ID(), Wallet: t.Wallet, Amount: t.Amount, Currency: t.Currency, At: t.At}) {
		a.find("top-up %s is not what its key stands for", f.ID())
	}
	return nil
}

func (a *auditor) checkMember(id pay.NodeID, row memberRow, damage error) error {
	if damage != nil {
		a.find("node %s: its row cannot be read", id.Short())
		return nil
	}
	if said, ok := a.nodes[id]; !ok || said != row.Status {
		a.find("node %s: its row is not what the registry last said of it", id.Short())
	}
	return nil
}

func (a *auditor) checkTopUps() error {
	n, err := topUpRows.Count(a.rows)
	if err == nil && n != a.topUps {
		a.find("%d keys of top-ups are kept, the facts say %d", n, a.topUps)
	}
	return err
}

// checkMissing reports what facts speak of and no row stands for.
func (a *auditor) checkMissing() error {
	for _, id := range slices.SortedFunc(maps.Keys(a.payments), comparePayments) {
		a.out.Payments++
		a.find("payment %s: it was decided on and has no row", id.Short())
	}
	for _, id := range slices.SortedFunc(maps.Keys(a.devices), compareIDs) {
		a.find("device %s: it was mapped and has no row", id.Short())
	}
	for _, id := range slices.SortedFunc(maps.Keys(a.nodes), compareIDs) {
		ok, err := memberRows.Has(a.rows, id)
		if err != nil {
			return err
		}
		if !ok {
			a.find("node %s: it was enrolled and has no row", id.Short())
		}
		if err := a.checkWallet(a.nodes[id]); err != nil {
			return err
		}
	}
	return nil
}

func (a *auditor) checkWallet(s pay.NodeStatus) error {
	if s.Role != pay.RoleWallet {
		return nil
	}
	node, ok, err := walletRows.Get(a.rows, s.Scope)
	if err == nil && (!ok || node != s.Node.ID()) {
		a.find("node %s: its scope %s is kept for another", s.Node.ID().Short(), s.Scope)
	}
	return err
}

func (a *auditor) checkBook() (err error) {
	a.out.Imbalance, err = a.tally.Compare(a.rows, func(finding string) { a.find("%s", finding) })
	return err
}

// checkSpaces reports rows that no feature of the registry could have written.
func (a *auditor) checkSpaces() error {
	return Spaces().CheckAll(a.rows, func(damage error) error {
		a.find("%v", damage)
		return nil
	})
}

func comparePayments(x, y pay.PaymentID) int { return bytes.Compare(x[:], y[:]) }

func compareIDs(x, y pay.NodeID) int { return bytes.Compare(x[:], y[:]) }
