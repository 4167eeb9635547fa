// Package doctor looks at a radio and at a node and lists what it found, one
// finding after another, each with what to do about it. It changes nothing.
//
// # Layout
//
//	doctor.go   the command, the findings and the last line
//	node.go     a data directory, its daemon and the connection to the registry
//	radio.go    kernel, BlueZ, adapters, and what is heard
package doctor
