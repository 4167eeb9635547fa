package badgerkv_test

import (
	"testing"

	"github.com/paybeacon/paybeacon/store/badgerkv"
	"github.com/paybeacon/paybeacon/store/kv"
)

func TestPlainIsDurableWithoutTheLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	p, err := badgerkv.OpenPlain(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Put([]byte("key"), []byte("value")); err != nil {
		t.Fatal(err)
	}
	killed := crashed(t, dir)
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{dir, killed} {
		e := open(t, dir, badgerkv.Options{})
		err := e.View(t.Context(), func(r kv.Reader) error {
			got, ok, err := r.Get([]byte("key"))
			if !ok || string(got) != "value" {
				t.Errorf("found %q, %t", got, ok)
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	}
}
