package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// ErrDamaged means that a row of the store is not what was written: its checksum
// or its form is wrong. The node must not go on with it.
var ErrDamaged = errors.New("store: row is damaged")

const sealBytes = 4

// seal appends value and the checksum of key and value to buf.
func seal(buf, key, value []byte) []byte {
	buf = append(buf, value...)
	return binary.BigEndian.AppendUint32(buf, checksum(key, value))
}

// unseal returns the value inside a sealed row. It shares memory with sealed.
func unseal(key, sealed []byte) ([]byte, error) {
	n := len(sealed) - sealBytes
	if n < 0 || binary.BigEndian.Uint32(sealed[n:]) != checksum(key, sealed[:n]) {
		return nil, damaged(key, "checksum")
	}
	return sealed[:n:n], nil
}

func checksum(key, value []byte) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	return crc32.Update(crc32.Update(0, table, key), table, value)
}

// damaged returns the error for a row whose key or value does not have the form
// of its space.
func damaged(key []byte, what string) error {
	return fmt.Errorf("%s is wrong in row %s: %w", what, nameOf(key), ErrDamaged)
}

// nameOf names a row to a person without printing all of it.
func nameOf(key []byte) string {
	if len(key) == 0 {
		return "without a key"
	}
	const shown = 12
	rest, more := key[1:], ""
	if len(rest) > shown {
		rest, more = rest[:shown], "..."
	}
	return fmt.Sprintf("%q %x%s", key[0], rest, more)
}
