//go:build linux

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// scratchPrefix begins the name of every folder of a run, and is followed by
// the process id of the test binary.
const scratchPrefix = "kzfast-e2e-"

func TestMain(m *testing.M) { os.Exit(runTests(m)) }

func runTests(m *testing.M) int {
	sweepFolders()
	sweepNamespaces()
	dir, err := os.MkdirTemp("", fmt.Sprintf("%s%d-", scratchPrefix, os.Getpid()))
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	scratch = dir
	return m.Run()
}

// scratch is the folder of this run.
var scratch string

// kzfast answers the path of the binary under test.
func kzfast(t testing.TB) string {
	t.Helper()
	path, err := builtBinary()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

var builtBinary = sync.OnceValues(func() (string, error) {
	if path := os.Getenv("KZFAST_BIN"); path != "" {
		return filepath.Abs(path)
	}
	path := filepath.Join(scratch, "kzfast")
	out, err := exec.Command("go", "build", "-o", path, "../cmd/kzfast").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build: %w\n%s", err, out)
	}
	return path, nil
})

// sweepFolders removes what runs that were cut short have left.
func sweepFolders() {
	left, _ := filepath.Glob(filepath.Join(os.TempDir(), scratchPrefix+"*"))
	for _, dir := range left {
		if owner, ok := ownerOf(filepath.Base(dir), scratchPrefix); ok && !alive(owner) {
			os.RemoveAll(dir)
		}
	}
}

// ownerOf reads the process id in a name like PREFIX123-rest.
func ownerOf(name, prefix string) (pid int, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return 0, false
	}
	digits, _, _ := strings.Cut(rest, "-")
	pid, err := strconv.Atoi(digits)
	return pid, err == nil
}

func alive(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }
