// Package face is the program as a person at a terminal meets it: the commands
// that run the nodes and those that ask them, and the words in which answers are
// printed.
//
// One file holds one command or one group of commands. A command turns flags
// into a request, puts it to a node through package node, and prints the answer
// as JSON or in words. Nothing here decides about money.
package face
