package survey

import (
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/paybeacon/paybeacon/ble"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/cli"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/radio"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

// adapterJSON is one radio of this machine.
type adapterJSON struct {
	V            int    `json:"v"`
	Type         string `json:"type"`
	Name         string `json:"name"`
	Address      string `json:"address"`
	Powered      bool   `json:"powered"`
	Blocked      bool   `json:"blocked"`
	Discoverable bool   `json:"discoverable"`
	Discovering  bool   `json:"discovering"`
	Monitors     bool   `json:"monitors"`
	SlotsFree    int    `json:"slots_free"`
	SlotsUsed    int    `json:"slots_used"`
}

func adapterObject(a ble.Adapter) adapterJSON {
	return adapterJSON{
		V: 1, Type: "radio", Name: a.Name, Address: a.Address.String(), Powered: a.Powered, Blocked: a.Blocked,
		Discoverable: a.Discoverable, Discovering: a.Discovering, Monitors: a.Monitors, SlotsFree: a.SlotsFree, SlotsUsed: a.SlotsUsed,
	}
}

// RadiosCommand is `scan radios`: the adapters of this machine.
func RadiosCommand(ctx context.Context, io cli.Stdio) *cli.Command {
	return cli.NewLeaf(ctx, io, cli.Leaf{
		Name: "radios", Usage: "the radios of this machine",
		Long: "What is wrong with one, and what to do, says `paybeacon doctor --radio bluez:NAME`.",
		Run:  radios,
	})
}

func radios(c *cli.Call) error {
	list, err := radio.ListAdapters(c.Ctx)
	if err != nil {
		return err
	}
	items := make([]adapterJSON, 0, len(list))
	for _, a := range list {
		items = append(items, adapterObject(a))
	}
	if len(items) == 0 {
		return radio.ErrNoAdapter()
	}
	return cli.AnswerList(c, items, func(w io.Writer) {
		for _, a := range list {
			_, _ = fmt.Fprintf(w, "bluez:%-6s %s  %s\n", text.Printable(a.Name), a.Address, strings.Join(adapterWords(a), ", "))
		}
	})
}

// adapterWords says of an adapter what matters to somebody who chooses one.
func adapterWords(a ble.Adapter) []string {
	var words []string
	switch {
	case a.Blocked:
		words = append(words, "blocked by rfkill")
	case a.Powered:
		words = append(words, "on")
	default:
		words = append(words, "off")
	}
	if a.Monitors {
		words = append(words, "hears every advert")
	} else {
		words = append(words, "hears a steady beacon once in 10 s (no advertisement monitors)")
	}
	switch {
	case a.Discoverable:
		words = append(words, "discoverable: cannot be a beacon")
	case a.SlotsFree == 0 && a.SlotsUsed == 0:
		words = append(words, "cannot advertise")
	default:
		words = append(words, fmt.Sprintf("advertising slots %d free, %d used", a.SlotsFree, a.SlotsUsed))
	}
	if a.Discovering {
		words = append(words, "listening")
	}
	return words
}
