package badgerkv

import (
	"bytes"
	"errors"
	"testing"
)

// FuzzReadRow reads any bytes as the rows of a commit: it does not panic, and what it
// reads are the bytes that a rowWriter makes of these rows, but for longer numbers.
func FuzzReadRow(f *testing.F) {
	var w rowWriter
	_ = w.Put([]byte("key"), []byte("value"))
	_ = w.Put(nil, nil)
	_ = w.Delete([]byte("gone"))
	f.Add(w.buf)
	for cut := range w.buf {
		f.Add(w.buf[:cut])
	}
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 1, 'k'})
	f.Fuzz(func(t *testing.T, data []byte) {
		var again rowWriter
		for rest := data; len(rest) > 0; {
			r, behind, err := readRow(rest)
			if err != nil {
				if !errors.Is(err, errDamaged) {
					t.Errorf("got %v", err)
				}
				return
			}
			if r.value == nil {
				_ = again.Delete(r.key[1:])
			} else {
				_ = again.Put(r.key[1:], r.value)
			}
			rest = behind
		}
		if len(again.buf) == len(data) && !bytes.Equal(again.buf, data) {
			t.Errorf("%x was read as %x", data, again.buf)
		}
	})
}

func TestMarkThatChangedIsDamage(t *testing.T) {
	t.Parallel()
	b := encodeMark(struct {
		Number uint64
		Sum    uint32
	}{77, 99})
	if at, err := decodeMark(b); err != nil || at.Number != 77 || at.Sum != 99 {
		t.Fatalf("%v, %v", at, err)
	}
	for i := range b {
		b[i] ^= 1
		if _, err := decodeMark(b); !errors.Is(err, errDamaged) {
			t.Errorf("byte %d changed: %v", i, err)
		}
		b[i] ^= 1
	}
	if _, err := decodeMark(b[:12]); !errors.Is(err, errDamaged) {
		t.Errorf("cut off: %v", err)
	}
}
