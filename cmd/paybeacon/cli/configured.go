package cli

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	urfave "github.com/urfave/cli/v2"

	"github.com/paybeacon/paybeacon/cmd/paybeacon/api"
	"github.com/paybeacon/paybeacon/cmd/paybeacon/config"
	"github.com/paybeacon/paybeacon/pay"
)

// ConfigFile is the name of the file in a data directory in which a daemon's flags stand.
const ConfigFile = "config.toml"

const configFlag = "config"

// configured is a daemon's flags as its file of settings has them.
type configured struct {
	file config.File
	// set are the keys that count: those that neither the command line nor the
	// environment sets.
	set []string
}

// FromFile reports whether a flag's value comes from the file of settings.
func (c *Call) FromFile(name string) bool { return slices.Contains(c.settings.set, name) }

// configure sets the flags of a daemon from its file: that of --config, else config.toml in
// its data directory, if there is one. What is set already stays. words are the daemon's.
// Its errors are *pay.Error: with CodeConfig, or CodeNotAvailable for a flag that is
// settled and not there yet.
func configure(c *urfave.Context, words string, flags []urfave.Flag) (configured, error) {
	path, named := c.String(configFlag), c.IsSet(configFlag)
	if !named {
		if c.String("data") == "" {
			return configured{}, nil
		}
		path = filepath.Join(c.String("data"), ConfigFile)
	}
	file, err := config.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && !named:
		return configured{}, nil
	case err != nil:
		return configured{}, err
	}
	out := configured{file: file}
	for _, s := range file.Settings {
		f, err := flagOfSetting(file, s, words, flags)
		if err != nil {
			return configured{}, err
		}
		if s.Key == "data" && !named {
			return configured{}, file.Fault(s, "the directory cannot say where it is", "give --data, or name the file with --config")
		}
		values, err := textsOf(f, s)
		if err == nil {
			err = setAll(c, f, s.Key, values, &out)
		}
		if err != nil {
			return configured{}, file.Fault(s, err.Error(), "write it like "+exampleOf(f, s.Key))
		}
	}
	return out, nil
}

// flagOfSetting returns the flag that a setting is for.
func flagOfSetting(file config.File, s config.Setting, words string, flags []urfave.Flag) (urfave.Flag, error) {
	i := slices.IndexFunc(flags, func(f urfave.Flag) bool { return slices.Contains(f.Names(), s.Key) })
	switch {
	case i >= 0 && s.Key != configFlag:
		return flags[i], nil
	case slices.Contains(laterFlags[words], s.Key):
		return nil, file.Refuse(s, pay.CodeNotAvailable, "`paybeacon "+words+" --"+s.Key+"` is not available in this version", "it is to come in a later one; take the line out")
	default:
		return nil, file.Fault(s, "`paybeacon "+words+"` has no such setting", "its flags are the settings: `paybeacon "+words+" --help` lists them")
	}
}

// textsOf returns the texts that a setting sets a flag to. Its error is that of a value of
// another type.
func textsOf(f urfave.Flag, s config.Setting) ([]string, error) {
	switch f.(type) {
	case *urfave.BoolFlag:
		if v, ok := s.Value.(bool); ok {
			return []string{strconv.FormatBool(v)}, nil
		}
		return nil, errors.New("it is true or false")
	case *urfave.IntFlag, *urfave.Int64Flag:
		if v, ok := s.Value.(int64); ok {
			return []string{strconv.FormatInt(v, 10)}, nil
		}
		return nil, errors.New("it is a whole number")
	case *urfave.GenericFlag:
		list, ok := s.Value.([]any)
		if !ok {
			list = []any{s.Value}
		}
		var out []string
		for _, v := range list {
			one, ok := v.(string)
			if !ok {
				return nil, errors.New("it is a list of texts")
			}
			out = append(out, one)
		}
		return out, nil
	case *urfave.DurationFlag:
		if v, ok := s.Value.(string); ok {
			return []string{v}, nil
		}
		return nil, errors.New("it is a duration: a text with its unit")
	default:
		if v, ok := s.Value.(string); ok {
			return []string{v}, nil
		}
		return nil, errors.New("it is a text")
	}
}

