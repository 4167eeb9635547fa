package demo

import (
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// The acts of the faults demo in which something was stolen: a phone, a tag, a
// code.

func (d *faultsDemo) stolenPhone() error {
	d.tell.scene("A stolen phone without its tag")
	d.Stop("ben-tag")
	d.tell.say("ben", "goes home with his tag, and without his phone")
	stop, err := d.replay("ben", "air")
	if err != nil {
		return err
	}
	defer stop()
	d.tell.say("max", "has the phone, and sends Ben's code, which he recorded")
	p, err := d.charge("cafe", "25.00", "gin", d.to("ben")...)
	if err != nil {
		return err
	}
	d.gin = p.ID
	d.tell.say("cafe", "asks %s for %s", d.handles["ben"], text.FormatMoney(p.Amount, p.Currency))
	o, err := d.offered("ben", p.ID)
	if err != nil {
		return err
	}
	d.tells("phone", "asks", o)
	d.tell.say("phone", "two channels: %s", text.WhyTwoChannels(o.Demand))
	word, err := wordOf(d.Ask(nil, "wallet", "approve", "--data", d.Data("ben"), "--id", p.ID))
	if err != nil {
		return err
	}
	d.tell.say("max", "approves")
	d.ends("a phone without its tag", word, string(pay.CodeDevice), "the tag is out of reach and gave no word")
	word, err = wordOf(d.Ask(nil, "wallet", "rules", "--data", d.Data("ben"), "--two-channel-above", "none"))
	if err != nil {
		return err
	}
	d.tell.say("max", "wants the limit of 20.00 EUR gone")
	d.ends("nor can it lift the limit", word, string(pay.CodeDevice), "only the tag can agree to that")
	d.tell.say("note", "20.00 EUR or less he could take now: the risk that Ben chose")
	return nil
}

func (d *faultsDemo) stolenTag() error {
	d.tell.scene("A stolen tag without its phone")
	d.tell.say("max", "stands at the till with Cleo's tag; she is at home")
	p, err := d.charge("cafe", "12.00", "beer", d.to("cleo")...)
	if err != nil {
		return err
	}
	d.tell.say("cafe", "asks %s for %s", d.handles["cleo"], text.FormatMoney(p.Amount, p.Currency))
	if _, err := d.asked("cleo", p.ID); err != nil {
		return err
	}
	if err := d.startNodes(nil, demoNode{"max", []string{"wallet", "run"}}); err != nil {
		return err
	}
	d.tell.say("max", "pairs the tag with his own wallet")
	word, err := wordOf(d.Ask(nil, "wallet", "pair", "--data", d.Data("max"), "--link", d.Bound["cleo-tag"].Link, "--pin", "0000-0000-0000"))
	if err != nil {
		return err
	}
	d.ends("a tag takes no second wallet", word, string(pay.CodeBound), "the tag obeys the wallet it is paired with")
	d.tell.say("max", "approves in his own wallet")
	word, err = wordOf(d.Ask(nil, "wallet", "approve", "--data", d.Data("max"), "--id", p.ID))
	if err != nil {
		return err
	}
	d.ends("another wallet has no such offer", word, string(pay.CodeNotFound), "nobody but Cleo was asked")
	d.Stop("max")
	if err := d.forgeAsMax(p); err != nil {
		return err
	}
	d.tell.say("cleo", "bought nothing, and declines")
	if err := d.Ask(nil, "wallet", "decline", "--data", d.Data("cleo"), "--id", p.ID); err != nil {
		return err
	}
	r, err := d.settle("cafe", "cleo", p.ID)
	if err != nil {
		return err
	}
	d.attempts = append(d.attempts, attempt{"a tag without its phone", reasonOf(r), "declined (by_payer)"})
	return nil
}

// forgeAsMax sends the registry an approval of somebody else's payment under
// the thief's own key. He may well know what such a message holds: he reads it
// on the till.
func (d *faultsDemo) forgeAsMax(p api.Payment) error {
	cafe, err := datadir.Dir(d.Data("cafe")).LoadMember()
	if err != nil {
		return err
	}
	id, err := pay.ParsePaymentID(p.ID)
	if err != nil {
		return err
	}
	d.tell.say("max", "signs an approval himself and sends it to the registry")
	f, err := openForger(d.Ctx, d.Data("max"))
	if err != nil {
		return err
	}
	why, err := f.say(approvalOf(id, pay.Decision{Terms: pay.Terms{Merchant: cafe.Scope, Amount: p.Amount, Currency: p.Currency}}))
	if err := errors.Join(err, f.close()); err != nil {
		return err
	}
	d.ends("another wallet's word is none", string(why), string(pay.ReasonWrongScope), "the payment is not his to approve")
	return nil
}

func (d *faultsDemo) usedCode() error {
	d.tell.scene("A used code: the tag's word, from the stolen phone's memory")
	d.Stop("ben")
	f, err := openForger(d.Ctx, d.Data("ben"))
	if err != nil {
		return err
	}
	d.tell.say("max", "opens the phone up: its key, and the tag's word for the meal")
	if err := errors.Join(d.forgeAsBen(f), f.close()); err != nil {
		return err
	}
	// A cancel that comes too late says so by its exit code; what the payment is
	// then is for the check at the end.
	if _, err := wordOf(d.Ask(nil, "till", "cancel", "--data", d.Data("cafe"), "--id", d.gin)); err != nil {
		return err
	}
	p, err := d.final("cafe", d.gin)
	if err != nil {
		return err
	}
	d.tell.say("cafe", "has waited long enough: %s", text.Because(p.State, p.Reason))
	d.attempts = append(d.attempts, attempt{"and the gin was never paid", text.Because(p.State, p.Reason), "cancelled (by_merchant)"})
	return nil
}

// forgeAsBen sends approvals under the stolen phone's own key, past the wallet.
func (d *faultsDemo) forgeAsBen(f *forger) error {
	used, err := f.usedCode(d.meal.ID)
	if err != nil {
		return err
	}
	gin, err := f.approval(d.gin)
	if err != nil {
		return err
	}
	meal, err := f.approval(d.meal.ID)
	if err != nil {
		return err
	}
	for _, try := range []struct {
		said   string
		answer pay.Answer
		code   pay.AuthCode
		name   string
		want   pay.Reason
		why    string
	}{
		{"approves the gin with the phone's key alone", gin, pay.AuthCode{},
			"a phone's key alone", pay.ReasonNeedsDevice, "the tag's word is missing"},
		{"approves the gin with the tag's word for the meal", gin, used,
			"a code made for another payment", pay.ReasonWrongCode, "that word was for another payment"},
		{"approves the meal once more", meal, used,
			"a code used a second time", pay.ReasonAlreadyDecided, "the meal is paid, and that word used up"},
	} {
		d.tell.say("max", "%s", try.said)
		try.answer.Code = try.code
		why, err := f.say(try.answer)
		if err != nil {
			return err
		}
		d.ends(try.name, string(why), string(try.want), try.why)
	}
	return nil
}

func (d *faultsDemo) oldBroadcast() error {
	d.tell.scene("A used code: Ada's broadcast, ten minutes later")
	for _, name := range []string{"ada-tag", "cleo-tag", "cafe", "kiosk", "ada", "cleo", "registry"} {
		d.Stop(name)
	}
	d.tell.say("night", "all go home; everything starts again with clocks ten minutes on")
	if err := d.restartRegistry(nextDay()); err != nil {
		return err
	}
	if err := d.startNodes(nextDay(), d.nodes()...); err != nil {
		return err
	}
	// Ben has his phone back; what it missed it has heard by now.
	if _, err := d.agree("cafe", "ben", d.gin); err != nil {
		return err
	}
	before, err := d.known()
	if err != nil {
		return err
	}
	stop, err := d.replay("ada", "far")
	if err != nil {
		return err
	}
	defer stop()
	d.tell.say("max", "sends Ada's code, which he recorded, at the kiosk")
	if _, err := d.near("kiosk", 1); err != nil {
		return err
	}
	p, err := d.charge("kiosk", "40.00", "whatever is left", "--nearest")
	if err != nil {
		return err
	}
	d.tell.say("kiosk", "takes it for %s and asks for %s", p.Payer, text.FormatMoney(p.Amount, p.Currency))
	if p, err = d.final("kiosk", p.ID); err != nil {
		return err
	}
	after, err := d.known()
	if err != nil {
		return err
	}
	d.quiet = before == after
	d.ends("a code ten minutes old", text.Because(p.State, p.Reason), "unmatched (out_of_step)", "no wallet hears of it")
	return nil
}
