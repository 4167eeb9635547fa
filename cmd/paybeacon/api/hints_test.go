package api_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/pay"
)

// made is a place in pay or a role that makes an error with a case.
type made struct {
	at   string
	args int
}

// casesOfPay returns the places that make errors, by case, in the shipped code of
// pay and the packages below it.
func casesOfPay(t *testing.T) map[pay.Case][]made {
	t.Helper()
	found := make(map[pay.Case][]made)
	files := token.NewFileSet()
	err := filepath.WalkDir("../../../pay", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		file, err := parser.ParseFile(files, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok {
				return true
			}
			at, fixed := files.Position(call.Pos()).String(), 0
			switch name := nameOf(call.Fun); name {
			case "NewError", "Wrap":
				t.Errorf("%s: %s brings a hint; its words belong to the face", at, name)
			case "NewCase":
				fixed = 2
			case "WrapCase":
				fixed = 3
			}
			if fixed == 0 {
				return true
			}
			lit, ok := call.Args[fixed-1].(*ast.BasicLit)
			if !ok {
				t.Errorf("%s: the case is no literal", at)
				return true
			}
			word, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Error(err)
			}
			found[pay.Case(word)] = append(found[pay.Case(word)], made{at, len(call.Args) - fixed - 1})
			return true
		})
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

// nameOf returns the name of a function of package pay that is called, or "".
func nameOf(fun ast.Expr) string {
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		if on, ok := fun.X.(*ast.Ident); ok && on.Name == "pay" {
			return fun.Sel.Name
		}
	}
	return ""
}

// TestEveryCaseHasAHint holds the table of hints against the places that make
// errors: none without words, no words without a place, and as many arguments as
// the words name.
func TestEveryCaseHasAHint(t *testing.T) {
	t.Parallel()
	found := casesOfPay(t)
	for c, places := range found {
		for _, place := range places {
			args := make([]any, place.args)
			for i := range args {
				args[i] = "EUR"
			}
			words := api.HintOf(pay.NewCase(pay.CodeFailed, c, "it failed", args...))
			if words == "" || strings.Contains(words, "%") {
				t.Errorf("%s: case %q has the hint %q", place.at, c, words)
			}
		}
	}
	for _, c := range api.Cases() {
		if len(found[c]) == 0 {
			t.Errorf("nothing makes an error of case %q, which has a hint", c)
		}
	}
	if len(found) < 50 {
		t.Errorf("only %d cases were found", len(found))
	}
}

// TestHints has the sources that a hint comes from.
func TestHints(t *testing.T) {
	t.Parallel()
	silent := pay.NewCase(pay.CodeNobodyNear, "radio_silent", "the radio hears nothing at all")
	for name, tc := range map[string]struct {
		err  error
		want string
	}{
		"no error of ours":        {errors.New("disk"), ""},
		"brought along":           {pay.NewError(pay.CodeFailed, "it failed", "do this"), "do this"},
		"by its case":             {silent, "check the box's radio with `paybeacon doctor`; nothing was recorded"},
		"by the case of a cause":  {fmt.Errorf("charge: %w", silent), "check the box's radio with `paybeacon doctor`; nothing was recorded"},
		"the outermost":           {pay.Wrap(silent, pay.CodeFailed, "charge", "do that"), "do that"},
		"an argument":             {pay.NewCase(pay.CodeCurrency, "other_currency", "no", pay.Currency("EUR")), "charge in EUR"},
		"a limit":                 {pay.NewCase(pay.CodeUsage, "key_form", "no"), "give 1 to 128 printable bytes"},
		"a case that nobody knew": {pay.NewCase(pay.CodeUsage, "mandate", "no"), ""},
	} {
		if got := api.HintOf(tc.err); got != tc.want {
			t.Errorf("%s: hint is %q, want %q", name, got, tc.want)
		}
		if got := api.Describe(tc.err).Hint; got != tc.want {
			t.Errorf("%s: described with the hint %q, want %q", name, got, tc.want)
		}
		carried := api.WithHint(tc.err)
		var known *pay.Error
		if errors.As(carried, &known) && known.Hint != tc.want {
			t.Errorf("%s: carries the hint %q, want %q", name, known.Hint, tc.want)
		}
		if pay.CodeOf(carried) != pay.CodeOf(tc.err) {
			t.Errorf("%s: carried as %s", name, pay.CodeOf(carried))
		}
	}
	if api.WithHint(nil) != nil || api.HintOf(nil) != "" {
		t.Error("no error has a hint")
	}
}
