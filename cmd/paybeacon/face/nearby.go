package face

import (
	"fmt"
	"io"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
)

func printNearby(w io.Writer, n api.Nearby) {
	tellRadio(w, n)
	if n.Registry != api.RegistryUp {
		printStanding(w, "", n.Standing)
	}
	if len(n.Candidates) == 0 {
		_, _ = fmt.Fprintln(w, "Nobody is near.")
		return
	}
	near := 0
	for _, cand := range n.Candidates {
		mark := " "
		if n.Clear != nil && *n.Clear == cand.Handle {
			mark = "*"
		}
		if cand.Near {
			near++
		}
		tapped := ""
		if cand.Tapped {
			tapped = "  tapped"
		}
		_, _ = fmt.Fprintf(w, "%s %-24s %4d dBm  lane %s%s\n", mark, cand.Handle, cand.RSSI, cand.Lane, tapped)
	}
	switch {
	case n.Clear != nil:
	case near > 1:
		_, _ = fmt.Fprintf(w, "Too close to call: ask %s first, and charge with --to WORDS.\n", n.Candidates[0].Handle)
	default:
		_, _ = fmt.Fprintln(w, "Nobody is clearly near yet: let them hold it to the box, or charge --to WORDS.")
	}
}

// tellRadio says what is wrong with the radio, if anything is.
func tellRadio(w io.Writer, n api.Nearby) {
	switch {
	case n.Radio == api.RadioDeaf && n.RadioWhy != "":
		_, _ = fmt.Fprintf(w, "The radio is deaf: %s\n", text.Sentence(n.RadioWhy))
	case n.Radio == api.RadioDeaf:
		_, _ = fmt.Fprintln(w, "The radio is deaf: it hears nothing at all.")
	case n.RadioWhy != "":
		_, _ = fmt.Fprintf(w, "The radio hears, but: %s\n", text.Sentence(n.RadioWhy))
	}
}
