package demo

import (
	"crypto/rand"
	"strconv"
	"time"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/stage"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

const (
	kioskShop = "Night Kiosk"
	// demoExponent lets a code live long enough for the story to be told within
	// one, and not as long as the night in it.
	demoExponent = pay.Exponent(8)
)

func newFaultsDemo(s *stage.Stage, t *teller) story {
	return &faultsDemo{shop: newShop(s, t, "ada", "ben", "cleo"), handles: map[string]pay.Handle{}}
}

func (d *faultsDemo) play() error {
	defer func() {
		if d.thief != nil {
			d.thief.Close()
		}
	}()
	d.tell.title("demo", "two shops, three payers and a thief")
	return inOrder(d.setUp, d.honest, d.wormhole, d.stolenPhone, d.stolenTag, d.usedCode, d.oldBroadcast)
}

func (d *faultsDemo) setUp() error {
	d.tell.scene("A registry, two shops, three payers and a thief")
	if err := d.startRegistry(); err != nil {
		return err
	}
	for _, b := range []struct{ box, merchant, site string }{{"cafe", demoShop, "Mill Lane"}, {"kiosk", kioskShop, "platform 2"}} {
		if err := d.Enrol("registry", b.box, "scan", "--role", "box", "--name", b.box, "--merchant", b.merchant, "--site", b.site); err != nil {
			return err
		}
	}
	for _, who := range append([]string{"max"}, d.wallets...) {
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
	for _, p := range faultsPayers() {
		if err := d.makeTag(p.who + "-tag"); err != nil {
			return err
		}
		if err := d.Pair(p.who, strconv.Itoa(int(p.rssi)), "--interval", "100ms"); err != nil {
			return err
		}
	}
	if err := d.Ask(nil, "wallet", "rules", "--data", d.Data("ben"), "--two-channel-above", "20.00"); err != nil {
		return err
	}
	d.tell.say("shops", "%s and %s, out of each other's earshot", demoShop, kioskShop)
	d.tell.say("payers", "ada, ben and cleo, with %s EUR and a tag each, in the cafe", demoFunds)
	d.tell.say("ada", "lets a rule of her wallet say yes to everything")
	d.tell.say("ben", "is asked, and above 20.00 EUR his tag must give its word too")
	d.tell.say("cleo", "is asked")
	d.tell.say("max", "is the thief; he has a wallet of his own, and a good radio")
	return nil
}

// makeTag makes a device before its first start, with a counter at which its
// code has just gone on the air: so the story does not depend on the moment at
// which it is told.
func (s *shop) makeTag(name string) error {
	dir := datadir.Dir(s.Data(name))
	if err := dir.Make(); err != nil {
		return err
	}
	state, err := device.New(rand.Reader, demoExponent, pay.TimeOf(time.Now()))
	if err != nil {
		return err
	}
	step := device.Reading(demoExponent.Seconds()) * 1000
	state.Counter += -state.Counter%step + step/8 // a code is late by an eighth at most
	return dir.Write(datadir.DeviceFile, state.Encode())
}

func (d *faultsDemo) honest() error {
	d.tell.scene("Nothing is wrong: Ben pays by two channels")
	n, err := d.near("cafe", len(faultsPayers()))
	if err != nil {
		return err
	}
	for _, c := range n.Candidates {
		for _, p := range faultsPayers() {
			if c.RSSI == p.rssi {
				d.handles[p.who] = c.Handle
			}
		}
	}
	d.hears("cafe", n)
	p, err := d.charge("cafe", "18.00", "meal", "--nearest", "--two-channel")
	if err != nil {
		return err
	}
	d.tell.say("cafe", "asks the nearest for %s, by two channels", text.FormatMoney(p.Amount, p.Currency))
	if err := d.byHand("ben", p.ID, "approve"); err != nil {
		return err
	}
	d.tell.say("ben-tag", "gave its word over the link, for this one payment")
	if d.meal, err = d.settle("cafe", "ben", p.ID); err != nil {
		return err
	}
	d.channels(d.meal)
	return nil
}

func (d *faultsDemo) wormhole() error {
	d.tell.scene("A wormhole: Ada's code, carried to another shop as she pays")
	p, err := d.charge("cafe", "3.80", "flat white", d.to("ada")...)
	if err != nil {
		return err
	}
	d.tell.say("cafe", "asks %s for %s", d.handles["ada"], text.FormatMoney(p.Amount, p.Currency))
	if _, err := d.settle("cafe", "ada", p.ID); err != nil {
		return err
	}
	stop, err := d.thief.Carry(d.Data("far"), d.payer("ada").rssi)
	if err != nil {
		return err
	}
	defer stop()
	d.tell.say("max", "stands by her; his accomplice at the kiosk sends what he hears")
	n, err := d.near("kiosk", 1)
	if err != nil {
		return err
	}
	d.hears("kiosk", n)
	p, err = d.charge("kiosk", "39.00", "rum", "--nearest")
	if err != nil {
		return err
	}
	d.tell.say("kiosk", "asks it for %s", text.FormatMoney(p.Amount, p.Currency))
	if err := d.steppedUp(p.ID); err != nil {
		return err
	}
	d.tell.say("max", "sent %d adverts from shop to shop for nothing", stop())
	return nil
}

// steppedUp is what comes of the charge at the kiosk, and of the next one in
// the cafe.
func (d *faultsDemo) steppedUp(id string) error {
	o, err := d.asked("ada", id)
	if err != nil {
		return err
	}
	word := string(o.Demand)
	if o.Answering || o.By != "" {
		word = "answered by " + string(o.By)
	}
	d.ends("a carried code asks its owner", word, string(pay.StepUpElsewhere), "heard in two shops at once, so her rule is silent")
	d.tell.say("ada", "reads: %s", text.Beware(o.Merchant, o.Site))
	if err := d.Ask(nil, "wallet", "decline", "--data", d.Data("ada"), "--id", id); err != nil {
		return err
	}
	d.tell.say("ada", "declines")
	r, err := d.settle("kiosk", "ada", id)
	if err != nil {
		return err
	}
	d.attempts = append(d.attempts, attempt{"and pays nothing at the kiosk", reasonOf(r), "declined (by_payer)"})
	p, err := d.charge("cafe", "2.40", "cake", d.to("ada")...)
	if err != nil {
		return err
	}
	d.tell.say("cafe", "asks her again meanwhile, for %s", text.FormatMoney(p.Amount, p.Currency))
	if err := d.byHand("ada", p.ID, "approve"); err != nil {
		return err
	}
	d.tell.say("ada-tag", "gave its word: it is here, and nowhere else")
	if d.secure, err = d.settle("cafe", "ada", p.ID); err != nil {
		return err
	}
	d.channels(d.secure)
	return nil
}

// check asks the nodes themselves whether all is well.
func (d *faultsDemo) check() error {
	t := d.tell
	earned, err := d.checkBooks()
	if err != nil {
		return err
	}
	var spent pay.Amount
	for _, s := range d.spent {
		spent += s
	}
	t.check("the cafe has what was paid to it", earned[demoShop] == spent, "%s", text.FormatMoney(earned[demoShop], "EUR"))
	t.check("the kiosk has nothing", earned[kioskShop] == 0, "%s", text.FormatMoney(earned[kioskShop], "EUR"))
	t.check("every receipt verifies", d.receipts == 12, "%d files, the same on both sides", d.receipts)
	for _, r := range []struct {
		name string
		api.Receipt
		demand pay.StepUp
	}{{"the meal: both channels, and why", d.meal, pay.StepUpMerchant}, {"the cake: both channels, and why", d.secure, pay.StepUpElsewhere}} {
		ok := r.State == pay.StateCaptured && r.Method == pay.MethodTwoChannel && r.Demand == r.demand && r.By == pay.ByHand
		t.check(r.name, ok, "%s, %s, %s", r.State, r.Method, r.Demand)
	}
	for _, a := range d.attempts {
		t.check(a.name, a.got == a.want, "%s", a.got)
	}
	t.check("no wallet heard of the old code", d.quiet, "ada, ben and cleo saw nothing")
	return t.verdict()
}

// morning brings the three tags back to the cafe.
func (d *faultsDemo) morning() error { return d.bringBack("cafe", "ben-tag", "ada-tag", "cleo-tag") }

func (d *faultsDemo) invitation() (who string, commands []string) {
	return "All are back in the cafe", []string{
		"paybeacon till nearby --data cafe",
		"paybeacon till charge --data cafe --amount 2.40 --two-channel",
		"paybeacon wallet pending --data ben",
		"paybeacon wallet approve --data ben",
		"paybeacon till list --data cafe",
		"paybeacon wallet rules --data ben",
		"paybeacon wallet devices --data ben",
		"paybeacon admin audit --data registry",
	}
}
