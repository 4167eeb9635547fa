package face

import (
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// learnLevel turns on or off that the level of the device of --id is learned.
func learnLevel(c *cli.Call, id string) error {
	word := c.Flags.String("learn-level")
	switch {
	case id == "":
		return pay.NewError(pay.CodeUsage, "--id is missing", "write --id ID --learn-level on; `paybeacon wallet devices` lists them")
	case c.Flags.IsSet("link"):
		return pay.NewError(pay.CodeUsage, "--link and --learn-level do not go together", "say first where the device is")
	case word != "on" && word != "off":
		return pay.NewError(pay.CodeUsage, "--learn-level is neither on nor off", "write --learn-level on, or off")
	}
	reply, err := ask(c, api.VerbLearnLevel, api.LearnLevelRequest{ID: id, Learn: word == "on"})
	if err != nil {
		return err
	}
	return c.Answer(reply, func(w io.Writer) {
		printDevice(c, w, reply.Value)
		if word == "off" {
			_, _ = fmt.Fprintln(w, "  what was learned of its level is forgotten; it states its factory value from a next code on")
		}
	})
}

// levelWords says what was learned of a device's level, or is "".
func levelWords(l api.Level) string {
	switch {
	case l == (api.Level{}):
		return ""
	case l.Fixed:
		return "started with --power, which its level does not change"
	case !l.Learn:
		return fmt.Sprintf("states %+d dB still, and is to state its factory value", l.Correction)
	case !l.Learned:
		return fmt.Sprintf("level not learned yet: %s at %s counted; 5 at 2 are needed", text.Count(l.Payments, "payment"), text.Count(l.Places, "place"))
	case l.Correction == 0:
		return "level learned: it is as it states"
	default:
		return fmt.Sprintf("level learned: it states %+d dB", l.Correction)
	}
}
