package face

import (
	"encoding/json"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/node"
)

// dirOf is the directory that --data names, or "".
func dirOf(c *cli.Call) datadir.Dir { return datadir.Dir(c.Data()) }

// ask puts a verb to the node of --data, and notes when something was changed by it.
func ask[Request, Answered any](c *cli.Call, v api.Verb[Request, Answered], q Request) (api.Reply[Answered], error) {
	return askTelling(c, v, q, nil)
}

// askTelling is ask, with what the verb says before it answers passed to tell.
func askTelling[Request, Answered any](c *cli.Call, v api.Verb[Request, Answered], q Request, tell func(note json.RawMessage)) (api.Reply[Answered], error) {
	reply, err := node.AskTelling(c.Ctx, dirOf(c), v, q, tell)
	if err == nil && !v.Reads && !looks(reply.Value) {
		c.Acted()
	}
	return reply, err
}

// looks reports whether an answer tells what is on the air at this moment: no store
// knows that, and nothing is changed by asking.
func looks(answer any) bool {
	switch answer.(type) {
	case api.Nearby, api.List[api.Words]:
		return true
	default:
		return false
	}
}
