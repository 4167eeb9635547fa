package ocpp

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"slices"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// book is what is known of all transactions. Whatever of it must survive is in the journal
// before a method returns. It is used by one goroutine at a time.
type book struct {
	journal *journal
	random  io.Reader
	next    int
	runs    map[int]*run
	lives   map[pay.PumpNumber]pay.Quantity
}

// errExhausted means that every transaction number was used.
var errExhausted = errors.New("ocpp: there are no transaction numbers left")

// openBook reads what a folder holds. Where it holds nothing, numbers begin anywhere in
// the lower half: a box that lost this folder alone must not give a number again that it
// has settled.
func openBook(dir string, random io.Reader) (*book, error) {
	b := &book{random: random, runs: map[int]*run{}, lives: map[pay.PumpNumber]pay.Quantity{}}
	j, err := openJournal(dir, b.apply)
	if err != nil {
		return nil, err
	}
	b.journal = j
	if b.next == 0 {
		var seed [4]byte
		if _, err := io.ReadFull(random, seed[:]); err != nil {
			return nil, errors.Join(fmt.Errorf("draw the first number: %w", err), j.close())
		}
		b.next = 1 + int(binary.BigEndian.Uint32(seed[:])>>2)
		if err := j.append(record{Next: b.next}); err != nil {
			return nil, errors.Join(err, j.close())
		}
	}
	return b, nil
}

// apply takes in one record of the journal.
func (b *book) apply(r record) error {
	if r.Next != 0 {
		if r.Next < b.next || r.Next > transactionMax {
			return fmt.Errorf("number %d after %d", r.Next, b.next)
		}
		b.next = r.Next
	}
	if r.Run != nil {
		if r.Run.ID <= 0 || r.Run.ID >= b.next {
			return fmt.Errorf("transaction %d before its number was drawn", r.Run.ID)
		}
		r.Run.unsure = r.Run.Phase == phaseSent
		r.Run.last = max(r.Run.Begin, r.Run.First)
		b.runs[r.Run.ID] = r.Run
	}
	delete(b.runs, r.Drop)
	if r.Life != nil {
		b.lives[r.Life.Pump] = r.Life.Wh
	}
	return nil
}

// save makes runs durable as they stand.
func (b *book) save(runs ...*run) error {
	var records []record
	for _, r := range runs {
		records = append(records, record{Run: r})
	}
	return b.write(records...)
}

// write appends records, and writes the journal anew where it has become long.
func (b *book) write(records ...record) error {
	if err := b.journal.append(records...); err != nil {
		return err
	}
	if b.journal.size <= journalBytesMax {
		return nil
	}
	all := []record{{Next: b.next}}
	for _, r := range b.sorted() {
		all = append(all, record{Run: r})
	}
	for pump, wh := range b.lives {
		all = append(all, record{Life: &life{pump, wh}})
	}
	return b.journal.replace(all)
}

// sorted returns the runs in the order of their numbers.
func (b *book) sorted() []*run {
	var all []*run
	for _, r := range b.runs {
		all = append(all, r)
	}
	slices.SortFunc(all, func(x, y *run) int { return x.ID - y.ID })
	return all
}

// find returns the oldest run for which is says yes, or nil.
func (b *book) find(is func(*run) bool) *run {
	var found *run
	for _, r := range b.runs {
		if is(r) && (found == nil || r.ID < found.ID) {
			found = r
		}
	}
	return found
}

// create adds a run under a number of its own and makes it durable.
func (b *book) create(r run) (*run, error) {
	if b.next >= transactionMax {
		return nil, errExhausted
	}
	r.ID = b.next
	records := []record{{Next: b.next + 1}, {Run: &r}}
	dropped := b.surplus(r.Point)
	if dropped != nil {
		records = append(records, record{Drop: dropped.ID})
	}
	b.next++
	b.runs[r.ID] = &r
	if dropped != nil {
		delete(b.runs, dropped.ID)
	}
	if err := b.write(records...); err != nil {
		delete(b.runs, r.ID)
		return nil, err
	}
	return &r, nil
}

// surplus returns the run of a charge point that has to make room for the next one, or
// nil: the oldest settled one, or else the oldest for which nobody asked.
func (b *book) surplus(point string) *run {
	var kept []*run
	for _, r := range b.sorted() {
		if r.Point == point && !r.occupies() {
			kept = append(kept, r)
		}
	}
	if len(kept) < keptMax {
		return nil
	}
	if i := slices.IndexFunc(kept, func(r *run) bool { return r.Phase == phaseSettled }); i >= 0 {
		return kept[i]
	}
	return kept[0]
}

// drop forgets a run that never began.
func (b *book) drop(r *run) error {
	delete(b.runs, r.ID)
	return b.write(record{Drop: r.ID})
}

// end stores a run that has ended, and what the register is known to read since: nothing
// where it is counted for each transaction anew.
func (b *book) end(r *run) error {
	records := []record{{Run: r}}
	if r.Begin > 0 && r.Delivery.End > 0 {
		b.lives[r.Pump] = r.Delivery.End
		records = append(records, record{Life: &life{r.Pump, r.Delivery.End}})
	}
	return b.write(records...)
}

// idTag draws a tag for one release: 20 hexadecimal digits.
func (b *book) idTag() (string, error) {
	var raw [idTagMax / 2]byte
	if _, err := io.ReadFull(b.random, raw[:]); err != nil {
		return "", fmt.Errorf("draw an idTag: %w", err)
	}
	return hex.EncodeToString(raw[:]), nil
}

// released returns the run that a charge point may use an idTag for, or nil.
func (b *book) released(point, tag string) *run {
	return b.find(func(r *run) bool {
		return r.Point == point && r.IDTag == tag && r.isAsked() && (r.Phase == phaseSent || r.Phase == phaseStarted)
	})
}

// occupying returns the run that a pump works for, or nil.
func (b *book) occupying(n pay.PumpNumber) *run {
	return b.find(func(r *run) bool { return r.Pump == n && r.occupies() })
}

// of returns a session's run at a pump, or nil.
func (b *book) of(n pay.PumpNumber, s pumps.Session) *run {
	return b.find(func(r *run) bool { return r.Pump == n && r.isAsked() && r.Session == s })
}
