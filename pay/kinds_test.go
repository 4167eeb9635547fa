package pay_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// source returns the parsed files of this package, without its tests.
func source(t testing.TB) (files []*ast.File) {
	t.Helper()
	names, err := os.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range names {
		if !strings.HasSuffix(e.Name(), ".go") || strings.HasSuffix(e.Name(), "_test.go") {
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), e.Name(), nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	return files
}

// kindConstants returns the constants of type Kind by name.
func kindConstants(t testing.TB) map[string]pay.Kind {
	t.Helper()
	found := map[string]pay.Kind{}
	for _, file := range source(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			spec, ok := n.(*ast.ValueSpec)
			if !ok {
				return true
			}
			if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "Kind" || len(spec.Values) != len(spec.Names) {
				return true
			}
			for i, name := range spec.Names {
				lit, ok := spec.Values[i].(*ast.BasicLit)
				if !ok {
					t.Fatalf("%s is no literal", name.Name)
				}
				value, err := strconv.Unquote(lit.Value)
				if err != nil {
					t.Fatal(err)
				}
				found[name.Name] = pay.Kind(value)
			}
			return true
		})
	}
	return found
}

// bodyTypes returns, by type, the name of the constant that its method Kind
// returns.
func bodyTypes(t testing.TB) map[string]string {
	t.Helper()
	found := map[string]string{}
	for _, file := range source(t) {
		for _, decl := range file.Decls {
			fn, ok := decl.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "Kind" || fn.Type.Params.NumFields() != 0 {
				continue
			}
			on, ok := fn.Recv.List[0].Type.(*ast.Ident)
			if !ok || len(fn.Body.List) != 1 {
				continue
			}
			if ret, ok := fn.Body.List[0].(*ast.ReturnStmt); ok && len(ret.Results) == 1 {
				if name, ok := ret.Results[0].(*ast.Ident); ok {
					found[on.Name] = name.Name
				}
			}
		}
	}
	return found
}

// A kind that has a constant or a body and no row in the table would be stored
// unread and refused from nodes.
func TestEveryKindHasARow(t *testing.T) {
	t.Parallel()
	constants, bodies := kindConstants(t), bodyTypes(t)
	rows := map[pay.Kind]bool{}
	for _, row := range pay.Kinds() {
		if rows[row.Kind] {
			t.Errorf("%s has two rows", row.Kind)
		}
		rows[row.Kind] = true
		if _, ok := pay.LookupKind(row.Former); ok && rows[row.Former] {
			t.Errorf("%s was spelled as another kind is", row.Kind)
		}
	}
	for name, kind := range constants {
		if !rows[kind] {
			t.Errorf("%s %q has no row in the table of kinds", name, kind)
		}
		if n := slices.Collect(maps.Values(bodies)); !slices.Contains(n, name) {
			t.Errorf("%s %q has no body", name, kind)
		}
		if !strings.HasPrefix(name, "Kind") {
			t.Errorf("%s does not start with Kind", name)
		}
	}
	for body, name := range bodies {
		if _, ok := constants[name]; !ok {
			t.Errorf("%s has kind %s, which is no constant", body, name)
		}
	}
	if len(rows) != len(constants) || len(bodies) != len(constants) {
		t.Errorf("%d rows, %d constants, %d bodies", len(rows), len(constants), len(bodies))
	}
}

func TestLookupKind(t *testing.T) {
	t.Parallel()
	for _, want := range pay.Kinds() {
		row, ok := pay.LookupKind(want.Kind)
		if !ok || row.Kind != want.Kind || row.Author != want.Author || row.Audience != want.Audience {
			t.Errorf("%s: have %+v, %v", want.Kind, row, ok)
		}
	}
	for former, now := range map[pay.Kind]pay.Kind{"limit": pay.KindStepUpAbove, "limited": pay.KindStepUp} {
		if row, ok := pay.LookupKind(former); !ok || row.Kind != now || row.Former != former {
			t.Errorf("%q: have %+v, %v", former, row, ok)
		}
	}
	for _, k := range []pay.Kind{"", "treaty", "must-hold"} {
		if row, ok := pay.LookupKind(k); ok || row.Kind != "" {
			t.Errorf("%q: have %+v", k, row)
		}
	}
}

