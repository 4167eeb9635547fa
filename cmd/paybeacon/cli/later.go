package cli

import (
	"slices"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/pay"
)

// laterCommands are the commands that are settled and not there yet, each by its
// words, with those below it. What the tree of commands has counts as there, whatever
// stands here.
var laterCommands = map[string][]string{
	"admin bill": {"add"}, "admin move-store": nil, "admin backup": nil, "admin restore": nil,
	"scan backup": nil, "scan restore": nil, "wallet backup": nil, "wallet restore": nil,
	"till price": nil, "till capture": nil, "till void": nil, "till refund": nil, "till increment": nil,
	"till offline": {"on", "off"}, "till menu": {"set", "show"}, "till orders": nil, "till order": {"accept", "refuse", "ready", "handed"},
	"wallet watch": nil, "wallet words": nil,
	"wallet say": nil, "wallet order": nil,
	"beacon say": nil, "beacon status": nil,
	"sync": {"status"}, "hook": {"add", "list", "remove", "test", "redeliver", "tail"}, "token": {"add", "list", "end"},
	"export": nil, "sim": nil,
}

// laterFlags are the flags that are settled and not there yet, by the command that
// will have them.
var laterFlags = map[string][]string{
	"serve":              {"store"},
	"scan":               {"clear", "tap"},
	"beacon run":         {"ears", "voice"},
	"till charge":        {"hold", "bill"},
	"wallet pending":     {"link"},
	"wallet mandate add": {"offline"},
	"wallet approve":     {"link"},
	"wallet decline":     {"link"},
	"wallet receipts":    {"link"},
	"wallet rules":       {"link"},
	"wallet status":      {"link"},
}

// checkLater refuses a command or a flag that is settled and not there yet, so that
// nobody looks for a spelling mistake. Its error is a *pay.Error with
// CodeNotAvailable.
func checkLater(args []string, tree []*urfave.Command) error {
	var words []string
	var leaf *urfave.Command
	rest := args[1:]
	for len(rest) > 0 && rest[0] == "help" {
		rest = rest[1:]
	}
	for len(rest) > 0 && !strings.HasPrefix(rest[0], "-") {
		words = append(words, rest[0])
		i := slices.IndexFunc(tree, func(c *urfave.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			return commandLater(words[:len(words)-1], rest)
		}
		leaf, rest, tree = tree[i], rest[1:], tree[i].Subcommands
	}
	if leaf == nil {
		return nil
	}
	for _, arg := range rest {
		name, _, _, ok := flagOf(arg)
		if ok && flagNamed(leaf, name) == nil && slices.Contains(laterFlags[strings.Join(words, " ")], name) {
			return notYet("paybeacon " + strings.Join(words, " ") + " --" + name)
		}
	}
	return nil
}

// commandLater returns the refusal of a command that is settled and not there yet, or
// nil. there are the words of the group that is there, rest the arguments behind it.
func commandLater(there, rest []string) error {
	name := strings.Join(append(slices.Clone(there), rest[0]), " ")
	below, ok := laterCommands[name]
	if !ok {
		return nil
	}
	if len(below) > 0 && len(rest) > 1 && !strings.HasPrefix(rest[1], "-") {
		if !slices.Contains(below, rest[1]) {
			return nil // that will not be there either
		}
		name += " " + rest[1]
	}
	return notYet("paybeacon " + name)
}

func notYet(what string) error {
	return pay.NewError(pay.CodeNotAvailable, "`"+what+"` is not available in this version", "it is to come in a later one; `paybeacon help` lists what is there")
}
