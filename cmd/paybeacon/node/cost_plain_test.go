//go:build !race

package node

// costRace reports whether the race detector is on.
const costRace = false