// Only what the registry signs says when.
func TestSignedAt(t *testing.T) {
	t.Parallel()
	for _, s := range samples(t) {
		row, _ := pay.LookupKind(s.fact.Kind())
		at, err := row.SignedAt(s.fact)
		if (row.Author == pay.RoleRegistry) != (err == nil) {
			t.Errorf("%s, which a %s signs: signed at %v, %v", s.name, row.Author, at, err)
		}
	}
	row, _ := pay.LookupKind(pay.KindTopUp)
	if at, err := row.SignedAt(sign(t, keyOf(t, workingSeed), pay.TopUp{Wallet: "w/anna", Amount: 1, Currency: "EUR", Key: "k", At: noon})); at != noon || err != nil {
		t.Errorf("signed at %v, %v", at, err)
	}
	if _, err := row.SignedAt(sign(t, keyOf(t, boxSeed), pay.Cancel{})); err == nil {
		t.Error("a cancel is read as a top-up")
	}
}

func TestAudience(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		audience pay.Audience
		scopes   string
		want     bool
	}{
		{pay.AudienceAuthor, "", true},
		{pay.AudienceAuthor, "m/cafe", false},
		{pay.AudienceAuthor, "s", false},
		{pay.AudienceParties, "m/cafe w/anna", true},
		{pay.AudienceParties, "m/cafe x/y", false},
		{pay.AudienceWallet, "w/anna", true},
		{pay.AudienceWallet, "s w/anna", true},
		{pay.AudienceWallet, "w/anna m/cafe", false},
		{pay.AudienceWallet, "s w/anna w/anna2", true},
		{pay.AudienceAccount, "s w/anna", true},
		{pay.AudienceAccount, "s m/cafe", true},
		{pay.AudienceAccount, "x/y", false},
		{pay.AudienceMerchant, "m/cafe s", true},
		{pay.AudienceMerchant, "m/cafe w/anna", false},
		{pay.AudienceRegistry, "s", true},
		{pay.AudienceRegistry, "s w/anna", false},
		{pay.AudienceAll, "s w/anna m/cafe", true},
		{"", "s", false},
	} {
		var scopes []pay.Scope
		for _, s := range strings.Fields(c.scopes) {
			scopes = append(scopes, pay.Scope(s))
		}
		if got := c.audience.Allows(scopes...); got != c.want {
			t.Errorf("%q in the feeds %q: %v", c.audience, c.scopes, got)
		}
	}
}

const protocol = "../wire/PROTOCOL.md"

// protocolTable returns the cells of the table in PROTOCOL.md whose header
// starts with the given cells, without backquotes.
func protocolTable(t testing.TB, header ...string) (rows [][]string) {
	t.Helper()
	raw, err := os.ReadFile(protocol)
	if err != nil {
		t.Fatal(err)
	}
	inside := false
	for line := range strings.Lines(string(raw)) {
		cells := strings.Split(strings.Trim(strings.ReplaceAll(strings.TrimSpace(line), "`", ""), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case !inside:
			inside = len(cells) >= len(header) && slices.Equal(cells[:len(header)], header)
		case len(cells) < len(header):
			return rows
		case !strings.HasPrefix(cells[0], "---"):
			rows = append(rows, cells)
		}
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no table %q", protocol, header)
	}
	return rows
}

// The protocol names the kinds that this program knows, in the same order.
func TestProtocolListsTheKinds(t *testing.T) {
	t.Parallel()
	var want, have []string
	for _, row := range pay.Kinds() {
		want = append(want, strings.TrimSpace(strings.Join([]string{string(row.Kind), string(row.Author), string(row.Audience), string(row.Former)}, " ")))
	}
	for _, cells := range protocolTable(t, "kind", "signed by", "seen by") {
		_, former, _ := strings.Cut(cells[3], "formerly ")
		have = append(have, strings.TrimSpace(strings.Join(cells[:3], " ")+" "+former))
	}
	if !slices.Equal(have, want) {
		t.Errorf("%s lists\n%s\nthe table of kinds has\n%s", protocol, strings.Join(have, "\n"), strings.Join(want, "\n"))
	}
}
