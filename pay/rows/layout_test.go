package rows_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay/book"
	"github.com/paybeacon/paybeacon/pay/history"
	"github.com/paybeacon/paybeacon/pay/registry"
	"github.com/paybeacon/paybeacon/pay/rows"
	"github.com/paybeacon/paybeacon/pay/till"
	"github.com/paybeacon/paybeacon/pay/wallet"
)

// TestLayoutsOfRoles holds the spaces that a package declares against the table
// in its package comment, and sees that no two of them overlap.
func TestLayoutsOfRoles(t *testing.T) {
	t.Parallel()
	for file, spaces := range map[string]rows.Spaces{
		"../book/doc.go":        book.Spaces(),
		"../history/history.go": history.Spaces(),
		"../registry/doc.go":    without(registry.Spaces(), "b/"),
		"../till/till.go":       without(till.Spaces(), "h"),
		"../wallet/wallet.go":   without(wallet.Spaces(), "h"),
	} {
		source, err := os.ReadFile(file)
		must(t, err)
		_, layout, _ := strings.Cut(string(source), "// # Layout\n")
		layout, _, _ = strings.Cut(layout, "// # ")
		for _, space := range spaces {
			if !strings.Contains(layout, "//\t"+space.Layout()+" ") {
				t.Errorf("%s: the layout has no line for %s", file, space.Layout())
			}
		}
		elsewhere := strings.Count(layout, "...") // spaces of another package, which has its own layout
		if lines := strings.Count(layout, "//\t"); lines != len(spaces)+elsewhere {
			t.Errorf("%s: the layout has %d lines for %d spaces", file, lines, len(spaces)+elsewhere)
		}
	}
	for role, spaces := range map[string]rows.Spaces{"registry": registry.Spaces(), "till": till.Spaces(), "wallet": wallet.Spaces()} {
		if err := spaces.CheckApart(); err != nil {
			t.Errorf("%s: %v", role, err)
		}
	}
}

// without returns the spaces that another package does not own.
func without(all rows.Spaces, prefix string) rows.Spaces {
	return slices.DeleteFunc(all, func(s rows.Space) bool { return strings.HasPrefix(s.Prefix, prefix) })
}
