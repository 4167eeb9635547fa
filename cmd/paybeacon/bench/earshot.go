package bench

import (
	"context"
	"fmt"
	"math/rand/v2"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/store/kv"
)

// The earshot model. Two stalls stand so near to one another that both hear a
// payer's code, and both charge him, 0 to 20 s apart and so mostly within one step. The registry
// is the shipped one; the people are simulated: each payer's rule approves
// everything where a rule may, and where it may not he answers himself a moment
// later, with his device where that is demanded. Then codes are carried from one
// of the two to the other, and to a third stall: the thief charges before or after
// his victim pays, and only the victim's rule answers him.
const (
	earshotPayers = 40
	earshotRounds = 400
	earshotApart  = 20_000 // ms
)

// answers counts how payments came to be paid.
type answers struct {
	charges, byRule, byHand, withDevice, refused, unpaid int
}

// earshotModel lets two stalls charge the same payers within the same steps.
func earshotModel(ctx context.Context, declared bool) ([]figure, error) {
	random := rand.New(rand.NewPCG(wormholeSeed, 10))
	f, err := newFair(ctx, earshotPayers)
	if err != nil {
		return nil, err
	}
	if err := f.inEarshot(ctx, declared); err != nil {
		return nil, err
	}
	var n answers
	now := f.opened
	for i := range earshotRounds {
		now = now.Add(150_000)
		order := []int{0, 1}
		if i%2 == 1 {
			order = []int{1, 0}
		}
		later := now.Add(pay.Millis(random.Int64N(earshotApart)))
		second := sighting{at: later, heard: later, stall: order[1], payer: i % earshotPayers}
		for _, s := range []sighting{{at: now, heard: now, stall: order[0], payer: second.payer}, second} {
			if err := f.payNow(ctx, s, &n, true); err != nil {
				return nil, err
			}
		}
	}
	what := "two stalls in earshot"
	if declared {
		what = "two declared neighbours"
	}
	paid := n.byRule + n.byHand + n.withDevice
	figures := []figure{
		{What: "simulated charges, " + what, Value: float64(n.charges)},
		percentOf("paid", paid, n.charges),
		percentOf("of these by a rule", n.byRule, paid),
		percentOf("of these by a person", n.byHand, paid),
		percentOf("of these by a person and the device", n.withDevice, paid),
		percentOf("refused because of too many prompts", n.refused, n.charges),
	}
	for _, to := range []struct {
		stall int
		words string
	}{{1, "to the other"}, {5, "to a third"}} {
		caught, err := f.carried(ctx, random, &now, to.stall)
		if err != nil {
			return nil, err
		}
		figures = append(figures, percentOf("codes carried "+to.words+": noticed", caught, earshotRounds))
	}
	return figures, nil
}

// inEarshot gives the payers money and declares the first two stalls to be
// neighbours, if they are to be.
func (f *fair) inEarshot(ctx context.Context, declared bool) error {
	return f.engine.Update(ctx, func(tx kv.Tx) error {
		rows := f.rows(tx)
		for i, p := range f.payers {
			top := pay.TopUp{Wallet: p.wallet.status.Scope, Amount: 1_000_000, Currency: "EUR", Key: pay.IdempotencyKey(fmt.Sprint("top-up-", i))}
			if _, _, err := f.role.TopUp(rows, f.opened, top); err != nil {
				return err
			}
		}
		if !declared {
			return nil
		}
		place := func(n fairNode) pay.Place {
			return pay.Place{Merchant: n.status.Scope, MerchantName: n.status.MerchantName, Site: n.status.Site}
		}
		_, _, err := f.role.DeclareNeighbours(rows, f.opened, place(f.stalls[0]), place(f.stalls[1]), false)
		return err
	})
}

// carried lets a thief carry codes from the first stall to another and charge
// there, before or after the victim pays, and counts how often his charge is not
// noticed: his charge or the victim's own, which comes second, waits for a person.
func (f *fair) carried(ctx context.Context, random *rand.Rand, now *pay.Time, stall int) (caught int, err error) {
	for i := range earshotRounds {
		*now = now.Add(150_000)
		victim := sighting{at: *now, heard: *now, stall: 0, payer: i % earshotPayers, honest: true}
		thief := sighting{at: *now, heard: *now, stall: stall, payer: victim.payer}
		order := []sighting{victim, thief}
		if random.IntN(2) == 0 {
			order = []sighting{thief, victim}
		}
		var n answers
		for _, s := range order {
			if err := f.payNow(ctx, s, &n, false); err != nil {
				return 0, err
			}
		}
		if n.unpaid > 0 {
			caught++
		}
	}
	return caught, nil
}

// payNow makes a request and has it answered: by the payer's rule where it may, and
// else by himself if person is set.
func (f *fair) payNow(ctx context.Context, s sighting, n *answers, person bool) error {
	n.charges++
	err := f.engine.Update(ctx, func(tx kv.Tx) error {
		rows := f.rows(tx)
		request, r, err := f.request(rows, s)
		if err != nil {
			return err
		}
		offer, id := decided(r)
		if offer.State != pay.StateOffered {
			if offer.Reason == pay.ReasonTooManyPrompts {
				n.refused++
			}
			return nil
		}
		payer := f.payers[s.payer]
		answer := func(by pay.Rule, code pay.AuthCode) (bool, error) {
			claim, err := pay.Sign(payer.wallet.key, pay.Answer{
				Payment: pay.PaymentID(request.ID()), Offer: id, Merchant: offer.Merchant, Amount: offer.Amount, Currency: offer.Currency,
				Expires: offer.Expires, Verdict: pay.Approve, By: by, Created: s.at, Code: code,
			})
			if err != nil {
				return false, err
			}
			r, err := f.react(rows, s.at, claim)
			d, _ := decided(r)
			return d.State == pay.StateCaptured, err
		}
		if !offer.StepUp.NeedsPerson() {
			if paid, err := answer("all", pay.AuthCode{}); paid || err != nil {
				n.byRule++
				return err
			}
		}
		if !person {
			n.unpaid++
			return nil
		}
		if paid, err := answer(pay.ByHand, pay.AuthCode{}); paid || err != nil {
			n.byHand++
			return err
		}
		code, err := pay.Authenticate(payer.state.Key(), pay.AuthenticatePayment(f.root, payer.wallet.key.ID(), f.challenges[offer.Payment], offer, 0))
		if err != nil {
			return err
		}
		paid, err := answer(pay.ByHand, code)
		if paid {
			n.withDevice++
		} else {
			n.unpaid++
		}
		return err
	})
	if err != nil {
		return fmt.Errorf("pay: %w", err)
	}
	return nil
}
