// Package stage runs nodes as separate processes of one program, and puts a
// thief into the air between them. The demo plays on it, and so do the tests of
// whole processes, which is why it is a package of its own and no test file.
package stage
