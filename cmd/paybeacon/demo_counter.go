package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// counterDemo is the story of one counter: two people pay, one declines, the
// registry dies in mid-payment and comes back, and a thief replays what he
// recorded.
type counterDemo struct {
	*stage
	tell  *teller
	seed  int64
	thief *thief

	registry readyJSON
	spent    map[string]pay.Amount
	receipts int
	stolen   paymentJSON
	revived  paymentJSON
	// quiet says that no wallet's feed moved while the thief tried.
	quiet bool
}

const (
	demoShop  = "Corner Cafe"
	demoFunds = "50.00"
)

func (d *counterDemo) play() error {
	d.spent = map[string]pay.Amount{}
	d.tell.title("demo", "one counter, two payers, one thief")
	for _, act := range []func() error{d.setUp, d.adaPays, d.benPays, d.benDeclines, d.registryDies, d.thiefReplays} {
		if err := act(); err != nil {
			return err
		}
	}
	return nil
}

func (d *counterDemo) setUp() error {
	d.tell.scene("A registry, a box, two wallets, two devices")
	if err := d.start("registry", nil, "serve", "--data", d.data("registry"), "--listen", "127.0.0.1:0", "--http", "127.0.0.1:0"); err != nil {
		return err
	}
	var err error
	if d.registry, err = d.ready("registry"); err != nil {
		return err
	}
	d.tell.say("registry", "listens on %s, its working key is %s…", d.registry.QUIC, d.registry.Node[:10])
	if err := d.enrol("registry", "box", "scan", "--role", "box", "--name", "counter", "--merchant", demoShop, "--site", "counter"); err != nil {
		return err
	}
	for _, who := range []string{"ada", "ben"} {
		if err := d.enrol("registry", who, "wallet", "--role", "wallet", "--name", who); err != nil {
			return err
		}
		if err := d.ask(nil, "admin", "topup", "--data", d.data("registry"), "--wallet", who, "--amount", demoFunds); err != nil {
			return err
		}
	}
	if err := d.startNodes(nil); err != nil {
		return err
	}
	if d.thief, err = newThief(d.ctx, d.data("air")); err != nil {
		return err
	}
	for _, b := range []struct{ who, rssi string }{{"ada", "-48"}, {"ben", "-58"}} {
		if err := d.pair(b.who, b.rssi, "--interval", "100ms"); err != nil {
			return err
		}
	}
	d.tell.say("box", "serves %s; ada and ben have %s EUR each and a paired tag", demoShop, demoFunds)
	return nil
}

// startNodes starts, or starts again, box and wallets.
func (d *counterDemo) startNodes(env []string) error {
	nodes := []struct {
		name string
		args []string
	}{
		{"box", []string{"scan", "--data", d.data("box"), "--radio", "air:" + d.data("air"), "--lane", "till-1"}},
		{"ada", []string{"wallet", "run", "--data", d.data("ada"), "--approve", "ask"}},
		{"ben", []string{"wallet", "run", "--data", d.data("ben"), "--approve", "under:20.00"}},
	}
	for _, n := range nodes {
		args := n.args
		if n.name != "registry" {
			args = append(args, "--server", d.registry.QUIC)
		}
		if err := d.start(n.name, env, args...); err != nil {
			return err
		}
	}
	for _, n := range nodes {
		name := n.name
		if err := d.until(name+" reaches the registry", func() (bool, error) {
			r, err := d.ready(name)
			return r.Registry == "up", err
		}); err != nil {
			return err
		}
	}
	return nil
}

// near waits until the box is sure who is nearest and returns all it hears.
func (d *counterDemo) near(count int) (nearbyJSON, error) {
	var n nearbyJSON
	err := d.until("the box hears everybody", func() (bool, error) {
		n = nearbyJSON{}
		err := d.ask(&n, "till", "nearby", "--data", d.data("box"))
		inside := 0
		for _, c := range n.Candidates {
			if c.Near {
				inside++
			}
		}
		return n.Clear != nil && inside >= count, err
	})
	return n, err
}

