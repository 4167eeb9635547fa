package ble_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestTheTrackerIsPure reads the shipped code of this package: it knows values alone,
// asks no clock, starts no goroutine and keeps nothing beside its values. So the same
// adverts at the same moments decide the same, on a till and in a simulated crowd.
func TestTheTrackerIsPure(t *testing.T) {
	t.Parallel()
	may := []string{
		"bytes", "cmp", "encoding/binary", "encoding/hex", "errors", "fmt", "math/bits", "slices", "strings", "time",
		"github.com/paybeacon/paybeacon/pay",
	}
	clock := []string{"Now", "Since", "Until", "After", "AfterFunc", "NewTimer", "NewTicker", "Tick", "Sleep"}
	names, err := filepath.Glob("*.go")
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasSuffix(name, "_test.go") })
	if err != nil || len(names) < 10 {
		t.Fatalf("the files of the package: %v, %v", names, err)
	}
	for _, name := range names {
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, i := range file.Imports {
			if path, err := strconv.Unquote(i.Path.Value); err != nil || !slices.Contains(may, path) {
				t.Errorf("%s imports %s", name, i.Path.Value)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.GoStmt, *ast.ChanType:
				t.Errorf("%s: a goroutine or a channel: %T", name, n)
			case *ast.SelectorExpr:
				if of, ok := n.X.(*ast.Ident); ok && of.Name == "time" && slices.Contains(clock, n.Sel.Name) {
					t.Errorf("%s asks the clock: time.%s", name, n.Sel.Name)
				}
			}
			return true
		})
	}
}
