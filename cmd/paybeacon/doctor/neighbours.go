package doctor

import (
	"fmt"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// earshotFindings name places that hear one another's customers, for the operator.
func earshotFindings(dir datadir.Dir, pairs []api.EarshotPair) (list []finding) {
	for _, p := range pairs {
		list = append(list, finding{
			"earshot", levelWarn,
			fmt.Sprintf("%s and %s hear one another's customers: %s, last on %s", placeWords(p.A), placeWords(p.B), text.Count(int(p.Codes), "code"), text.Moment(p.Last)),
			fmt.Sprintf("if they stand that near: paybeacon admin neighbours add --data %s --site %q --site %q; if not, somebody carries codes from one to the other", dir, selector(p.A), selector(p.B)),
		})
	}
	return list
}

func placeWords(p api.Place) string {
	return text.Printable(string(p.Merchant)) + ", " + text.Printable(string(p.Site))
}

func selector(p api.Place) string { return text.Printable(string(p.Merchant + "/" + p.Site)) }

// aroundFindings say who hears the customers of a box's site.
func aroundFindings(near []api.Place, other *api.Earshot) (list []finding) {
	for _, p := range near {
		list = append(list, ok("neighbours", "%s is a declared neighbour", placeWords(p)))
	}
	if other != nil {
		list = append(list, finding{
			"earshot", levelWarn,
			fmt.Sprintf("another place hears your customers (%s, told on %s), so that their payments need a person and the device", text.Count(int(other.Codes), "code"), text.Moment(other.Last)),
			"ask the operator to declare you neighbours",
		})
	}
	return list
}
