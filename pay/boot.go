package pay

// BootID names one run of a machine, from its start until it is switched off or
// restarted. "" means that nobody knows which run it is.
type BootID string

// Boot is one reading of how long a run of the machine has lasted. Up counts
// while the machine sleeps, and setting the wall clock does not move it.
type Boot struct {
	ID BootID
	Up Millis
}
