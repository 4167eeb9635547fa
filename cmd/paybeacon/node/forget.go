package node

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/process"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/device"
)

// The crash points of a device that is made anew.
const (
	AtBeforeForget = "device.before-forget" // nothing is stored
	AtAfterForget  = "device.after-forget"  // the new identity is
)

// Forget makes the device of a directory anew, as if its button were held: it gets a
// new identity and belongs to nobody. Its errors are *pay.Error: CodeInUse while it
// runs, CodeNotFound where there is none, CodeConflict for the directory of another
// role, and those of device.Decode.
func Forget(ctx context.Context, env process.Env) (api.Forgotten, error) {
	if err := env.Dir.Check(); err != nil {
		return api.Forgotten{}, err
	}
	if role := env.Dir.Role(); role != "" && role != pay.RoleDevice {
		return api.Forgotten{}, pay.NewError(pay.CodeConflict, fmt.Sprintf("%s is the directory of a %s", env.Dir, role), "name the directory of a device with --data")
	}
	unlock, err := env.Dir.Lock(ctx, datadir.LockWaitReading)
	if err != nil {
		return api.Forgotten{}, err
	}
	defer unlock()
	raw, err := os.ReadFile(env.Dir.Path(datadir.DeviceFile))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return api.Forgotten{}, pay.NewError(pay.CodeNotFound, fmt.Sprintf("there is no device in %s", env.Dir), "check --data; beacon run makes one")
	case err != nil:
		return api.Forgotten{}, pay.Wrap(err, pay.CodeConfig, "read "+env.Dir.Path(datadir.DeviceFile), "check its permissions")
	}
	old, err := device.Decode(raw)
	if err != nil {
		return api.Forgotten{}, err
	}
	next, err := old.Forget(rand.Reader, pay.TimeOf(env.Now()))
	if err != nil {
		return api.Forgotten{}, err
	}
	env.Seams.Pass(AtBeforeForget)
	if err := env.Dir.Write(datadir.DeviceFile, next.Encode()); err != nil {
		return api.Forgotten{}, err
	}
	env.Seams.Pass(AtAfterForget)
	return api.Forgotten{
		V: 1, Type: "forgotten", Node: next.Key().ID().String(), Former: old.Key().ID().String(), Paired: old.Binding != nil,
	}, nil
}
