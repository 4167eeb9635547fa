package pay

import "fmt"

// A tip: what a payer gives beyond the amount. The merchant names the most that it may
// be, the payer what it may be, and both are signed.
//
//	box ----request--------> registry --offered--> wallet     up to how much a tip may be
//	wallet ---answer-------> registry --tipped---> both       how much the payer lets it be
//	                                  --captured-> both       the amount and all of that, in the same commit
//
// Where the amount is held, as much more is held with it:
//
//	                                  --held-----> both
//	box ----capture--------> registry --captured-> both       what goes beyond the amount is tip
//
// So a payer whose amount is captured at once names the tip, and one whose amount is held
// names a bound, as on a paper slip. A capture that states no amount takes none of it.
//
// A registry or wallet that does not know tips leaves the fields out, and then no tip is
// given: what the payer signs is the amount. A node that does not know them takes the
// decision tipped in as it does any state that is new to it, and goes by the sums of what
// follows.

// checkTip returns nil when no tip is given, or one that makes a payable amount with the
// amount itself.
func checkTip(amount, tip Amount) error {
	if tip == 0 {
		return nil
	}
	if err := tip.CheckPayable(); err != nil {
		return fmt.Errorf("tip: %w", err)
	}
	total, err := amount.Add(tip)
	if err != nil {
		return fmt.Errorf("amount and tip: %w", err)
	}
	return total.CheckPayable()
}

// checkTipMax returns nil when no tip may be given, or up to a payable amount.
func checkTipMax(most Amount) error {
	if most == 0 {
		return nil
	}
	if err := most.CheckPayable(); err != nil {
		return fmt.Errorf("the most that may be tip: %w", err)
	}
	return nil
}

// TakesTip reports whether a tip of this amount may be given on these terms.
func (t Terms) TakesTip(tip Amount) bool {
	return tip == 0 || tip > 0 && tip <= t.TipMax && checkTip(t.Amount, tip) == nil
}

// checkTip returns nil when the tip is one that the terms allow.
func (d Decision) checkTip() error {
	if !d.TakesTip(d.Tip) {
		return fmt.Errorf("a tip of %d is outside 0..%d, or too much with the amount", d.Tip, d.TipMax)
	}
	return nil
}

// agreed returns what is authorised by an approval: the amount and the tip.
func (d Decision) agreed() Amount { return d.Amount + d.Tip }

// TipTaken returns what of the captured sum is tip: what goes beyond the amount, increments
// included.
func (d Decision) TipTaken() Amount {
	sums := d.SumsAfter()
	if sums.Captured == 0 {
		return 0
	}
	return max(0, sums.Captured-(sums.Authorised()-d.Tip))
}

// TipHeld returns what of the held sum can be captured as tip alone.
func (d Decision) TipHeld() Amount { return min(d.SumsAfter().Held, d.Tip-d.TipTaken()) }

// fitsTip reports whether d carries a tip as it may: one that the payer's answer gives
// where that is decided, and from there on the same.
func (a *Arrow) fitsTip(p Payment, d Decision) bool {
	switch {
	case a.To == StateTipped:
		return d.Tip > 0 && d.TakesTip(d.Tip)
	case a.From == StateTipped && (d.Claim != p.Decision.Claim || d.By != p.Decision.By):
		return false
	default:
		return d.Tip == p.Decision.Tip
	}
}
