package paysync

import (
	"errors"
	"fmt"

	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/wire"
)

// upgradeError returns an error with pay.CodeUpgrade for two ranges of versions
// that have none in common. People at both sides read it.
func upgradeError(node, registry wire.Versions) *pay.Error {
	older := "node"
	if registry.Max < node.Min {
		older = "registry"
	}
	return pay.NewError(pay.CodeUpgrade,
		fmt.Sprintf("the node speaks %v of the protocol, the registry %v: upgrade the %s first", node, registry, older),
		upgradeHint(older))
}

// upgradeHint says where a newer program is to be installed.
func upgradeHint(older string) string {
	return fmt.Sprintf("install a newer paybeacon where the %s runs; nothing was lost on either side", older)
}

// RegistryOutdated reports whether an error says that the registry is the one to be
// upgraded: it will take later what a node queues now.
func RegistryOutdated(err error) bool {
	var known *pay.Error
	return errors.As(err, &known) && known.Code == pay.CodeUpgrade && known.Hint == upgradeHint("registry")
}

// hintOfVersion2 is the hint with which a registry of version 2 refuses any
// other version. It does not say which side to upgrade.
const hintOfVersion2 = "install the same version of paybeacon on both"

// byeError returns the error that a registry's Bye carries to a node which
// speaks those versions. A registry of version 2 is older than all of them.
func byeError(b wire.Bye, node wire.Versions) *pay.Error {
	if b.Code == pay.CodeUpgrade && b.Hint == hintOfVersion2 {
		return upgradeError(node, wire.Versions{Min: 2, Max: 2})
	}
	return b.Err()
}

// readError returns the error of a node that could not read from its registry.
// It has pay.CodeUpgrade when the registry could not read the node: it is then
// probably of a version that refuses the range in the greeting.
func readError(err error) error {
	if errors.Is(err, ErrNotUnderstood) {
		return pay.NewError(pay.CodeUpgrade, "the registry cannot read what this node sends: upgrade the registry first, if it is the older one",
			upgradeHint("registry"))
	}
	return fmt.Errorf("read from registry: %w", err)
}
