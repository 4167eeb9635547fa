package badgerkv_test

import (
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/paybeacon/paybeacon/store/badgerkv"
)

// childEnv is the environment variable with the name of the function that this
// test binary runs when a test starts it as a child process.
const childEnv = "BADGERKV_TEST_CHILD"

func TestMain(m *testing.M) {
	switch part := os.Getenv(childEnv); part {
	case "":
		goleak.VerifyTestMain(m)
	case "commit":
		exit(commitUntilKilled(os.Args[1], badgerkv.Gathering(badgerkv.Options{}, 100_000)))
	case "busy":
		exit(commitUntilKilled(os.Args[1], badgerkv.Options{Busy: true}))
	case "idle":
		exit(tellIdle(os.Args[1], badgerkv.Options{}))
	case "idle busy":
		exit(tellIdle(os.Args[1], badgerkv.Options{Busy: true}))
	case "fill":
		exit(fillDisk(os.Args[1]))
	default:
		exit(fmt.Errorf("no part %q", part))
	}
}

func exit(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}
