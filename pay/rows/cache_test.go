package rows_test

import (
	"errors"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/rows"
)

// TestCacheShowsWhatIsStored: a cached row is the one that is stored, whatever was
// there before and however many rows were read since.
func TestCacheShowsWhatIsStored(t *testing.T) {
	t.Parallel()
	m, c := &memory{}, rows.NewCache(payments)
	read := func(id pay.PaymentID, want ref, there bool) {
		t.Helper()
		got, ok, err := c.Get(m, id)
		if err != nil || ok != there || got != want {
			t.Fatalf("%x: %+v, %v, %v; want %+v, %v", id[:2], got, ok, err, want, there)
		}
	}
	read(pay.PaymentID{1}, ref{}, false)
	for n := range uint32(3) {
		must(t, payments.Put(m, pay.PaymentID{1}, ref{n}))
		read(pay.PaymentID{1}, ref{n}, true)
		read(pay.PaymentID{1}, ref{n}, true)
	}
	for n := range 3_000 {
		id := pay.PaymentID{2, byte(n), byte(n >> 8)}
		must(t, payments.Put(m, id, ref{uint32(n)}))
		read(id, ref{uint32(n)}, true)
	}
	read(pay.PaymentID{1}, ref{2}, true)
	must(t, payments.Delete(m, pay.PaymentID{1}))
	read(pay.PaymentID{1}, ref{}, false)
	must(t, m.Put([]byte("p/"+string(make([]byte, 32))), []byte{0xff}))
	if _, _, err := c.Get(m, pay.PaymentID{}); !errors.Is(err, rows.ErrDamaged) {
		t.Errorf("a damaged row: %v", err)
	}
}

// TestCheckSeesWhatGetLeavesOut: a value that is not in its shortest form is read, and
// an audit finds it.
func TestCheckSeesWhatGetLeavesOut(t *testing.T) {
	t.Parallel()
	m, long := &memory{}, []byte{0xa1, 0x01, 0x18, 0x07} // 7 in two bytes
	key := append([]byte("p/"), make([]byte, 32)...)
	must(t, m.Put(key, long))
	if got, ok, err := payments.Get(m, pay.PaymentID{}); got != (ref{7}) || !ok || err != nil {
		t.Errorf("read %+v, %v, %v", got, ok, err)
	}
	if err := spaces.Check(key, long); !errors.Is(err, rows.ErrDamaged) {
		t.Errorf("Check = %v", err)
	}
}
