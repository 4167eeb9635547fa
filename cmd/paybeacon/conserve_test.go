package main

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// bend changes the rows with a prefix of a node that does not run behind its program's
// back, with checksums that fit.
func (w *world) bend(name, prefix string, change func(value []byte) []byte) {
	w.t.Helper()
	e, err := badgerkv.Open(filepath.Join(w.Data(name), "store"), badgerkv.Options{})
	w.must(err)
	bent := map[string][]byte{}
	err = e.Update(w.Ctx, func(tx kv.Tx) error {
		clear(bent)
		err := tx.Scan([]byte(prefix), []byte(prefix+"\xff"), 0, func(key, sealed []byte) bool {
			bent[string(key)] = change(slices.Clone(sealed[:len(sealed)-4]))
			return true
		})
		table := crc32.MakeTable(crc32.Castagnoli)
		for key, value := range bent {
			sum := crc32.Update(crc32.Update(0, table, []byte(key)), table, value)
			err = errors.Join(err, tx.Put([]byte(key), binary.BigEndian.AppendUint32(value, sum)))
		}
		return err
	})
	w.must(errors.Join(err, e.Close()))
	if len(bent) != 1 {
		w.t.Fatalf("%d rows of %s are bent, want one", len(bent), name)
	}
}

// notConserved requires that what every story asserts at its end fails now, in these words.
func (w *world) notConserved(words string) {
	w.t.Helper()
	if err := w.Conserved(); err == nil || !strings.Contains(err.Error(), words) {
		w.t.Errorf("it says: %v; want %q", err, words)
	}
}

// TestLostMoneyIsNoticedOnAStage bends a wallet's balance, and then the house's account in
// the registry's book: what every story, crash test, demo and bench asserts at its end
// fails, the registry running or killed.
func TestLostMoneyIsNoticedOnAStage(t *testing.T) {
	t.Parallel()
	w := bareWorld(t)
	w.startWallet("ada", nil)
	w.connected("ada")
	w.must(w.Conserved())
	w.Stop("ada")
	w.bend("ada", "rbEUR", func([]byte) []byte { return binary.BigEndian.AppendUint64(nil, 4_999_999) })
	w.must(w.Again("ada", nil))
	w.connected("ada")
	w.notConserved("ada: the wallet shows 4999999, the book has 5000000")
	w.Kill("ada")
	w.must(w.Conserved()) // it shows nothing any more
	w.Kill("reg")
	w.must(w.Conserved())
	w.bend("reg", "rb/a/EUR/"+string(book.HousePlay), func(value []byte) []byte {
		var b book.Balance
		w.must(pay.Decode(value, &b))
		b.Debits++
		return pay.Encode(b)
	})
	w.notConserved("audit")
	w.Broken["reg"] = true
}
