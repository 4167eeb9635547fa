package bench

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

// audited returns what the registry of a ledger that runs says.
func (l *ledger) audited(ctx context.Context, t *testing.T, full bool) api.Audit {
	t.Helper()
	reply, err := api.Answer(ctx, l.reg.Verbs(), api.VerbAudit, api.AuditRequest{Full: full})
	if err != nil || !reply.Value.OK {
		t.Errorf("audit: %+v, %v", reply.Value, err)
	}
	return reply.Value
}

// TestAuditCarriesOn: the second audit reads the payments since the first, one that is
// asked to reads all, and one after a restart carries on too.
func TestAuditCarriesOn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	l := &ledger{random: rand.NewChaCha8([32]byte{3}), clock: newLedgerClock()}
	err := l.open(t.Context(), dir, func(ctx context.Context) error {
		if err := l.fill(ctx, 100); err != nil {
			return err
		}
		for i, want := range []api.Audit{
			{Full: true, Payments: 100, PaymentsRead: 100},
			{Payments: 100},
			{Payments: 140, PaymentsRead: 40},
			{Full: true, Payments: 140, PaymentsRead: 140},
			{Payments: 150, PaymentsRead: 10},
		} {
			for l.made < want.Payments {
				if err := l.round(ctx, want.Payments); err != nil {
					return err
				}
			}
			got := l.audited(ctx, t, i == 3)
			if got.Full != want.Full || got.Payments != want.Payments || got.PaymentsRead != want.PaymentsRead || (got.Since == "") != want.Full {
				t.Errorf("audit %d: %+v, want %+v", i, got, want)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if a, err := auditDir(t.Context(), dir, func(json.RawMessage) {}); err != nil || !a.OK || a.Full || a.Payments != 150 || a.PaymentsRead != 0 {
		t.Errorf("without its daemon: %+v, %v", a, err)
	}
}

// rewrite changes rows of a registry that does not run behind its program's back, with
// checksums that fit. change returns what a row becomes, nil to leave it.
func rewrite(t *testing.T, dir string, change func(key, value string) []byte) (rewritten int) {
	t.Helper()
	e, err := badgerkv.Open(filepath.Join(dir, "store"), badgerkv.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	err = e.Update(t.Context(), func(tx kv.Tx) error {
		var errs error
		rows := map[string][]byte{}
		err := tx.Scan(nil, nil, 0, func(key, sealed []byte) bool {
			if with := change(string(key), string(sealed[:len(sealed)-4])); with != nil {
				rows[string(key)] = with
			}
			return true
		})
		for key, value := range rows {
			rewritten++
			errs = errors.Join(errs, tx.Put([]byte(key), sealedRow(key, value)))
		}
		return errors.Join(err, errs)
	})
	if err != nil {
		t.Fatal(err)
	}
	return rewritten
}

// sealedRow is a row's value with the checksum that belongs to it.
func sealedRow(key string, value []byte) []byte {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Update(crc32.Update(0, table, []byte(key)), table, value)
	return binary.BigEndian.AppendUint32(slices.Clone(value), sum)
}

// paymentsAt returns the keys of the rows of payments.
func paymentsAt(t *testing.T, dir string) map[string]bool {
	t.Helper()
	keys := map[string]bool{}
	rewrite(t, dir, func(key, _ string) []byte {
		if strings.HasPrefix(key, "rp/") {
			keys[key] = true
		}
		return nil
	})
	return keys
}

// declineOne says declined in the row of a payment that was captured.
func declineOne(among func(key string) bool) func(key, value string) []byte {
	done := false
	return func(key, value string) []byte {
		if done || !strings.HasPrefix(key, "rp/") || !among(key) || !strings.Contains(value, "captured") {
			return nil
		}
		done = true
		return []byte(strings.Replace(value, "captured", "declined", 1))
	}
}

// grownLedger makes a registry with 60 payments that were audited and 12 that came
// after. It returns the rows of the first.
func grownLedger(t *testing.T, l *ledger, dir string) (old map[string]bool) {
	t.Helper()
	err := l.open(t.Context(), dir, func(ctx context.Context) error {
		if err := l.fill(ctx, 60); err != nil {
			return err
		}
		l.audited(ctx, t, false)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	old = paymentsAt(t, dir)
	err = l.open(t.Context(), dir, func(ctx context.Context) error {
		for l.made < 72 {
			if err := l.round(ctx, 72); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return old
}

// asked audits a registry that runs and says which kind of audit it was, and its
// findings.
func (l *ledger) asked(ctx context.Context, t *testing.T, full bool) api.Audit {
	t.Helper()
	reply, err := api.Answer(ctx, l.reg.Verbs(), api.VerbAudit, api.AuditRequest{Full: full})
	if err != nil {
		t.Fatal(err)
	}
	return reply.Value
}

// TestAuditFindsWhatIsNew: a payment after the last good audit whose row was changed is
// found at once, by a full audit that names it, and nothing is remembered any more.
func TestAuditFindsWhatIsNew(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), &ledger{random: rand.NewChaCha8([32]byte{4}), clock: newLedgerClock()}
	old := grownLedger(t, l, dir)
	if n := rewrite(t, dir, declineOne(func(key string) bool { return !old[key] })); n != 1 {
		t.Fatalf("%d rows were changed", n)
	}
	err := l.open(t.Context(), dir, func(ctx context.Context) error {
		for _, why := range []string{"what came since the last good audit is not as it should be", "no good audit is remembered"} {
			if a := l.asked(ctx, t, false); a.OK || !a.Full || a.Why != why || len(a.Findings) == 0 {
				t.Errorf("%+v", a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAuditFindsWhatIsOldWhenAsked: the row of an older payment that was changed is not
// read by an audit that carries on, which says so. A full one finds it, and from then
// on all do.
func TestAuditFindsWhatIsOldWhenAsked(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), &ledger{random: rand.NewChaCha8([32]byte{5}), clock: newLedgerClock()}
	old := grownLedger(t, l, dir)
	if n := rewrite(t, dir, declineOne(func(key string) bool { return old[key] })); n != 1 {
		t.Fatalf("%d rows were changed", n)
	}
	err := l.open(t.Context(), dir, func(ctx context.Context) error {
		if a := l.asked(ctx, t, false); !a.OK || a.Full || a.PaymentsRead != 12 || a.Payments != 72 || a.Since == "" {
			t.Errorf("carried on: %+v", a)
		}
		for _, full := range []bool{true, false} {
			if a := l.asked(ctx, t, full); a.OK || !a.Full || len(a.Findings) == 0 {
				t.Errorf("asked for all: %v: %+v", full, a)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestAuditOfAnOlderCopy does not rest on what was remembered later, however that came
// into the copy, and not on what is of another format or not whole.
func TestAuditOfAnOlderCopy(t *testing.T) {
	t.Parallel()
	dir, l := t.TempDir(), &ledger{random: rand.NewChaCha8([32]byte{6}), clock: newLedgerClock()}
	grownLedger(t, l, dir)
	older := filepath.Join(t.TempDir(), "older")
	if err := os.CopyFS(older, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	err := l.open(t.Context(), dir, func(ctx context.Context) error {
		for l.made < 90 {
			if err := l.round(ctx, 90); err != nil {
				return err
			}
		}
		l.audited(ctx, t, false)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	memory := map[string][]byte{}
	rewrite(t, dir, func(key, value string) []byte {
		if strings.HasPrefix(key, "rau/") {
			memory[key] = []byte(value)
		}
		return nil
	})
	n := rewrite(t, older, func(key, _ string) []byte { return memory[key] })
	a, err := auditDir(t.Context(), older, func(json.RawMessage) {})
	if n != len(memory) || n == 0 || err != nil || !a.OK || !a.Full || a.Payments != 72 || !strings.Contains(a.Why, "a later copy") {
		t.Errorf("%d of %d rows: %+v, %v", n, len(memory), a, err)
	}
	rewrite(t, dir, func(key, value string) []byte {
		if key != "rau/g" {
			return nil
		}
		of := strings.IndexByte(value, 1) + 1 // the format stands under key 1
		return []byte(value[:of] + "\x17" + value[of+1:])
	})
	if a, err := auditDir(t.Context(), dir, func(json.RawMessage) {}); err != nil || !a.OK || !a.Full || a.Why != "no good audit is remembered" {
		t.Errorf("of another format: %+v, %v", a, err)
	}
}