func (d *counterDemo) charge(amount, ref string, who ...string) (paymentJSON, error) {
	var p paymentJSON
	args := append([]string{"till", "charge", "--data", d.data("box"), "--amount", amount, "--ref", ref}, who...)
	err := d.ask(&p, args...)
	return p, err
}

// offered waits until a wallet shows the payment as waiting for an answer.
func (d *counterDemo) offered(who, id string) (paymentJSON, error) {
	var found paymentJSON
	err := d.until(who+" is asked", func() (bool, error) {
		raw, err := d.output("wallet", "pending", "--data", d.data(who))
		if err != nil {
			return false, err
		}
		list, err := decodeLines[paymentJSON](raw)
		for _, p := range list {
			if p.ID == id {
				found = p
			}
		}
		return found.ID != "", err
	})
	return found, err
}

// final waits for the last word at the till. Its exit code only repeats the
// outcome.
func (d *counterDemo) final(id string) (paymentJSON, error) {
	var p paymentJSON
	err := d.ask(&p, "till", "wait", "--data", d.data("box"), "--id", id, "--wait", "15s")
	var exit *exitError
	if errors.As(err, &exit) && exit.exit == pay.ExitNotPaid {
		err = nil
	}
	return p, err
}

func (d *counterDemo) adaPays() error {
	d.tell.scene("Ada pays by hand")
	n, err := d.near(2)
	if err != nil {
		return err
	}
	for _, c := range n.Candidates {
		mark := ""
		if *n.Clear == c.Handle {
			mark = "  <- clearly the nearest"
		}
		d.tell.say("box", "hears %-18s %d dBm%s", c.Handle, c.RSSI, mark)
	}
	p, err := d.charge("3.80", "flat white", "--nearest")
	if err != nil {
		return err
	}
	d.tell.say("till", "asks the nearest for %s", formatMoney(p.Amount, p.Currency))
	if err := d.byHand("ada", p.ID, "approve"); err != nil {
		return err
	}
	return d.settle("ada", p.ID)
}

// byHand shows an offer as the wallet shows it and answers it.
func (d *counterDemo) byHand(who, id, verb string) error {
	o, err := d.offered(who, id)
	if err != nil {
		return err
	}
	d.tell.say(who, "is asked: %s for %s, %q, as %s?", formatMoney(o.Amount, o.Currency), o.Merchant, o.Ref, o.Payer)
	if err := d.ask(nil, "wallet", verb, "--data", d.data(who), "--id", id); err != nil {
		return err
	}
	d.tell.say(who, "%ss", verb)
	return nil
}

// settle waits for the outcome on both sides and compares the receipts.
func (d *counterDemo) settle(who, id string) error {
	p, err := d.final(id)
	if err != nil {
		return err
	}
	if p.Outcome == pay.OutcomePaid {
		d.spent[who] += p.AmountCaptured
	}
	same, err := d.sameReceipts(who, id)
	if err != nil {
		return err
	}
	if !same {
		d.tell.check("receipt of "+id[:10], false, "till and %s hold different receipts", who)
	}
	words := "both hold the same receipt"
	if p.By != "" && p.By != pay.ByHand {
		words = fmt.Sprintf("by the rule %s; %s", p.By, words)
	}
	d.tell.say("both", "%s; %s", because(p), words)
	return nil
}

func (d *counterDemo) sameReceipts(who, id string) (bool, error) {
	var have [2][]byte
	for i, args := range [][]string{
		{"till", "receipt", "--data", d.data("box")},
		{"wallet", "receipts", "--data", d.data(who)},
	} {
		file := d.data(fmt.Sprintf("%s-%s.receipt", id[:10], []string{"till", who}[i]))
		if err := d.until(who+" holds the receipt", func() (bool, error) {
			err := d.ask(nil, append(args, "--id", id, "--to", file)...)
			var exit *exitError
			if errors.As(err, &exit) && (exit.exit == pay.ExitNotFound || exit.exit == pay.ExitConflict) {
				return false, nil // the wallet hears a moment later than the till
			}
			return err == nil, err
		}); err != nil {
			return false, err
		}
		if err := d.ask(nil, "receipt", "verify", "--data", d.data(who), file); err != nil {
			return false, err
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			return false, fmt.Errorf("read receipt: %w", err)
		}
		have[i] = raw
		d.receipts++
	}
	return bytes.Equal(have[0], have[1]), nil
}

