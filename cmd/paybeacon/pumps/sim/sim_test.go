package sim_test

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/pumpstest"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/pumps/sim"
	"github.com/paybeacon/paybeacon/pay"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open returns the pumps of a folder.
func open(t *testing.T, o sim.Options) *sim.Forecourt {
	t.Helper()
	f, err := sim.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// register returns what the register of a pump reads, from its file.
func register(t *testing.T, folder string) pay.Quantity {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join(folder, "pump-2.json"))
	if errors.Is(err, os.ErrNotExist) {
		return 1_000_000
	}
	var m struct {
		Register pay.Quantity
		Giving   struct{ Given pay.Quantity }
	}
	if err == nil {
		err = json.Unmarshal(raw, &m)
	}
	if err != nil {
		t.Fatal(err)
	}
	return m.Register + m.Giving.Given
}

func TestContract(t *testing.T) {
	t.Parallel()
	pumpstest.Run(t, func(t *testing.T) pumpstest.World {
		o := sim.Options{Folder: t.TempDir()}
		f := open(t, o)
		hand := func(err error) {
			t.Helper()
			if err != nil && !errors.Is(err, sim.ErrNotReleased) {
				t.Fatal(err)
			}
		}
		return pumpstest.World{
			Forecourt: f, Pump: 2, Unknown: 5, Product: "diesel", Other: "electric",
			Lift: func() { hand(f.Lift(t.Context(), 2, "diesel")) },
			Give: func(q pay.Quantity) { _, err := f.Fill(t.Context(), 2, q, false); hand(err) },
			Hang: func() { hand(f.Hang(t.Context(), 2)) },
			Left: func() pay.Quantity { return register(t, o.Folder) - 1_000_000 },
			Restart: func() pumps.Forecourt {
				if err := f.Close(); err != nil {
					t.Fatal(err)
				}
				f = open(t, o)
				return f
			},
		}
	})
}
