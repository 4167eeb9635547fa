package node

import (
	"fmt"
	"strings"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
	"github.com/paybeacon/paybeacon/pay/registry"
)

// weighInvite adds to an invite what its maker should look at: whether the merchant
// is a new one, whether it has other sites, and whose names the new ones resemble.
// members are the nodes that are there.
func weighInvite(i *api.Invite, spec registry.InviteSpec, members []pay.NodeStatus) {
	sites, seen := []string{}, map[string]bool{}
	for _, m := range members {
		if m.Revoked {
			continue
		}
		if i.Role == pay.RoleBox && m.MerchantName == i.Merchant {
			i.Boxes++
			if m.Site != i.Site && !seen[string(m.Site)] {
				seen[string(m.Site)] = true
				sites = append(sites, text.Printable(string(m.Site)))
			}
		}
	}
	if len(sites) > 0 {
		i.Warnings = append(i.Warnings, api.NewWarning(api.WarnTwoSites,
			fmt.Sprintf("%s has %s already (%s): a code that is heard at two sites counts as heard at two places", text.Printable(string(i.Merchant)), text.Count(len(sites), "other site"), strings.Join(sites[:min(len(sites), 4)], ", ")),
			"if the boxes share a room, give both the same --site"))
	}
	for _, m := range members {
		if m.Revoked {
			continue
		}
		pairs := [][3]pay.Name{{"merchant", i.Merchant, m.MerchantName}, {"wallet", spec.Name, m.Name}}
		if m.MerchantName == i.Merchant {
			pairs = append(pairs, [3]pay.Name{"site", i.Site, m.Site})
		}
		for _, p := range pairs {
			what, own, other := string(p[0]), string(p[1]), string(p[2])
			fits := m.Role == i.Role && (what == "wallet") == (i.Role == pay.RoleWallet)
			if !fits || own == "" || other == "" || seen[what+other] || !text.LookAlike(own, other) {
				continue
			}
			seen[what+other] = true
			i.Warnings = append(i.Warnings, api.NewWarning(api.WarnLookAlike,
				fmt.Sprintf("the %s %q looks like %q, which is another one", what, text.Printable(own), text.Printable(other)),
				"if the same is meant, write it in the same way; else choose a name that nobody takes for the other"))
		}
	}
}

// lookAlikes returns a warning when the merchant of an offer resembles another one
// that this wallet has paid before; paid are those, by scope.
func lookAlikes(merchant pay.Scope, name pay.Name, paid map[pay.Scope]pay.Name) []api.Warning {
	for scope, other := range paid {
		if scope != merchant && (other == name || text.LookAlike(string(name), string(other))) {
			return []api.Warning{api.NewWarning(api.WarnLookAlike,
				fmt.Sprintf("%q is not %q, whom you have paid before", text.Printable(string(name)), text.Printable(string(other))),
				"approve only if you know that you stand at this one")}
		}
	}
	return nil
}
