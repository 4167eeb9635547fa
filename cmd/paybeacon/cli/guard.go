package cli

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	urfave "github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// checkArgs looks at the arguments of the program in the order in which they were
// written, before flags are parsed, and refuses what the flag parser would take for
// something else: the name of a flag as another flag's value, two values of a flag, a
// text of nothing but blanks, a duration without a unit. It leaves what is no flag of
// a command to the parser. Its error is a *pay.Error with CodeUsage.
func checkArgs(args []string, tree []*urfave.Command) error {
	var leaf *urfave.Command
	rest := args[1:]
	for len(rest) > 0 {
		i := slices.IndexFunc(tree, func(c *urfave.Command) bool { return c.HasName(rest[0]) })
		if i < 0 {
			break
		}
		leaf, rest, tree = tree[i], rest[1:], tree[i].Subcommands
	}
	if leaf == nil {
		return nil
	}
	seen := map[string]string{}
	for len(rest) > 0 {
		name, value, inline, ok := flagOf(rest[0])
		f := flagNamed(leaf, name)
		if !ok || f == nil {
			return nil // an argument, or nothing that the command knows
		}
		rest = rest[1:]
		_, isSwitch := f.(*urfave.BoolFlag)
		_, isList := f.(*urfave.GenericFlag)
		before, twice := seen[f.Names()[0]]
		if twice && !isList && (!isSwitch || before != value) {
			return pay.NewError(pay.CodeUsage, "--"+name+" is given twice", "give it once")
		}
		seen[f.Names()[0]] = value
		if isSwitch {
			continue // the same again loses nothing
		}
		if !inline {
			if len(rest) == 0 {
				return nil // the parser says that the value is missing
			}
			value, rest = rest[0], rest[1:]
			if looksLikeFlag(leaf, value) {
				return pay.NewError(pay.CodeUsage, fmt.Sprintf("--%s has no value: %q stands in its place", name, text.Printable(value)),
					fmt.Sprintf("write a value behind --%s, quoted if it comes from a variable, or --%s=%s if that is the value", name, name, text.Printable(value)))
			}
		}
		if err := checkValue(f, name, value); err != nil {
			return err
		}
	}
	return nil
}

// flagOf returns what an argument is as a flag: its name, and its value if that
// stands in the same argument.
func flagOf(arg string) (name, value string, inline, ok bool) {
	if len(arg) < 2 || arg[0] != '-' || arg == "--" {
		return "", "", false, false
	}
	name, value, inline = strings.Cut(strings.TrimPrefix(arg[1:], "-"), "=")
	return name, value, inline, true
}

func flagNamed(c *urfave.Command, name string) urfave.Flag {
	for _, f := range c.Flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

// looksLikeFlag reports whether a value is the name of a flag of the command, or
// begins like that of any: a name that is misspelt is no value either.
func looksLikeFlag(c *urfave.Command, value string) bool {
	name, _, _, ok := flagOf(value)
	if !ok {
		return value == "--"
	}
	return flagNamed(c, name) != nil || strings.HasPrefix(value, "--")
}

// checkValue refuses a value that can only be a mistake.
func checkValue(f urfave.Flag, name, value string) error {
	switch f := f.(type) {
	case *urfave.GenericFlag:
		if text.IsBlank(value) || !utf8.ValidString(value) {
			return pay.NewError(pay.CodeUsage, "--"+name+" is empty or cannot be read", "write what it names")
		}
	case *urfave.StringFlag:
		if value != "" && text.IsBlank(value) {
			return pay.NewError(pay.CodeUsage, "--"+name+" holds nothing but blanks", "write something that can be seen, or leave it out")
		}
		if !namesFile(name) && !utf8.ValidString(value) {
			return pay.NewError(pay.CodeUsage, "--"+name+" is not UTF-8", "write it in a terminal whose character set is UTF-8")
		}
		if err := checkTilde(name, value); err != nil {
			return err
		}
		if value == "" && slices.Contains(namesOne, name) {
			return pay.NewError(pay.CodeUsage, "--"+name+" is empty", "write what it names, or leave it out")
		}
	case *urfave.DurationFlag:
		d, err := time.ParseDuration(value)
		if _, bare := strconv.ParseFloat(value, 64); err != nil && bare == nil {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("--%s %s has no unit", name, value), fmt.Sprintf("write it like --%s %ss", name, strings.TrimLeft(value, "-+")))
		}
		if d < 0 {
			return pay.NewError(pay.CodeUsage, fmt.Sprintf("--%s %s is below zero", name, value), fmt.Sprintf("write it like --%s %v", name, cmp.Or(f.Value, -d)))
		}
	}
	return nil
}

// checkTilde refuses a path that begins with ~ as a shell leaves it in quotes, behind
// = and behind a radio's colon. Its error is a *pay.Error with CodeUsage.
func checkTilde(name, value string) error {
	path := value
	if _, rest, ok := strings.Cut(value, ":"); ok && name == "radio" {
		path = rest
	}
	first, _, _ := strings.Cut(path, "/")
	if !namesFile(name) || !strings.HasPrefix(first, "~") {
		return nil
	}
	return pay.NewError(pay.CodeUsage, fmt.Sprintf("--%s %s begins with ~, which the shell did not expand", name, text.Printable(value)),
		"write ~ outside quotes behind a blank, or $HOME; ./"+text.Printable(path)+" if that is its name")
}

// namesOne are the flags that name one thing. Empty they come from a variable that
// was not set, and leaving them out means another thing.
var namesOne = []string{"id", "key", "to", "device", "node", "wallet", "amount", "before"}

// namesFile reports whether a flag's value is a path, which may hold any bytes.
func namesFile(name string) bool {
	return slices.Contains([]string{"data", "dir", "to", "radio", configFlag}, name) || strings.HasSuffix(name, "-file")
}
