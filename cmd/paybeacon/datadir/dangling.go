package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/text"
	"github.com/paybeacon/paybeacon/pay"
)

// LeadsSomewhere returns a *pay.Error with CodeConfig for a link that leads nowhere,
// such as one into a disk that is not mounted, and nil for anything else: what such a
// link names is not missing, and must not be made anew.
func LeadsSomewhere(path string) error {
	at, err := os.Lstat(path)
	if err != nil || at.Mode()&fs.ModeSymlink == 0 {
		return nil //nolint:nilerr // whoever opens it tells
	}
	if _, err = os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	to, err := os.Readlink(path)
	if err != nil {
		to = "what is not there"
	}
	return pay.NewError(pay.CodeConfig, fmt.Sprintf("%s is a link to %s, which is not there", text.Printable(path), text.Printable(to)),
		"mount or restore what it leads to, or remove the link")
}

// LeadsSomewhere is the function of that name for a file of the directory: its error is
// a *pay.Error with CodeConfig where the file is a link that leads nowhere.
func (d Dir) LeadsSomewhere(name string) error { return LeadsSomewhere(d.Path(name)) }

// read returns the content of a file of the directory. Its error wraps fs.ErrNotExist
// where there is none, and is a *pay.Error for a link that leads nowhere.
func (d Dir) read(name string) ([]byte, error) {
	if err := d.LeadsSomewhere(name); err != nil {
		return nil, err
	}
	return os.ReadFile(d.Path(name))
}

// cannotRead returns the error of a file that could not be read: err itself where it
// brings its code and hint along, else a *pay.Error with CodeConfig.
func cannotRead(err error, what, hint string) error {
	var known *pay.Error
	if errors.As(err, &known) {
		return err
	}
	return pay.Wrap(err, pay.CodeConfig, what, hint)
}
