package config

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/datadir"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// fileBytesMax bounds the file. Chosen: a daemon has some twenty flags.
const fileBytesMax = 64 << 10

// File is what stands in a file of settings.
type File struct {
	// Path is where it was read.
	Path string
	// Settings are in the order of their lines, each key once.
	Settings []Setting
}

// Setting is one key of a file.
type Setting struct {
	// Key is the name of a flag, as far as the file knows.
	Key string
	// Line is where the key stands, from 1.
	Line int
	// Value is a string, a bool, an int64, a []any of those, or another value of TOML,
	// which no flag takes.
	Value any
}

// Read reads the file at path. Its error wraps fs.ErrNotExist where there is none, and else
// is a *pay.Error with CodeConfig.
func Read(path string) (File, error) {
	if err := datadir.LeadsSomewhere(path); err != nil {
		return File{}, err
	}
	f, err := os.Open(path)
	if err != nil {
		return File{}, pay.Wrap(err, pay.CodeConfig, "read configuration", "name a file that you may read")
	}
	defer func() { _ = f.Close() }()
	raw, err := io.ReadAll(io.LimitReader(f, fileBytesMax+1))
	if err != nil {
		return File{}, pay.Wrap(err, pay.CodeConfig, "read configuration", "name a file that you may read")
	}
	if len(raw) > fileBytesMax {
		return File{}, pay.NewError(pay.CodeConfig, fmt.Sprintf("%s has more than %d bytes", text.Printable(path), fileBytesMax), "look whether it is the file that you mean")
	}
	return Parse(path, string(raw))
}

// Parse reads what stands in the file of a path. Its error is a *pay.Error with CodeConfig
// that names file, line and key.
func Parse(path, content string) (File, error) {
	file := File{Path: path}
	var table map[string]any
	if _, err := toml.Decode(content, &table); err != nil {
		at := Setting{}
		why := err.Error()
		if p, ok := errors.AsType[toml.ParseError](err); ok {
			at.Line, at.Key, why = p.Position.Line, p.LastKey, p.Message
		}
		return File{}, file.Fault(at, why, "it is TOML: a line is like near = -62 or radio = \"bluez:hci0\"")
	}
	for key, value := range table {
		file.Settings = append(file.Settings, Setting{key, lineOf(content, key), value})
	}
	slices.SortFunc(file.Settings, func(a, b Setting) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), strings.Compare(a.Key, b.Key))
	})
	for _, s := range file.Settings {
		if err := file.checkSecret(s); err != nil {
			return File{}, err
		}
	}
	return file, nil
}

// lineOf returns the line on which a key of the top level stands, or begins a table, or 0:
// the library tells places of errors alone.
func lineOf(content, key string) int {
	name := regexp.QuoteMeta(key)
	start := regexp.MustCompile(`^\s*\[{0,2}\s*(?:` + name + `|"` + name + `"|'` + name + `')\s*[=.\]]`)
	n := 0
	for line := range strings.Lines(content) {
		n++
		if start.MatchString(line) {
			return n
		}
	}
	return 0
}

// Fault returns the error of a setting: a *pay.Error with CodeConfig whose object bears
// file, line and key.
func (f File) Fault(s Setting, why, hint string) error {
	return f.Refuse(s, pay.CodeConfig, why, hint)
}

// Refuse is Fault with another code.
func (f File) Refuse(s Setting, code pay.ErrorCode, why, hint string) error {
	at := text.Printable(f.Path)
	if s.Line > 0 {
		at += fmt.Sprintf(":%d", s.Line)
	}
	if s.Key != "" {
		at += ": " + text.Printable(s.Key)
	}
	err := api.WithExtra(pay.NewError(code, at+": "+text.Printable(why), hint), "file", f.Path)
	if s.Line > 0 {
		err = api.WithExtra(err, "line", s.Line)
	}
	if s.Key != "" {
		err = api.WithExtra(err, "key", s.Key)
	}
	return err
}

// scheme begins a URL.
var scheme = regexp.MustCompile(`^\s*[A-Za-z][A-Za-z0-9+.-]*://`)

// keyStore is the flag that names a store, as a URL or as libpq's pairs of key and value.
const keyStore = "store"

// checkSecret refuses a URL that holds a password, without repeating it.
func (f File) checkSecret(s Setting) error {
	url, ok := s.Value.(string)
	if !ok {
		return nil
	}
	start := scheme.FindStringIndex(url)
	if start == nil && s.Key != keyStore {
		return nil
	}
	rest := url
	if start != nil {
		rest = url[start[1]:]
	}
	user, _, found := cutLast(rest, "@")
	if (!found || !strings.Contains(user, ":")) && !strings.Contains(strings.ToLower(rest), "password=") {
		return nil
	}
	return f.Fault(s, "the URL holds a password", "take it out; put it into the file that the variable PGPASSFILE names, or into a file with a flag of its own")
}

// cutLast is strings.Cut at the last separator.
func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}
