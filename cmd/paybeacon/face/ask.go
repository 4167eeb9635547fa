package face

import (
	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
)

// dirOf is the directory that --data names, or "".
func dirOf(c *cli.Call) node.Dir { return node.Dir(c.Data()) }

// ask puts a verb to the node of --data, and notes when something was changed by it.
func ask[Request, Answered any](c *cli.Call, v api.Verb[Request, Answered], q Request) (api.Reply[Answered], error) {
	reply, err := node.Ask(c.Ctx, dirOf(c), v, q)
	if _, looked := any(reply.Value).(api.Nearby); err == nil && !v.Reads && !looked {
		c.Acted()
	}
	return reply, err
}
