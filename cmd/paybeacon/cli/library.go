package cli

import urfave "github.com/urfave/cli/v2"

// The library's own words for a command and its flags. Whoever writes a command
// takes them from here, so that the library has one door.
type (
	// Command is a command with its flags and the commands below it.
	Command = urfave.Command
	// Flag is any flag.
	Flag = urfave.Flag
	// RequiredFlag is a flag that reports whether it is required.
	RequiredFlag = urfave.RequiredFlag
	// StringFlag takes a text.
	StringFlag = urfave.StringFlag
	// BoolFlag is a switch.
	BoolFlag = urfave.BoolFlag
	// IntFlag takes a whole number.
	IntFlag = urfave.IntFlag
	// Int64Flag takes a large whole number.
	Int64Flag = urfave.Int64Flag
	// DurationFlag takes a duration such as 1m30s.
	DurationFlag = urfave.DurationFlag
)
