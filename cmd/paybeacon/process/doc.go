// Package process holds what a node takes from the process that it runs in: its clock, how
// long the machine has run, its log, how much memory it may have, and the seams by which
// tests reach into it.
//
// # The idea
//
// A node reads no environment and no clock of its own; it is given an Env. A daemon's Env
// comes from its environment (EnvOf); a test or a simulator makes its own, and many nodes
// of different clocks run in one process then. Two variables change what a process
// believes, and both shift and restart nothing else: ClockEnv the wall clock, BootEnv the
// name of the boot.
//
// # Seams
//
// With the build tag crashpoints, an environment may end the process at a named point, write
// down each frame, or let deadlines fail. A program built without the tag has no seams
// (crash_off.go), and refuses to run where one is asked for: it does not silently leave
// out what a test relies on.
//
// # Guarantees
//
// What cannot be understood of the environment is an error before a node opens. Files that
// the process makes from then on are the owner's alone.
package process
