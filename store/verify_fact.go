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
		if err := a.blame(a.placed(id, place{inOutbox, n})); err != nil {
			return err
		}
	}
	a.standing.fact(id, row)
	if a.named {
		for at := range row.inFeeds() {
			if err := a.blame(a.placed(id, at)); err != nil {
				return err
			}
		}
	}
	return a.facts.add(key, row.raw)
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

// factChecks are the facts of a walk: those that wait until they are enough, and those
// that workers check while the walk goes on. What is wrong comes back in the order
// of the facts.
type factChecks struct {
	walk    *audit
	next    []storedFact
	jobs    chan factJob                       // nil without workers
	under   []factJob                          // in the order in which they were given out
	checker func([]storedFact) (wrong []error) // of the walk's own goroutine
}

// factJob is what one worker checks at a time.
type factJob struct {
	rows  []storedFact
	wrong chan []error // holds the findings, once
}

// startWorkers has facts be checked by Workers goroutines, and returns the function
// that ends them.
func (a *audit) startWorkers() (stop func()) {
	a.facts = factChecks{walk: a}
	if a.Workers < 2 {
		a.facts.checker = a.factChecker()
		return func() {}
	}
	jobs, ended := make(chan factJob, a.Workers), make(chan struct{})
	for range a.Workers {
		go func() {
			check := a.factChecker()
			for job := range jobs {
				job.wrong <- check(job.rows)
			}
			ended <- struct{}{}
		}()
	}
	a.facts.jobs = jobs
	return func() {
		close(jobs)
		for range a.Workers {
			<-ended
		}
	}
}

// factChecker returns what checks the form, the ids and the signatures of stored facts
// in one goroutine. It uses nothing of the walk.
func (a *audit) factChecker() func(rows []storedFact) (wrong []error) {
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
			f, err := readFact(r)
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

// readFact checks the form and the id of a stored fact.
func readFact(r storedFact) (pay.Fact, error) {
	id := pay.FactID(r.key[1:])
	f, err := pay.Parse(r.raw)
	if err != nil {
		return f, finding("fact %s: %v", id, err)
	}
	if f.ID() != id {
		return f, finding("fact %s: the bytes are fact %s", id, f.ID())
	}
	return f, nil
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
func (c *factChecks) add(key, raw []byte) error {
	c.next = append(c.next, storedFact{bytes.Clone(key), bytes.Clone(raw)})
	if len(c.next) < factsAtATime {
		return nil
	}
	return c.flush(c.walk.Workers)
}

// flush gives out the facts that were added, and takes back what was checked until
// no more than left jobs are under way.
func (c *factChecks) flush(left int) error {
	if len(c.next) > 0 {
		job := factJob{c.next, make(chan []error, 1)}
		c.next = make([]storedFact, 0, factsAtATime)
		c.under = append(c.under, job)
		if c.jobs == nil {
			job.wrong <- c.checker(job.rows)
		} else {
			c.jobs <- job
		}
	}
	for len(c.under) > left {
		for _, err := range <-c.under[0].wrong {
			if err := c.walk.blame(err); err != nil {
				return err
			}
		}
		c.under[0] = factJob{}
		c.under = c.under[1:]
	}
	return nil
}
