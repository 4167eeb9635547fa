package kv_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/store/kv"
	"github.com/paybeacon/paybeacon/store/kv/kvtest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemoryKeepsTheContract(t *testing.T) {
	t.Parallel()
	kvtest.Run(t, func(*testing.T) kv.Engine { return kv.NewMemory() }, kvtest.Options{})
}
