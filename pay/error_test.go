package pay_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/paybeacon/paybeacon/pay"
)

// The exit status of every code, by the table of exit codes in CONTRACT.
const exits = `
1    E_FAILED E_BAD_FACT E_TOO_MANY E_UPGRADE E_CLOCK
3    E_PARTLY
4    E_NOT_ENROLLED E_NOT_ALLOWED E_NOT_TRUSTED E_INVITE E_PIN E_OLD_COPY
5    E_NOT_FOUND
6    E_NOBODY_NEAR E_AMBIGUOUS E_LEFT E_NOT_PAID
7    E_UNKNOWN
8    E_CONFLICT E_KEY_USED E_FUNDS E_ALREADY_DECIDED E_BOUND E_RUNNING
10   E_NOT_RUNNING E_UNREACHABLE E_DEVICE
11   E_RADIO
12   E_IN_USE
64   E_USAGE E_AMOUNT E_CURRENCY E_NOT_AVAILABLE E_CARD_NUMBER
78   E_CONFIG E_NEWER_DATA E_NO_SPACE E_NO_MEMORY
124  E_WAIT_PASSED
`

func TestExitOfEveryCode(t *testing.T) {
	t.Parallel()
	want := map[pay.ErrorCode]pay.Exit{}
	for line := range strings.Lines(strings.TrimSpace(exits)) {
		f := strings.Fields(line)
		n, err := strconv.Atoi(f[0])
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range f[1:] {
			want[pay.ErrorCode(c)] = pay.Exit(n)
		}
	}
	declared := declaredCodes(t)
	for _, c := range declared {
		exit, ok := want[c]
		if !ok {
			t.Errorf("%s is declared and not in the table", c)
		}
		if pay.ExitOf(c) != exit {
			t.Errorf("%s: exit %d, want %d", c, pay.ExitOf(c), exit)
		}
	}
	if len(declared) != len(want) {
		t.Errorf("%d codes are declared, the table has %d", len(declared), len(want))
	}
	for _, c := range []pay.ErrorCode{"", "E_SOMETHING_NEW"} {
		if pay.ExitOf(c) != pay.ExitFailed {
			t.Errorf("%q: exit %d, want 1", c, pay.ExitOf(c))
		}
	}
}

// declaredCodes reads the constants of type ErrorCode from the source, so that
// a new one cannot be left out of the table.
func declaredCodes(t *testing.T) (codes []pay.ErrorCode) {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "error.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if typ, ok := spec.Type.(*ast.Ident); !ok || typ.Name != "ErrorCode" {
			return true
		}
		for _, v := range spec.Values {
			s, err := strconv.Unquote(v.(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			codes = append(codes, pay.ErrorCode(s))
		}
		return true
	})
	return codes
}

func TestErrors(t *testing.T) {
	t.Parallel()
	bare := pay.NewError(pay.CodeAmount, "read amount", "write it like 12.50")
	if bare.Error() != "read amount" || bare.Unwrap() != nil || bare.Hint != "write it like 12.50" {
		t.Errorf("%+v", bare)
	}
	named := pay.NewCase(pay.CodeCurrency, "other_currency", "no", "EUR")
	if named.Error() != "no" || named.Hint != "" || named.Case != "other_currency" || len(named.Args) != 1 {
		t.Errorf("%+v", named)
	}
	if wrapped := pay.WrapCase(io.ErrUnexpectedEOF, pay.CodeUsage, "key_form", "read key"); wrapped.Error() != "read key: unexpected EOF" || !errors.Is(wrapped, io.ErrUnexpectedEOF) || wrapped.Case != "key_form" {
		t.Errorf("%+v", wrapped)
	}
	caused := pay.Wrap(io.ErrUnexpectedEOF, pay.CodeConfig, "read node.key", "restore the file")
	if caused.Error() != "read node.key: unexpected EOF" || !errors.Is(caused, io.ErrUnexpectedEOF) {
		t.Errorf("%v", caused)
	}
	for want, err := range map[pay.ErrorCode]error{
		"":             nil,
		pay.CodeFailed: io.EOF,
		pay.CodeAmount: fmt.Errorf("charge: %w", bare),
		pay.CodeInUse:  pay.Wrap(bare, pay.CodeInUse, "open", "stop the other"), // the outermost counts
		pay.CodeConfig: errors.Join(io.EOF, caused),
	} {
		if got := pay.CodeOf(err); got != want {
			t.Errorf("%v: %s, want %s", err, got, want)
		}
	}
}
