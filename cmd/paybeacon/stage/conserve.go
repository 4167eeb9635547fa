package stage

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// screensTimeout is how long the screens of nodes that are in touch may take to show
// what the book has: what was decided last is still on its way. Chosen: many times what
// a loaded machine takes.
const screensTimeout = 10 * time.Second

// farDay is a day before which all happened, whatever the clocks of a story are.
const farDay = "9998-01-01"

// Conserved returns nil when no money appeared or vanished on this stage. Of each
// registry that was started on it, whether it runs or was killed: the audit of all facts
// finds the books right, without imbalance or duplicates, the book adds up to nothing, and
// nobody but a house owes. And each wallet and box that runs and is in touch with its
// registry shows what the book has, and by its own receipts too. A registry in
// Broken is left out.
func (s *Stage) Conserved() error {
	for _, name := range s.order {
		if args := s.Procs[name].Args; args[0] != "serve" || s.Broken[name] {
			continue
		}
		if err := s.conservedAt(name); err != nil {
			return fmt.Errorf("money is not conserved at %s: %w", name, err)
		}
	}
	return nil
}

func (s *Stage) conservedAt(registry string) error {
	var a api.Audit
	err := s.Ask(&a, "admin", "audit", "--data", s.Data(registry), "--full")
	var exit *ExitError
	if errors.As(err, &exit) && exit.Exit == pay.ExitUsage { // of a version that always reads everything
		err = s.Ask(&a, "admin", "audit", "--data", s.Data(registry))
	}
	if err != nil {
		return fmt.Errorf("audit: %w", err)
	}
	if !a.OK || a.Imbalance != 0 || a.Duplicates != 0 {
		return fmt.Errorf("the audit says %+v", a)
	}
	accounts, err := s.book(registry)
	if err != nil || s.ended(registry) {
		return err
	}
	nodes, err := askLines[api.Node](s, "admin", "nodes", "--data", s.Data(registry))
	if err != nil {
		return err
	}
	for _, name := range s.order {
		if err := s.shows(registry, name, nodes, accounts); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// ended reports whether a process of the stage has ended.
func (s *Stage) ended(name string) bool {
	select {
	case <-s.Procs[name].Done:
		return true
	default:
		return false
	}
}

// book returns the accounts of a registry by their owners. Its error says that they do
// not add up.
func (s *Stage) book(registry string) (map[string]api.Account, error) {
	list, err := askLines[api.Account](s, "admin", "book", "--data", s.Data(registry))
	if err != nil {
		return nil, err
	}
	accounts, sums, open := map[string]api.Account{}, map[pay.Currency]pay.Amount{}, map[pay.Currency]pay.Amount{}
	for _, a := range list {
		accounts[a.Account] = a
		sums[a.Currency] += a.Balance
		open[a.Currency] += a.Held - a.Promised
		if a.Held < 0 || a.Available != a.Balance-a.Held || a.Available < 0 && a.Kind != "house" {
			return nil, fmt.Errorf("the account of %s (%s) has %d, %d of it held and %d available", a.Account, a.Name, a.Balance, a.Held, a.Available)
		}
	}
	for currency, sum := range sums {
		if sum != 0 {
			return nil, fmt.Errorf("the accounts in %s add up to %d", currency, sum)
		}
		if open[currency] != 0 {
			return nil, fmt.Errorf("in %s %d more is held than promised", currency, open[currency])
		}
	}
	return accounts, nil
}

// shows holds what a node shows against the book of its registry, until they agree. A
// node that is not in touch, or that the registry does not serve, may show less.
func (s *Stage) shows(registry, name string, nodes []api.Node, accounts map[string]api.Account) error {
	noun := map[string]string{"scan": "till", "wallet": "wallet"}[s.Procs[name].Args[0]]
	if noun == "" {
		return nil
	}
	for end := time.Now().Add(screensTimeout); ; {
		n, inTouch := s.status(name, noun)
		i := slices.IndexFunc(nodes, func(known api.Node) bool { return known.ID == n.Node && !known.Revoked && known.PutBack == nil })
		if !inTouch || i < 0 {
			return nil
		}
		differs, err := s.differs(name, n, accounts[string(nodes[i].Scope)])
		if differs == nil || err != nil {
			return err
		}
		if time.Now().After(end) {
			return differs
		}
		<-time.After(stagePoll)
		if accounts, err = s.book(registry); err != nil {
			return errors.Join(differs, err)
		}
	}
}

// standing is what is looked at of the status of a box or a wallet. Older programs do not
// say what is held.
type standing struct {
	Role     pay.Role         `json:"role"`
	Node     string           `json:"node"`
	Registry api.RegistryWord `json:"registry"`
	api.Unheard
	Balance    pay.Amount      `json:"balance"`
	Held       *pay.Amount     `json:"held"`
	Statements []api.Statement `json:"statements"`
}

// status returns how a node stands, and whether it runs and is in touch with its registry.
func (s *Stage) status(name, noun string) (n standing, inTouch bool) {
	if s.ended(name) || s.Ask(&n, noun, "status", "--data", s.Data(name)) != nil {
		return n, false
	}
	return n, n.Registry == api.RegistryUp && n.Queued == 0 && n.StaleSince == nil
}

// differs says by what the screens of a node differ from its account.
func (s *Stage) differs(name string, n standing, has api.Account) (differs, err error) {
	if n.Role == pay.RoleBox {
		return s.reportDiffers(name, has)
	}
	if n.Balance != has.Balance || n.Held != nil && *n.Held != has.Held {
		return fmt.Errorf("the wallet shows %d, the book has %d, %d of it held", n.Balance, has.Balance, has.Held), nil
	}
	sum, whole, err := s.papers(name, n.Statements)
	if err == nil && whole && sum != has.Balance {
		differs = fmt.Errorf("the wallet's papers add up to %d, the book has %d", sum, has.Balance)
	}
	return differs, err
}

// reportDiffers says by what a box's report of all time differs from its merchant's
// account. It adds up what was captured and refunded by the receipts, and what was paid
// out.
func (s *Stage) reportDiffers(box string, has api.Account) (differs, err error) {
	var r api.Report
	err = s.Ask(&r, "till", "report", "--data", s.Data(box), "--day", farDay)
	var exit *ExitError
	if errors.As(err, &exit) && (exit.Exit == pay.ExitUsage || exit.Code == pay.CodeNotAvailable) {
		return nil, nil // of a version without reports
	}
	if err == nil && (r.Opening != has.Balance || r.Closing != has.Balance) {
		differs = fmt.Errorf("the report says %d, the book has %d", r.Closing, has.Balance)
	}
	return differs, err
}

// papers adds up the statements and receipts of a wallet, and reports whether it shows
// all of them.
func (s *Stage) papers(wallet string, statements []api.Statement) (sum pay.Amount, whole bool, err error) {
	const most, shown = 1_000, 5
	receipts, err := askLines[api.Payment](s, "wallet", "receipts", "--data", s.Data(wallet), "--limit", fmt.Sprint(most))
	if len(receipts) >= most || len(statements) == 0 || len(statements) >= shown || err != nil {
		return 0, false, err
	}
	for _, st := range statements {
		if st.Kind == api.StatementTopUp || st.Kind == api.StatementMovedHere {
			sum += st.Amount
		} else {
			sum -= st.Amount
		}
	}
	for _, p := range receipts {
		if p.Acquirer == pay.AcquirerNone {
			sum += p.AmountRefunded - p.AmountCaptured
		}
	}
	return sum, true, nil
}

// askLines runs a command that lists objects of a type.
func askLines[T any](s *Stage, args ...string) ([]T, error) {
	raw, err := s.Output(args...)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", strings.Join(args[:2], " "), err)
	}
	return DecodeLines[T](raw)
}
