package badgerkv_test

import (
	"encoding/binary"
	"syscall"
	"testing"
	"time"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// cpu returns the processor time that this process has used.
func cpu(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// numbered returns a key of a space.
func numbered(space byte, n uint64) []byte { return binary.BigEndian.AppendUint64([]byte{space}, n) }

// scattered returns a key of a space that is as random as an id.
func scattered(space byte, n uint64) []byte { return numbered(space, n*0x9E3779B97F4A7C15) }

// payment writes what a payment takes a registry: rows with ids for keys, rows behind
// one another, rows that are written again and again, and some that are soon removed.
func payment(tx kv.Tx, n uint64) error {
	fact, row := make([]byte, 400), make([]byte, 60)
	for i := range uint64(5) {
		id := scattered('f', 5*n+i)
		if _, ok, err := tx.Get(id); err != nil || ok {
			return err
		}
		if err := tx.Put(id, fact); err != nil {
			return err
		}
	}
	for i := range uint64(8) {
		hot := scattered('h', n%64*8+i)
		if _, _, err := tx.Get(hot); err != nil {
			return err
		}
		if err := tx.Put(hot, row); err != nil {
			return err
		}
	}
	for i := range uint64(8) {
		if err := tx.Put(numbered(byte('A'+i), n), row); err != nil {
			return err
		}
	}
	for i := range uint64(2) {
		if err := tx.Put(numbered(byte('o'+i), n), row); err != nil {
			return err
		}
		if err := tx.Delete(numbered(byte('o'+i), n-8)); err != nil {
			return err
		}
	}
	return nil
}

// look reads what a session reads to push a payment.
func look(r kv.Reader, n uint64) error {
	for i := range uint64(4) {
		if _, _, err := r.Get(scattered('f', 5*n+i)); err != nil {
			return err
		}
	}
	return r.Scan(numbered('A', n-2), numbered('A', n+1), 3, func(_, _ []byte) bool { return true })
}

// BenchmarkPayments commits payments, one or 16 at a time, and reads each again.
func BenchmarkPayments(b *testing.B) {
	for _, c := range []struct {
		name string
		each uint64
	}{{"alone", 1}, {"sixteen", 16}} {
		b.Run(c.name, func(b *testing.B) {
			e, err := badgerkv.Open(b.TempDir(), badgerkv.Options{Busy: true})
			if err != nil {
				b.Fatal(err)
			}
			defer e.Close()
			n := uint64(1_000)
			b.ReportAllocs()
			began := cpu(b)
			for b.Loop() {
				err := e.Update(b.Context(), func(tx kv.Tx) error {
					for i := range c.each {
						if err := payment(tx, n+i); err != nil {
							return err
						}
					}
					return nil
				})
				for i := range c.each {
					if err == nil {
						err = e.View(b.Context(), func(r kv.Reader) error { return look(r, n+i) })
					}
				}
				if err != nil {
					b.Fatal(err)
				}
				n += c.each
			}
			b.ReportMetric(float64((cpu(b)-began).Microseconds())/float64(uint64(b.N)*c.each), "cpu-µs/payment")
		})
	}
}

// BenchmarkView opens views that read one row.
func BenchmarkView(b *testing.B) {
	e, err := badgerkv.Open(b.TempDir(), badgerkv.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer e.Close()
	for n := range uint64(2_000) {
		if err := e.Update(b.Context(), func(tx kv.Tx) error { return payment(tx, n+10) }); err != nil {
			b.Fatal(err)
		}
	}
	n := uint64(0)
	began := cpu(b)
	b.ReportAllocs()
	for b.Loop() {
		n++
		err := e.View(b.Context(), func(r kv.Reader) error {
			_, _, err := r.Get(scattered('h', n%512))
			return err
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64((cpu(b)-began).Nanoseconds())/float64(b.N), "cpu-ns/op")
}
