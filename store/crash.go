package store

// The points at which a test may end the process.
const (
	beforeCommit = "store.before-commit"
	afterCommit  = "store.after-commit"
	effectDone   = "store.effect-done"
)

// CrashPoints returns the names that Options.At is called with: before a batch
// is handed to the engine, and after it is durable but before any command gets
// its outcome.
func CrashPoints() []string { return []string{beforeCommit, afterCommit} }

// CarryCrashPoints returns the further names that Carry calls Options.At with:
// after an effect was carried out, before its result is stored.
func CarryCrashPoints() []string { return []string{effectDone} }
