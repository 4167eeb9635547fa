package demo

import (
	"errors"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// counterDemo is the story of one counter: two people pay, one declines, a tab is
// held, captured in part and refunded in part, the registry dies in mid-payment and
// comes back, and a thief replays what he recorded.
type counterDemo struct {
	*shop
	thief *stage.Thief

	tab     api.Payment
	stolen  api.Payment
	revived api.Payment
	// quiet says that no wallet's feed moved while the thief tried.
	quiet bool
}

const demoShop = "Corner Cafe"

func newCounterDemo(s *stage.Stage, t *teller) story {
	return &counterDemo{shop: newShop(s, t, "ada", "ben")}
}

func (d *counterDemo) play() error {
	d.tell.title("demo", "one counter, two payers, one thief")
	return inOrder(d.setUp, d.adaPays, d.benPays, d.benDeclines, d.adaRunsATab, d.registryDies, d.thiefReplays)
}

func (d *counterDemo) setUp() error {
	d.tell.scene("A registry, a box, two wallets, two devices")
	if err := d.startRegistry(); err != nil {
		return err
	}
	if err := d.Enrol("registry", "box", "scan", "--role", "box", "--name", "counter", "--merchant", demoShop, "--site", "counter"); err != nil {
		return err
	}
	for _, who := range d.wallets {
		if err := d.fund(who); err != nil {
			return err
		}
	}
	if err := d.startNodes(nil, d.nodes()...); err != nil {
		return err
	}
	var err error
	if d.thief, err = stage.NewThief(d.Ctx, d.Data("air")); err != nil {
		return err
	}
	for _, b := range []struct{ who, rssi string }{{"ada", "-48"}, {"ben", "-58"}} {
		if err := d.Pair(b.who, b.rssi, "--interval", "100ms"); err != nil {
			return err
		}
	}
	d.tell.say("box", "serves %s; ada and ben have %s EUR and a tag each", demoShop, demoFunds)
	return nil
}

func (d *counterDemo) nodes() []demoNode {
	return []demoNode{
		{"box", []string{"scan", "--radio", "air:" + d.Data("air"), "--lane", "till-1"}},
		{"ada", []string{"wallet", "run", "--approve", "ask"}},
		{"ben", []string{"wallet", "run", "--approve", "under:20.00"}},
	}
}

func (d *counterDemo) adaPays() error {
	d.tell.scene("Ada pays by hand")
	n, err := d.near("box", 2)
	if err != nil {
		return err
	}
	d.hears("box", n)
	p, err := d.charge("box", "3.80", "flat white", "--nearest")
	if err != nil {
		return err
	}
	d.tell.say("till", "asks the nearest for %s", text.FormatMoney(p.Amount, p.Currency))
	if err := d.byHand("ada", p.ID, "approve"); err != nil {
		return err
	}
	_, err = d.settle("box", "ada", p.ID)
	return err
}

func (d *counterDemo) benPays() error {
	d.tell.scene("Ben pays by a rule he signed up to: anything under 20.00")
	n, err := d.near("box", 2)
	if err != nil {
		return err
	}
	ben, err := otherThan(n)
	if err != nil {
		return err
	}
	d.tell.say("ben", "says who he is: %s", ben)
	p, err := d.charge("box", "12.50", "lunch", "--to", string(ben))
	if err != nil {
		return err
	}
	d.tell.say("till", "asks %s for %s", ben, text.FormatMoney(p.Amount, p.Currency))
	_, err = d.settle("box", "ben", p.ID)
	return err
}

func otherThan(n api.Nearby) (pay.Handle, error) {
	for _, c := range n.Candidates {
		if n.Clear == nil || c.Handle != *n.Clear {
			return c.Handle, nil
		}
	}
	return "", errors.New("the box hears only one device")
}

func (d *counterDemo) benDeclines() error {
	d.tell.scene("Ben is asked for too much and declines")
	n, err := d.near("box", 2)
	if err != nil {
		return err
	}
	ben, err := otherThan(n)
	if err != nil {
		return err
	}
	p, err := d.charge("box", "31.00", "team lunch", "--to", string(ben))
	if err != nil {
		return err
	}
	if err := d.byHand("ben", p.ID, "decline"); err != nil {
		return err
	}
	_, err = d.settle("box", "ben", p.ID)
	return err
}

func (d *counterDemo) adaRunsATab() error {
	d.tell.scene("Ada runs a tab: held, captured in part, refunded in part")
	if _, err := d.near("box", 2); err != nil {
		return err
	}
	p, err := d.charge("box", "30.00", "tab 7", "--nearest", "--capture", "manual", "--hold", "2h")
	if err != nil {
		return err
	}
	if err := d.byHand("ada", p.ID, "approve"); err != nil {
		return err
	}
	if p, err = d.held("box", p.ID); err != nil {
		return err
	}
	d.tell.say("till", "%s: %s, and nothing is paid yet", p.State, text.FormatMoney(p.AmountHeld, p.Currency))
	if err := d.Ask(&p, "till", "capture", "--data", d.Data("box"), "--id", p.ID, "--amount", "18.40", "--final"); err != nil {
		return err
	}
	d.tell.say("till", "captures %s; the other %s go back", text.FormatMoney(p.AmountCaptured, p.Currency), text.FormatMoney(p.Amount-p.AmountCaptured, p.Currency))
	if err := d.Ask(&p, "till", "refund", "--data", d.Data("box"), "--id", p.ID, "--amount", "4.00"); err != nil {
		return err
	}
	d.tell.say("till", "refunds %s: one drink was not hers", text.FormatMoney(p.AmountRefunded, p.Currency))
	d.tab = p
	d.spent["ada"] += p.AmountCaptured - p.AmountRefunded
	r, err := d.agreeRefunded("ada", p)
	if err != nil {
		return err
	}
	d.tell.say("both", "hold the same receipt: %s paid, %s refunded", text.FormatMoney(r.Captured, r.Currency), text.FormatMoney(r.Refunded, r.Currency))
	return nil
}

// held waits until the approval of a hold is known at the till.
func (d *counterDemo) held(box, id string) (p api.Payment, err error) {
	err = d.Until("the till knows of the hold", func() (bool, error) {
		p = api.Payment{}
		err := d.Ask(&p, "till", "show", "--data", d.Data(box), "--id", id)
		return p.State == pay.StateHeld, err
	})
	return p, err
}

// agreeRefunded compares the receipts once the payer knows of the refund, too.
func (d *counterDemo) agreeRefunded(who string, at api.Payment) (api.Receipt, error) {
	if err := d.Until(who+" knows of the refund", func() (bool, error) {
		var seen api.Payment
		err := d.Ask(&seen, "wallet", "receipts", "--data", d.Data(who), "--id", at.ID)
		return seen.AmountRefunded == at.AmountRefunded, err
	}); err != nil {
		return api.Receipt{}, err
	}
	return d.agree("box", who, at.ID)
}

func (d *counterDemo) registryDies() error {
	d.tell.scene("The registry dies in mid-payment and comes back")
	if _, err := d.near("box", 2); err != nil {
		return err
	}
	p, err := d.charge("box", "5.20", "two croissants", "--nearest")
	if err != nil {
		return err
	}
	o, err := d.offered("ada", p.ID)
	if err != nil {
		return err
	}
	d.tell.say("ada", "is asked for %s", text.FormatMoney(o.Amount, o.Currency))
	d.Kill("registry")
	d.tell.say("registry", "is killed (SIGKILL)")
	if err := d.Ask(nil, "wallet", "approve", "--data", d.Data("ada"), "--id", p.ID); err != nil {
		return err
	}
	d.tell.say("ada", "approves all the same: the answer is stored and waits")
	var mid api.Payment
	if err := d.Ask(&mid, "till", "show", "--data", d.Data("box"), "--id", p.ID); err != nil {
		return err
	}
	d.tell.say("till", "shows %s: outcome %s, safe to charge again: %v", mid.State, mid.Outcome, mid.SafeToRetry)
	if err := d.restartRegistry(nil); err != nil {
		return err
	}
	d.tell.say("registry", "is back on the same address with the same books")
	if _, err := d.settle("box", "ada", p.ID); err != nil {
		return err
	}
	return d.Ask(&d.revived, "till", "show", "--data", d.Data("box"), "--id", p.ID)
}

func (d *counterDemo) thiefReplays() error {
	d.tell.scene("A thief replays ten minutes later what he recorded")
	recorded := d.thief.Recorded()
	d.tell.say("thief", "has recorded %d adverts of Ada and Ben all along", recorded)
	for _, name := range []string{"ada-tag", "ben-tag", "box", "ada", "ben", "registry"} {
		d.Stop(name)
	}
	d.tell.say("night", "all go home; everything starts again with clocks ten minutes on")
	env := nextDay()
	if err := d.restartRegistry(env); err != nil {
		return err
	}
	if err := d.startNodes(env, d.nodes()...); err != nil {
		return err
	}
	before, err := d.known()
	if err != nil {
		return err
	}
	stop := d.thief.Replay(d.Ctx, 0)
	defer stop()
	if _, err := d.near("box", 1); err != nil {
		return err
	}
	p, err := d.charge("box", "49.00", "whatever is left", "--nearest")
	if err != nil {
		return err
	}
	d.tell.say("till", "takes what it hears for %s and asks for %s", p.Payer, text.FormatMoney(p.Amount, p.Currency))
	if d.stolen, err = d.final("box", p.ID); err != nil {
		return err
	}
	after, err := d.known()
	if err != nil {
		return err
	}
	d.quiet = before == after
	d.tell.say("registry", "%s: the code is too old; no wallet hears of it", text.Because(d.stolen.State, d.stolen.Reason))
	return nil
}

// morning brings the two tags back to the counter, so that there is somebody to
// charge while everything keeps running.
func (d *counterDemo) morning() error { return d.bringBack("box", "ada-tag", "ben-tag") }

func (d *counterDemo) invitation() (who string, commands []string) {
	return "Ada and Ben are back at the counter", []string{
		"paybeacon till nearby --data box",
		"paybeacon till charge --data box --amount 2.40",
		"paybeacon wallet pending --data ada",
		"paybeacon wallet approve --data ada",
		"paybeacon till list --data box",
		"paybeacon wallet status --data ada",
		"paybeacon admin audit --data registry",
	}
}

// check asks the nodes themselves whether all is well.
func (d *counterDemo) check() error {
	earned, err := d.checkBooks()
	if err != nil {
		return err
	}
	t := d.tell
	t.check("the merchant has what they spent", earned[demoShop] == d.spent["ada"]+d.spent["ben"], "%s", text.FormatMoney(earned[demoShop], "EUR"))
	t.check("every receipt verifies", d.receipts == 10, "%d files, the same on both sides", d.receipts)
	t.check("the tab was paid and refunded", d.tab.AmountHeld == 0 && d.tab.AmountRefunded > 0, "%s of %s, then %s back", text.FormatMoney(d.tab.AmountCaptured, "EUR"), text.FormatMoney(d.tab.Amount, "EUR"), text.FormatMoney(d.tab.AmountRefunded, "EUR"))
	t.check("the killed payment was made once", d.revived.Outcome == pay.OutcomePaid, "%s", d.revived.State)
	t.check("the replay was refused", d.stolen.State == pay.StateUnmatched && d.stolen.AmountCaptured == 0, "%s", text.Because(d.stolen.State, d.stolen.Reason))
	t.check("no wallet heard of the replay", d.quiet, "ada and ben saw nothing")
	return t.verdict()
}
