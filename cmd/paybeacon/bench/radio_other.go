//go:build !linux

package bench

import (
	"context"
)

// benchRadio measures nothing where there is no BlueZ.
func benchRadio(context.Context, string) ([]figure, error) {
	return []figure{{What: "adverts handled on one core", Unmeasured: "BlueZ is only on Linux"}}, nil
}
