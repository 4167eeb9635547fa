package registry_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/tidwall/btree"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// wake is a deadline that the role asked for.
type wake struct {
	at      pay.Time
	subject pay.Subject
}

var spaces = registry.Spaces()

// memory is a pay.WritableRows and registry.AuditRows in memory.
type memory struct {
	rows  btree.Map[string, []byte]
	facts map[pay.FactID]pay.Fact
	wakes []wake
	aside map[pay.Subject]bool // shared by all copies
	log   []string             // what was written
}

func newMemory() *memory {
	return &memory{facts: make(map[pay.FactID]pay.Fact), aside: make(map[pay.Subject]bool)}
}

// trial returns rows to write to in vain. They share the facts.
func (m *memory) trial() *memory {
	return &memory{rows: *m.rows.Copy(), facts: m.facts, aside: m.aside}
}

func (m *memory) clone() *memory {
	return &memory{rows: *m.rows.Copy(), facts: maps.Clone(m.facts), wakes: slices.Clone(m.wakes), aside: m.aside}
}

func (m *memory) Get(key []byte) ([]byte, bool, error) {
	v, ok := m.rows.Get(string(key))
	return bytes.Clone(v), ok, nil
}

func (m *memory) Scan(from, to []byte, limit int, fn func(key, value []byte) bool) error {
	n := 0
	m.rows.Ascend(string(from), func(k string, v []byte) bool {
		if to != nil && k >= string(to) || limit > 0 && n == limit {
			return false
		}
		n++
		return fn([]byte(k), bytes.Clone(v))
	})
	return nil
}

func (m *memory) Fact(id pay.FactID) (pay.Fact, bool, error) {
	f, ok := m.facts[id]
	return f, ok, nil
}

func (m *memory) Facts(fn func(pay.Fact) error) error {
	for _, f := range m.facts {
		if err := fn(f); err != nil {
			return err
		}
	}
	return nil
}

// Put panics for a row that lies in no declared space.
func (m *memory) Put(key, value []byte) error {
	if err := spaces.Check(key, value); err != nil {
		panic(err)
	}
	m.log = append(m.log, string(key)+" = "+string(value))
	m.rows.Set(string(key), bytes.Clone(value))
	return nil
}

func (m *memory) Delete(key []byte) error {
	m.log = append(m.log, string(key)+" is gone")
	m.rows.Delete(string(key))
	return nil
}

func (m *memory) SetAside(s pay.Subject) (bool, error) { return m.aside[s], nil }

func (m *memory) Wake(at pay.Time, subject pay.Subject) error {
	m.log = append(m.log, fmt.Sprint("wake ", at, subject))
	m.wakes = append(m.wakes, wake{at, subject})
	return nil
}

// dump returns the rows whose keys start with one of the prefixes, all of them
// when there is none.
func (m *memory) dump(prefixes ...string) map[string]string {
	out := make(map[string]string)
	m.rows.Scan(func(k string, v []byte) bool {
		fits := func(p string) bool { return len(k) >= len(p) && k[:len(p)] == p }
		if len(prefixes) == 0 || slices.ContainsFunc(prefixes, fits) {
			out[k] = string(v)
		}
		return true
	})
	return out
}