func (d *counterDemo) benPays() error {
	d.tell.scene("Ben pays by a rule he signed up to: anything under 20.00")
	n, err := d.near(2)
	if err != nil {
		return err
	}
	ben, err := otherThan(n)
	if err != nil {
		return err
	}
	p, err := d.charge("12.50", "lunch", "--to", string(ben))
	if err != nil {
		return err
	}
	d.tell.say("till", "asks %s for %s", ben, formatMoney(p.Amount, p.Currency))
	return d.settle("ben", p.ID)
}

func otherThan(n nearbyJSON) (pay.Handle, error) {
	for _, c := range n.Candidates {
		if n.Clear == nil || c.Handle != *n.Clear {
			return c.Handle, nil
		}
	}
	return "", errors.New("the box hears only one device")
}

func (d *counterDemo) benDeclines() error {
	d.tell.scene("Ben is asked for too much and declines")
	n, err := d.near(2)
	if err != nil {
		return err
	}
	ben, err := otherThan(n)
	if err != nil {
		return err
	}
	p, err := d.charge("31.00", "lunch for everybody", "--to", string(ben))
	if err != nil {
		return err
	}
	if err := d.byHand("ben", p.ID, "decline"); err != nil {
		return err
	}
	return d.settle("ben", p.ID)
}

func (d *counterDemo) registryDies() error {
	d.tell.scene("The registry dies in mid-payment and comes back")
	if _, err := d.near(2); err != nil {
		return err
	}
	p, err := d.charge("5.20", "two croissants", "--nearest")
	if err != nil {
		return err
	}
	o, err := d.offered("ada", p.ID)
	if err != nil {
		return err
	}
	d.tell.say("ada", "is asked for %s", formatMoney(o.Amount, o.Currency))
	d.kill("registry")
	d.tell.say("registry", "is killed (SIGKILL)")
	if err := d.ask(nil, "wallet", "approve", "--data", d.data("ada"), "--id", p.ID); err != nil {
		return err
	}
	d.tell.say("ada", "approves all the same: the answer is stored and waits")
	var mid paymentJSON
	if err := d.ask(&mid, "till", "show", "--data", d.data("box"), "--id", p.ID); err != nil {
		return err
	}
	d.tell.say("till", "shows %s: outcome %s, safe to charge again: %v", mid.State, mid.Outcome, mid.SafeToRetry)
	if err := d.restartRegistry(nil); err != nil {
		return err
	}
	d.tell.say("registry", "is back on the same address with the same books")
	if err := d.settle("ada", p.ID); err != nil {
		return err
	}
	return d.ask(&d.revived, "till", "show", "--data", d.data("box"), "--id", p.ID)
}

// restartRegistry brings the registry back on the port it had.
func (d *counterDemo) restartRegistry(env []string) error {
	if err := d.start("registry", env, "serve", "--data", d.data("registry"), "--listen", d.registry.QUIC, "--http", d.registry.HTTP); err != nil {
		return err
	}
	_, err := d.ready("registry")
	return err
}