// setAll sets a flag, unless the command line or the environment has. A value that is not
// set is looked at all the same: a mistake does not wait until the flag is left out.
func setAll(c *urfave.Context, f urfave.Flag, name string, values []string, out *configured) error {
	set := c.IsSet(name)
	for _, v := range values {
		if err := checkValue(f, name, v); err != nil {
			return err
		}
		if set {
			continue
		}
		if err := c.Set(name, v); err != nil {
			return errors.New("it cannot be read")
		}
	}
	if !set && len(values) > 0 {
		out.set = append(out.set, name)
	}
	return nil
}

// exampleOf shows how a setting is written.
func exampleOf(f urfave.Flag, key string) string {
	switch f := f.(type) {
	case *urfave.BoolFlag:
		return key + " = true"
	case *urfave.IntFlag:
		return fmt.Sprintf("%s = %d", key, f.Value)
	case *urfave.Int64Flag:
		return fmt.Sprintf("%s = %d", key, f.Value)
	case *urfave.DurationFlag:
		return fmt.Sprintf("%s = %q", key, f.Value.String())
	case *urfave.GenericFlag:
		return key + ` = ["one", "another"]`
	case *urfave.StringFlag:
		return fmt.Sprintf("%s = %q", key, f.Value)
	default:
		return key + ` = "text"`
	}
}

// blame says of an error of the flags which line of the file it is about, if any: an error
// that names a flag which the file has set.
func (s configured) blame(err error) error {
	if err == nil || pay.ExitOf(pay.CodeOf(err)) != pay.ExitUsage {
		return err
	}
	said := api.Describe(err)
	for _, setting := range s.file.Settings {
		if !slices.Contains(s.set, setting.Key) {
			continue
		}
		value, _ := setting.Value.(string)
		word := regexp.MustCompile(`(^|[^a-z-])(--)?` + regexp.QuoteMeta(setting.Key) + `($|[^a-z-])`)
		if word.MatchString(said.Message) || len(value) > 1 && strings.Contains(said.Message, value) {
			return s.file.Fault(setting, said.Message, strings.ReplaceAll(said.Hint, "--"+setting.Key+" ", setting.Key+" = "))
		}
	}
	return err
}

// CheckConfig reads the file of settings of a daemon as the daemon would with no flag but
// --data and --config of this call, and returns the file with the keys that were read. Its
// errors are those with which the daemon would refuse to start; where there is no file, a
// *pay.Error with CodeNotFound.
func (c *Call) CheckConfig(daemon Leaf) (config.File, error) {
	set := flag.NewFlagSet(daemon.Daemon, flag.ContinueOnError)
	flags := daemon.flags()
	for _, f := range flags {
		if err := f.Apply(set); err != nil {
			return config.File{}, pay.Wrap(err, pay.CodeConfig, "read the environment", "look at the variables that begin with PAYBEACON")
		}
	}
	as := urfave.NewContext(c.Flags.App, set, nil)
	for _, name := range []string{"data", configFlag} {
		if c.Flags.IsSet(name) {
			if err := as.Set(name, c.Flags.String(name)); err != nil {
				return config.File{}, pay.Wrap(err, pay.CodeUsage, "read --"+name, "write a path")
			}
		}
	}
	s, err := configure(as, daemon.Daemon, flags)
	if err != nil {
		return s.file, err
	}
	if s.file.Path == "" {
		return s.file, pay.NewError(pay.CodeNotFound, "there is no "+filepath.Join(c.Data(), ConfigFile), "without one the daemon has the flags that it is given, and defaults")
	}
	return s.file, s.blame(daemon.CheckFlags(&Call{Ctx: c.Ctx, Flags: as, Stdio: c.Stdio, settings: s}))
}
