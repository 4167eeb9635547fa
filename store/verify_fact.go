package store

import (
	"bytes"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// factsAtATime is how many facts are verified together, by one worker. Chosen: their
// signatures cost the least so.
const factsAtATime = 1024

// fact checks the row of a fact: its places now, its bytes perhaps in another
// goroutine.
func (a *audit) fact(key, value []byte) error {
	row, ok := splitFact(value)
	if !ok || len(key) != 1+idBytes {
		return damaged(key, "fact")
	}
	id := pay.FactID(key[1:])
	if n := row.in(inOutbox); n > 0 {
		a.blame(a.placed(id, place{inOutbox, n}))
	}
	a.standing.fact(id, row)
	if a.named {
		for at := range row.inFeeds() {
			a.blame(a.placed(id, at))
		}
	}
	a.facts.add(key, row.raw)
	return nil
}

// placed checks that a fact is where it is said to be. Of the outbox that can be said
// only while the fact waits there.
func (a *audit) placed(id pay.FactID, at place) error {
	if at.scope != inOutbox {
		feed, err := a.v.feed(at.scope)
		if err != nil {
			return err
		}
		have, _, ok, err := a.v.entry(feed, at.n)
		if err == nil && (!ok || have != id) {
			err = finding("feed %s: fact %s is said to be entry %d, where it is not", at.scope, id, at.n)
		}
		return err
	}
	if at.n <= a.outbox.acked && at.n > 0 && !a.v.s.registry() {
		return nil
	}
	if at.n > a.outbox.last {
		return finding("fact %s is said to be in outbox item %d, and the newest is %d", id, at.n, a.outbox.last)
	}
	it, err := a.v.item(a.outbox, at.n)
	if err == nil && !slices.Contains(it.facts, id) {
		err = finding("fact %s is said to be in outbox item %d, which does not hold it", id, at.n)
	}
	return err
}

// storedFact is the key of a fact's row, and the fact's bytes.
type storedFact struct{ key, raw []byte }

// factCheck checks the form, the ids and the signatures of stored facts, in one
// goroutine at a time.
type factCheck func(rows []storedFact) (wrong []error)

// factChecks are the facts of a walk: those that wait until they are enough, and those
// that are checked while the walk goes on. What is wrong comes back in the order of the
// facts.
type factChecks struct {
	walk  *audit
	next  []storedFact
	under []chan []error // where their findings come, in the order in which they were given out
	free  chan factCheck
}

// startWorkers has facts be checked by Workers goroutines, and returns the function
// that awaits their end.
func (a *audit) startWorkers() (stop func()) {
	n := max(a.Workers, 1)
	free := make(chan factCheck, n)
	for range n {
		free <- a.factCheck()
	}
	a.facts = factChecks{walk: a, free: free}
	return func() {
		for range n {
			<-free
		}
	}
}

// factCheck returns a check that uses nothing of the walk.
func (a *audit) factCheck() factCheck {
	signatures := oneByOne
	if a.Signatures != nil {
		signatures = a.Signatures()
	}
	return func(rows []storedFact) (wrong []error) {
		wrong = make([]error, len(rows))
		var facts []pay.Fact
		var keys []pay.PublicKey
		var places []int
		for i, r := range rows {
			f, err := openFact(pay.FactID(r.key[1:]), r.raw)
			if wrong[i] = err; err != nil || a.Key == nil {
				continue
			}
			if key, ok := a.Key(f); ok {
				facts, keys, places = append(facts, f), append(keys, key), append(places, i)
			}
		}
		for _, n := range signatures(facts, keys) {
			if err := facts[n].Verify(keys[n]); err != nil {
				wrong[places[n]] = finding("fact %s: %v", facts[n].ID(), err)
			}
		}
		return slices.DeleteFunc(wrong, func(err error) bool { return err == nil })
	}
}

// oneByOne verifies facts by Fact.Verify.
func oneByOne(facts []pay.Fact, keys []pay.PublicKey) (wrong []int) {
	for i, f := range facts {
		if f.Verify(keys[i]) != nil {
			wrong = append(wrong, i)
		}
	}
	return wrong
}

// add has a fact be checked, and waits while all workers have enough to do.
func (c *factChecks) add(key, raw []byte) {
	c.next = append(c.next, storedFact{bytes.Clone(key), bytes.Clone(raw)})
	if len(c.next) >= factsAtATime {
		c.flush(c.walk.Workers)
	}
}

// flush gives out the facts that were added, and takes back what was checked until
// no more than left parts are under way.
func (c *factChecks) flush(left int) {
	if len(c.next) > 0 {
		rows, wrong := c.next, make(chan []error, 1)
		c.next, c.under = make([]storedFact, 0, factsAtATime), append(c.under, wrong)
		work := func() {
			check := <-c.free
			wrong <- check(rows)
			c.free <- check
		}
		if c.walk.Workers < 2 {
			work()
		} else {
			go work()
		}
	}
	for len(c.under) > left {
		for _, err := range <-c.under[0] {
			c.walk.blame(err)
		}
		c.under = c.under[1:]
	}
}