func (d *counterDemo) thiefReplays() error {
	d.tell.scene("A thief replays ten minutes later what he recorded")
	recorded := d.thief.recorded()
	d.tell.say("thief", "has recorded %d adverts of Ada and Ben all along", recorded)
	for _, name := range []string{"ada-tag", "ben-tag", "box", "ada", "ben", "registry"} {
		d.stop(name)
	}
	d.tell.say("night", "all go home; everything starts again with clocks ten minutes on")
	env := nextDay()
	if err := d.restartRegistry(env); err != nil {
		return err
	}
	if err := d.startNodes(env); err != nil {
		return err
	}
	before, err := d.receiptCounts()
	if err != nil {
		return err
	}
	stop := d.thief.replay(d.ctx, 0)
	defer stop()
	if _, err := d.near(1); err != nil {
		return err
	}
	p, err := d.charge("49.00", "whatever is left", "--nearest")
	if err != nil {
		return err
	}
	d.tell.say("till", "takes what it hears for %s and asks for %s", p.Payer, formatMoney(p.Amount, p.Currency))
	if d.stolen, err = d.final(p.ID); err != nil {
		return err
	}
	after, err := d.receiptCounts()
	if err != nil {
		return err
	}
	d.quiet = before == after
	d.tell.say("registry", "%s: the code belongs to another moment; no wallet hears of it", because(d.stolen))
	return nil
}

// nextDay is the environment of whatever starts after the night.
func nextDay() []string { return []string{clockEnv + "=+10m"} }

// morning brings the two tags back to the counter, so that there is somebody to
// charge while everything keeps running.
func (d *counterDemo) morning() error {
	for _, name := range []string{"ada-tag", "ben-tag"} {
		if err := d.again(name, nextDay()); err != nil {
			return err
		}
		if _, err := d.ready(name); err != nil {
			return err
		}
	}
	_, err := d.near(2)
	return err
}

// receiptCounts says how much Ada and Ben know: how many payments have ended
// or wait at their wallets.
func (d *counterDemo) receiptCounts() (n [2][2]int, err error) {
	for i, who := range []string{"ada", "ben"} {
		for j, verb := range []string{"receipts", "pending"} {
			raw, err := d.output("wallet", verb, "--data", d.data(who))
			if err != nil {
				return n, err
			}
			n[i][j] = bytes.Count(raw, []byte("\n"))
		}
	}
	return n, nil
}

// check asks the nodes themselves whether all is well.
func (d *counterDemo) check() error {
	var a auditJSON
	if err := d.ask(&a, "admin", "audit", "--data", d.data("registry")); err != nil {
		return err
	}
	t := d.tell
	t.check("the audit finds the books right", a.OK, "%d payments, imbalance %d", a.Payments, a.Imbalance)
	t.check("nothing was captured twice", a.Duplicates == 0, "%d duplicates", a.Duplicates)
	raw, err := d.output("admin", "book", "--data", d.data("registry"))
	if err != nil {
		return err
	}
	book, err := decodeLines[accountJSON](raw)
	if err != nil {
		return err
	}
	funds, err := parseAmount(demoFunds, "EUR")
	if err != nil {
		return err
	}
	slices.SortFunc(book, func(a, b accountJSON) int { return strings.Compare(string(a.Name), string(b.Name)) })
	var earned, sum pay.Amount
	for _, acc := range book {
		sum += acc.Balance
		switch acc.Kind {
		case "merchant":
			earned = acc.Balance
		case "wallet":
			want := funds - d.spent[string(acc.Name)]
			t.check(fmt.Sprintf("%s has what is left", acc.Name), acc.Balance == want, "%s", formatMoney(acc.Balance, acc.Currency))
		}
	}
	t.check("the book adds up to zero", sum == 0, "over %d accounts", len(book))
	t.check("the merchant has what they spent", earned == d.spent["ada"]+d.spent["ben"], "%s", formatMoney(earned, "EUR"))
	t.check("every receipt verifies", d.receipts == 8, "%d files, the same on both sides", d.receipts)
	t.check("the killed payment was made once", d.revived.Outcome == pay.OutcomePaid, "%s", d.revived.State)
	t.check("the replay was refused", d.stolen.State == pay.StateUnmatched && d.stolen.AmountCaptured == 0, "%s", because(d.stolen))
	t.check("no wallet heard of the replay", d.quiet, "ada and ben saw nothing")
	if !t.verdict() {
		return quietError{pay.ExitFailed}
	}
	return nil
}
