// Package survey holds the commands that look at the air and need no node:
// the radios of a machine, a live table of what is heard, a recording of it, and
// the calibration of a lane.
//
// # Layout
//
//	radios.go         the adapters of this machine
//	watch.go          what is heard, once a second or on a screen
//	watch_view.go     the table as text, without a terminal
//	watch_screen.go   the table on a terminal
//	record.go         a capture to be played with --radio replay:FILE
//	calibrate.go      --near and --far for a lane, by tapping
//	calibrate_talk.go what is said to the person who taps
//	capture.go        what of a recorded capture could not be played
//	listen.go         the flags that all of them read
package survey
