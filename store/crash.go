package store

// The points at which a test may end the process.
const (
	beforeCommit = "store.before-commit"
	afterCommit  = "store.after-commit"
)

// CrashPoints returns the names that Options.At is called with: before a batch
// is handed to the engine, and after it is durable but before anybody has been
// told.
func CrashPoints() []string { return []string{beforeCommit, afterCommit} }
