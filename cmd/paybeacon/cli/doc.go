// Package cli is the frame that every command of the program stands in: a leaf
// of the tree of commands, one call of it, the flags that several of them share,
// and the exit statuses.
//
// # Layout
//
//	app.go       Leaf, Call, the guard against swallowed flags, answers
//	configured.go the flags of a daemon that stand in its file of settings
//	guard.go     arguments that the flag parser would take for something else
//	output.go    standard output: what could not be written is told
//	flags.go     flags that more than one command has
//	exit.go      an error becomes words, a JSON object and an exit status
//	library.go   the types of the library that parses flags
//
// # Guarantees
//
// Standard output bears the answer and nothing else, standard error the talk.
// Every leaf takes --json, but for the few whose answer is text by nature, and
// refuses flags and arguments that it does not know. An answer that could not be
// written whole is never a success, and the error names what was done. The exit status is chosen in
// one place, Report.
package cli
