package rows

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/pay"
)

// ErrDamaged means that a row is not one that its role could have written.
var ErrDamaged = errors.New("row is damaged")

// Space describes one key space of a role, whatever the types of its keys and
// values are.
type Space struct {
	Prefix string // what its keys begin with
	Key    string // the form of the rest of a key, such as "PAYMENT"; "" for a single row
	Value  string // the form of a value; "" for None
	Holds  string // what stands in it, for a person
	check  func(rest, value []byte) error
}

// Layout returns the form of the keys, such as "p/PAYMENT" or "k KEY".
func (s Space) Layout() string {
	if s.Key == "" || strings.HasSuffix(s.Prefix, "/") {
		return s.Prefix + s.Key
	}
	return s.Prefix + " " + s.Key
}

// Spaces are all key spaces of a role.
type Spaces []Space

// Find returns the space that the key lies in; ok is false when it lies in
// none.
func (s Spaces) Find(key []byte) (found Space, ok bool) {
	for _, space := range s {
		if bytes.HasPrefix(key, []byte(space.Prefix)) {
			return space, true
		}
	}
	return Space{}, false
}

// Check returns nil when the row lies in one of the spaces and has the form of
// its keys and values, else an error that wraps ErrDamaged.
func (s Spaces) Check(key, value []byte) error {
	space, ok := s.Find(key)
	if !ok {
		return fmt.Errorf("row %q lies in no space of its role: %w", key, ErrDamaged)
	}
	if err := space.check(key[len(space.Prefix):], value); err != nil {
		return fmt.Errorf("row %q: %w", key, err)
	}
	return nil
}

// CheckAll calls report for each row that Check refuses, with its error, until
// report returns an error, which it returns. Its other errors are the store's.
func (s Spaces) CheckAll(view pay.Rows, report func(damage error) error) error {
	return eachPage(view, Range{}, func(key, value []byte) error {
		if damage := s.Check(key, value); damage != nil {
			return report(damage)
		}
		return nil
	})
}

// CheckApart returns nil when each prefix can tell its rows from those of all
// other spaces, else an error that names the two spaces or the prefix.
func (s Spaces) CheckApart() error {
	for i, a := range s {
		if a.Prefix == "" || a.Prefix[len(a.Prefix)-1] == 0xFF {
			return fmt.Errorf("space of %s: %q cannot be a prefix", a.Holds, a.Prefix)
		}
		for _, b := range s[i+1:] {
			if strings.HasPrefix(a.Prefix, b.Prefix) || strings.HasPrefix(b.Prefix, a.Prefix) {
				return fmt.Errorf("spaces of %s (%q) and of %s (%q) overlap", a.Holds, a.Prefix, b.Holds, b.Prefix)
			}
		}
	}
	return nil
}
