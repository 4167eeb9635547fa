package node

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/paybeacon/paybeacon/pay"
)

// inviteAddress returns the address at which an invited node looks for the registry:
// the one that was asked for, else the one at which the registry listens. Its error is
// a *pay.Error with CodeUsage, where that is no address of one machine: a registry that
// listens at all of its addresses does not know by which of them others reach it.
func inviteAddress(asked, listens string) (string, error) {
	if asked == "" {
		host, port, err := net.SplitHostPort(listens)
		if err == nil && isEvery(host) {
			return "", pay.NewError(pay.CodeUsage, "the registry listens on every address of its machine, and an invite needs one that others can reach",
				fmt.Sprintf("add --address HOST:%s with the name or address of this machine", port))
		}
		return listens, nil
	}
	host, port, err := net.SplitHostPort(asked)
	if err != nil || port == "" {
		return "", pay.NewError(pay.CodeUsage, "--address is not HOST:PORT", "write it like --address pay.example:7443")
	}
	if port == "0" || isEvery(host) {
		return "", pay.NewError(pay.CodeUsage, "--address "+asked+" is not the address of one machine", "write it like --address pay.example:7443")
	}
	return asked, nil
}

// isEvery reports whether a host stands for all addresses of a machine.
func isEvery(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "" || err == nil && ip.Unmap().IsUnspecified()
}
