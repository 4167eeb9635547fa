// Package config reads the file in which a daemon's flags stand, config.toml in its data
// directory or the file of --config, and says where in it something is wrong.
//
// # The file
//
// It is TOML 1.0 and flat: each key is a flag of the daemon, without the dashes.
//
//	radio = "bluez:hci0"
//	near = -62
//	dwell = "1500ms"
//	acquirer = ["sim", "stripe"]
//
// A text, a switch, a whole number stand as TOML has them, a duration as a text with its
// unit, a flag that may be given several times as a list. A path means what it means on the
// command line.
//
// # The idea
//
// The package knows TOML and no flag: a File is a list of settings with their lines. Which
// flag a setting sets, and that a flag on the command line or in the environment counts for
// more, is the frame's of commands (package cli). What is wrong is a *pay.Error with
// CodeConfig that names file, line and key, in words and as fields of its object.
//
// # Guarantees
//
// A file is read whole or refused. A URL that holds a password is refused without being
// repeated: the file is copied, shown and kept in backups, and a password is in none of
// that when it stands in a file of its own.
package config
