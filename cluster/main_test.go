package cluster

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

// TestMain runs a member instead of the tests when asked to (see
// process_test.go), and checks that no goroutine outlives the tests.
func TestMain(m *testing.M) {
	if os.Getenv(memberEnv) != "" {
		runMember()
		return
	}
	goleak.VerifyTestMain(m)
}
