package sim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/pay"
)

// pastMax is how many sessions a pump remembers that are over, so that a release that is
// asked for again releases nothing. Chosen: a box repeats the last one alone.
const pastMax = 64

// memory is what a pump is in the middle of, which outlives the box: one file.
type memory struct {
	Last     pumps.Transaction `json:"last"`     // the number that was used last
	Register pay.Quantity      `json:"register"` // all that was ever given
	Lifted   pay.Product       `json:"lifted,omitempty"`
	Release  *release          `json:"release,omitempty"` // until its session is over
	Giving   *giving           `json:"giving,omitempty"`
	Ended    *ended            `json:"ended,omitempty"` // until it is settled
	// OutUntil is until when the pump is without power, in milliseconds since 1970; 0: it
	// has power.
	OutUntil pay.Time        `json:"out_until,omitempty"`
	Past     []pumps.Session `json:"past,omitempty"` // the sessions that are over, the last ones
}

// release is whom the pump was released for, and within what.
type release struct {
	Session pumps.Session `json:"session"`
	Product pay.Product   `json:"product"`
	Price   pay.UnitPrice `json:"price"`
	Most    pay.Quantity  `json:"most"`
}

// giving is a session in which the pump gives, or has given and the nozzle is not hung up.
type giving struct {
	Transaction pumps.Transaction `json:"transaction"`
	Given       pay.Quantity      `json:"given"` // at the moment Since
	Took        pay.Millis        `json:"took"`  // until then
	Want        pay.Quantity      `json:"want"`  // where it stops, Given where it does not run
	Since       pay.Time          `json:"since"`
	Then        Fault             `json:"then,omitempty"` // what happens when it stops
}

// ended is what a pump has given and is not settled.
type ended struct {
	Transaction pumps.Transaction `json:"transaction"`
	Session     pumps.Session     `json:"session"`
	Product     pay.Product       `json:"product"`
	Given       pay.Delivery      `json:"given"`
	Total       pay.Amount        `json:"total"`
	Doubt       string            `json:"doubt,omitempty"`
}

// registerFirst is what the register of a pump reads that is new. Chosen: no meter is
// delivered without having been tested.
const registerFirst pay.Quantity = 1_000_000

// load reads what a pump remembers; a pump without a file is new.
func load(path string) (memory, error) {
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return memory{Register: registerFirst}, nil
	}
	if err != nil {
		return memory{}, err
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	var m memory
	if err := dec.Decode(&m); err != nil {
		return memory{}, fmt.Errorf("%s: %w", path, err)
	}
	if m.Register < 0 || (m.Giving != nil && m.Release == nil) || (m.Ended != nil && m.Release != nil) {
		return memory{}, fmt.Errorf("%s holds what no pump wrote", path)
	}
	return m, nil
}

// save makes what a pump remembers durable.
func (m memory) save(path string) error {
	raw, err := json.MarshalIndent(m, "", "\t")
	if err != nil {
		return err
	}
	return datadir.WriteDurably(path, append(raw, '\n'))
}

// copied returns a memory that shares nothing with m that may be changed.
func (m memory) copied() memory {
	if m.Release != nil {
		r := *m.Release
		m.Release = &r
	}
	if m.Giving != nil {
		g := *m.Giving
		m.Giving = &g
	}
	m.Past = slices.Clone(m.Past)
	return m
}

// begin gives the session that the pump is released for a transaction.
func (m *memory) begin(now pay.Time) {
	m.Last++
	m.Giving = &giving{Transaction: m.Last, Since: now}
}

// over ends the session that the pump is released for, in which nothing may have been
// given. jumped is by how much the register jumped besides.
func (m *memory) over(flow pay.Quantity, now pay.Time, jumped pay.Quantity, doubt string) {
	if m.Giving == nil {
		m.begin(now)
	}
	given, took := m.Giving.at(now, flow)
	m.Ended = &ended{Transaction: m.Giving.Transaction, Session: m.Release.Session, Product: m.Release.Product, Doubt: doubt}
	if given > 0 {
		given = min(given+jumped, pay.QuantityMax)
		m.Ended.Given = pay.Delivery{Quantity: given, Begin: m.Register, End: m.Register + given, Took: min(took, pay.DeliveryMax)}
		m.Ended.Total, _ = m.Release.Price.Total(given) // 0 where it is above what any payment may be
		m.Register += given
	}
	if m.Past = append(m.Past, m.Release.Session); len(m.Past) > pastMax {
		m.Past = m.Past[1:]
	}
	m.Release, m.Giving = nil, nil
}

// at returns how much was given at a moment, and in what time.
func (g giving) at(now pay.Time, flow pay.Quantity) (pay.Quantity, pay.Millis) {
	ran := min(max(now.Sub(g.Since), 0), g.runs(flow))
	return min(g.Want, g.Given+pay.Quantity(int64(ran)*int64(flow)/hour)), g.Took + ran
}

// runs returns how long it takes from Since until what is wanted is given.
func (g giving) runs(flow pay.Quantity) pay.Millis {
	if g.Want <= g.Given {
		return 0
	}
	return pay.Millis((int64(g.Want-g.Given)*hour + int64(flow) - 1) / int64(flow))
}

// hour is one in milliseconds.
const hour = 3_600_000
