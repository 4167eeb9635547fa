package store

import (
	"bytes"
	"slices"

	"github.com/paybeacon/paybeacon/pay"
)

// factsAtATime is how many facts a worker is given. Chosen: reading and verifying
// them takes a millisecond or two, so that handing them over costs nothing.
const factsAtATime = 32

// fact checks the row of a fact: its places now, its bytes perhaps in another
// goroutine.
func (a *audit) fact(key, value []byte) error {
	row, ok := splitFact(value)
	if !ok || len(key) != 1+idBytes {
		return damaged(key, "fact")
	}
	for rest := row.places; len(rest) > 0; {
		var at place
		at, rest, _ = nextPlace(rest)
		if err := a.blame(a.placed(pay.FactID(key[1:]), at)); err != nil {
			return err
		}
	}
	if a.facts != nil {
		return a.facts.add(key, row.raw)
	}
	return a.checkFact(key, row.raw)
}

// placed checks that a fact is where it is said to be. Of the outbox that can be said
// only while the fact waits there.
func (a *audit) placed(id pay.FactID, at place) error {
	if at.scope != inOutbox {
		have, _, ok, err := a.v.entry(at.scope, at.n)
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
	it, err := a.v.item(at.n)
	if err == nil && !slices.Contains(it.facts, id) {
		err = finding("fact %s is said to be in outbox item %d, which does not hold it", id, at.n)
	}
	return err
}

// checkFact checks the form, the id and the signature of a stored fact. It uses
// nothing of the walk and may run in any goroutine.
func (a *audit) checkFact(key, raw []byte) error {
	if len(key) != 1+idBytes {
		return damaged(key, "key")
	}
	id := pay.FactID(key[1:])
	f, err := pay.Parse(raw)
	if err != nil {
		return finding("fact %s: %v", id, err)
	}
	if f.ID() != id {
		return finding("fact %s: the bytes are fact %s", id, f.ID())
	}
	if a.Key == nil {
		return nil
	}
	if key, ok := a.Key(f); ok {
		if err := f.Verify(key); err != nil {
			return finding("fact %s: %v", id, err)
		}
	}
	return nil
}

// storedFact is the key of a fact's row, and the fact's bytes.
type storedFact struct{ key, raw []byte }

// factChecks are the facts that workers check while the walk goes on. What is
// wrong comes back in the order of the facts.
type factChecks struct {
	walk  *audit
	next  []storedFact
	jobs  chan factJob
	under []factJob // in the order in which they were given out
}

// factJob is what one worker checks at a time.
type factJob struct {
	rows  []storedFact
	wrong chan []error // holds the findings, once
}

// startWorkers has facts be checked by Workers goroutines, and returns the function
// that ends them.
func (a *audit) startWorkers() (stop func()) {
	if a.Workers < 2 {
		return func() {}
	}
	c := &factChecks{walk: a, jobs: make(chan factJob, a.Workers)}
	ended := make(chan struct{})
	for range a.Workers {
		go func() {
			for job := range c.jobs {
				job.wrong <- a.checkFacts(job.rows)
			}
			ended <- struct{}{}
		}()
	}
	a.facts = c
	return func() {
		close(c.jobs)
		for range a.Workers {
			<-ended
		}
	}
}

func (a *audit) checkFacts(rows []storedFact) (wrong []error) {
	for _, r := range rows {
		if err := a.checkFact(r.key, r.raw); err != nil {
			wrong = append(wrong, err)
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
	return c.flush(2 * c.walk.Workers)
}

// flush gives out the facts that were added, and takes back what was checked until
// no more than left jobs are under way.
func (c *factChecks) flush(left int) error {
	if len(c.next) > 0 {
		job := factJob{c.next, make(chan []error, 1)}
		c.next = make([]storedFact, 0, factsAtATime)
		c.under = append(c.under, job)
		c.jobs <- job
	}
	for len(c.under) > left {
		for _, err := range <-c.under[0].wrong {
			if err := c.walk.blame(err); err != nil {
				return err
			}
		}
		c.under = c.under[1:]
	}
	return nil
}

// endFacts waits for the facts that are still being checked.
func (a *audit) endFacts() error {
	if a.facts == nil {
		return nil
	}
	return a.facts.flush(0)
}
