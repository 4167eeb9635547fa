package registry

import (
	"slices"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// prompted is one offer that a wallet did not approve, or not yet.
type prompted struct {
	At      pay.Time      `cbor:"1,keyasint"`
	Payment pay.PaymentID `cbor:"2,keyasint"`
}

// prompt notes that a box is about to prompt a wallet. It returns false, and
// notes nothing, when the box has used up its unanswered and declined prompts
// of the last hour.
func (t *turn) prompt(wallet pay.Scope, box pay.NodeID, payment pay.PaymentID) (bool, error) {
	key := rows.Key(wallet, box)
	list, _, err := promptRows.Get(t.rows, key)
	if err != nil {
		return false, err
	}
	list = slices.DeleteFunc(list, func(p prompted) bool { return t.now.Sub(p.At) >= hour })
	if len(list) >= pay.PromptsPerHour {
		return false, nil
	}
	return true, promptRows.Put(t.rows, key, append(list, prompted{At: t.now, Payment: payment}))
}

// forgetPrompt takes a prompt off the count: the payer approved it, or a rule
// answered and nobody was disturbed.
func (t *turn) forgetPrompt(wallet pay.Scope, box pay.NodeID, payment pay.PaymentID) error {
	key := rows.Key(wallet, box)
	list, ok, err := promptRows.Get(t.rows, key)
	if err != nil || !ok {
		return err
	}
	rest := slices.DeleteFunc(list, func(p prompted) bool { return p.Payment == payment })
	return promptRows.Put(t.rows, key, rest)
}

// heardPrune bounds the forgotten places that one request clears away.
const heardPrune = 8

// heardElsewhere notes where a device's step was heard, and says whether it was
// heard at another place too. Once it was, that holds at every place until the
// step is over: whoever carried the code may have been heard first. Places are
// kept as long as a request for their step can still arrive.
func (t *turn) heardElsewhere(m match, here where) (bool, error) {
	key := rows.Key(m.device, m.step)
	first, known, err := heardRows.Get(t.rows, key)
	switch {
	case err != nil, known && first.Twice, known && first == here:
		return first.Twice, err
	case known:
		first.Twice = true
		return true, heardRows.Put(t.rows, key, first)
	}
	oldest, _, ok := m.source.steps(t.now.Add(-pay.RequestTTLMax), t.now)
	if ok {
		gone, err := heardRows.Keys(t.rows, heardRows.Between(rows.Key(m.device, pay.Step(0)), rows.Key(m.device, oldest)), heardPrune)
		if err != nil {
			return false, err
		}
		for _, key := range gone {
			if err := heardRows.Delete(t.rows, key); err != nil {
				return false, err
			}
		}
	}
	return false, heardRows.Put(t.rows, key, here)
}
