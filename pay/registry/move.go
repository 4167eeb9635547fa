package registry

import (
	"context"
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// balanceMoves bring the balance of a wallet whose phone is lost to another wallet of its
// owner's. Both exist, with feeds, devices and receipts of their own, and keep them:
// where another is to take the place of a wallet altogether, see replacement. Whether
// the old wallet is revoked makes no difference to its money. The new one must work,
// because nobody could spend what a revoked wallet has.
var balanceMoves = feature{
	name:      "moves",
	publishes: []pay.Kind{pay.KindMoved},
	audit:     inspectMoves,
	spaces:    rows.Spaces{moveRows.Space},
}

var moveRows = rows.New("tm/", "a balance that was moved", rows.Text[pay.IdempotencyKey]("KEY"), rows.CBOR[moveRow]())

// moveRow is what a key of a move stands for: the fact, and what it states.
type moveRow struct {
	Fact  pay.FactID `cbor:"1,keyasint"`
	Moved pay.Moved  `cbor:"2,keyasint"`
}

// Move moves all that the wallet From can spend to the wallet To, and publishes this to
// both and in the registry's own feed. Amount, Held and At are set here; what is held
// stays with From until its payments end. The same key with the same wallets is the
// first move again. Its refusals are *pay.Error: pay.CodeFunds where nothing is
// available, pay.CodeConflict where To works no more, pay.CodeKeyUsed, pay.CodeUsage,
// and pay.CodeAmount where To would have too much; they change nothing. Any other error
// is the store's, or wraps pay.ErrCannotSign.
func (r *Registry) Move(tx pay.WritableRows, now pay.Time, ask pay.Moved) (pay.Moved, pay.Reaction, error) {
	ask.At, ask.Currency, ask.Amount, ask.Held = now, r.currency, 1, 0
	if ask.From == ask.To {
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeUsage, "move_same", "move balance: both are the same wallet")
	}
	if err := ask.Check(); err != nil {
		return ask, pay.Reaction{}, pay.WrapCase(err, pay.CodeUsage, "move_form", "move balance")
	}
	old, used, err := moveRows.Get(tx, ask.Key)
	switch {
	case err != nil:
		return ask, pay.Reaction{}, fmt.Errorf("move balance: %w", err)
	case used && (old.Moved.From != ask.From || old.Moved.To != ask.To):
		return ask, pay.Reaction{}, pay.NewCase(pay.CodeKeyUsed, "move_key_used", fmt.Sprintf("move balance: key %q stands for another move", string(ask.Key)))
	case used:
		return old.Moved, pay.Reaction{}, nil
	}
	if err := r.mayReceive(tx, ask.To); err != nil {
		return ask, pay.Reaction{}, err
	}
	if ask.Amount, ask.Held, err = moveBalance(tx, ask); err != nil {
		return ask, pay.Reaction{}, err
	}
	published, err := r.sign(now, ask, pay.ScopeRegistry, ask.From, ask.To)
	if err != nil {
		return ask, pay.Reaction{}, err
	}
	if err := moveRows.Put(tx, ask.Key, moveRow{Fact: published.Fact.ID(), Moved: ask}); err != nil {
		return ask, pay.Reaction{}, fmt.Errorf("move balance: %w", err)
	}
	return ask, pay.Reaction{Publications: []pay.Publication{published}}, nil
}

// mayReceive returns a *pay.Error where nobody signs for the wallet any more.
func (r *Registry) mayReceive(tx pay.WritableRows, to pay.Scope) error {
	t := turn{Registry: r, rows: tx}
	gone, err := t.walletGone(to)
	switch {
	case err != nil:
		return fmt.Errorf("move balance: %w", err)
	case gone != "":
		return pay.NewCase(pay.CodeConflict, "move_to_gone", fmt.Sprintf("move balance: nobody could spend what %s has: %s", to, gone))
	default:
		return nil
	}
}

// moveBalance posts a move, and returns what moved and what is held. Its refusals are
// those of Move.
func moveBalance(tx pay.WritableRows, m pay.Moved) (moved, held pay.Amount, err error) {
	moved, held, err = book.Move(tx, m.From, m.To, m.Currency)
	switch {
	case errors.Is(err, book.ErrInsufficient) && held > 0:
		return 0, held, pay.NewCase(pay.CodeFunds, "move_held", fmt.Sprintf("move balance: all that %s has is held by payments that are open", m.From))
	case errors.Is(err, book.ErrInsufficient):
		return 0, held, pay.NewCase(pay.CodeFunds, "move_nothing", fmt.Sprintf("move balance: %s has nothing", m.From))
	case errors.Is(err, book.ErrFull), errors.Is(err, pay.ErrOverflow):
		return 0, held, pay.WrapCase(err, pay.CodeAmount, "account_full", "move balance")
	default:
		return moved, held, err
	}
}

// inspectMoves counts the money that was moved and holds each move against the row of
// its key.
func inspectMoves(a *auditor) inspection {
	seen := 0
	return inspection{
		reads: map[pay.Kind]func(pay.Fact) error{pay.KindMoved: reading(func(f pay.Fact, m pay.Moved) error {
			seen++
			a.tally.Move(m.From, m.To, m.Amount, m.Currency)
			row, ok, err := moveRows.Get(a.rows, m.Key)
			if err == nil && (!ok || row != moveRow{Fact: f.ID(), Moved: m}) {
				a.report("move %s is not what its key stands for", f.ID())
			}
			return err
		})},
		passes: []func(context.Context) error{func(context.Context) error {
			n, err := moveRows.Count(a.rows)
			if err == nil && n != seen {
				a.report("%d keys of moves are kept, the facts say %d", n, seen)
			}
			return err
		}},
	}
}
