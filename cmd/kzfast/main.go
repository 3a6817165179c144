// Command kzfast is an event-loop WebSocket gateway that makes a group of
// machines look like one always-available WebSocket endpoint.
//
//	kzfast -config member.xml       run a gateway
//	kzfast check FILE...            check configurations, alone and together
//	kzfast demo                     a two-member cluster on this machine
//	kzfast client URI               connect, reconnect, show who answers
//	kzfast profile SOURCE           where a gateway started with --pprof spends its time
//	kzfast services                 what a configuration may name, and what is served
//	kzfast version
//
// Exit status: 0 in order, 2 for a bad command line, 255 when a gateway could
// not be started or a configuration has errors.
package main

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/spf13/cobra"
)

const (
	exitUsage  = 2
	exitFailed = 255
)

// errReported ends the command with status 255 after it has said why.
var errReported = errors.New("reported")

func main() {
	root := newRoot()
	root.SetArgs(longFlags(os.Args[1:]))
	switch cmd, err := root.ExecuteC(); {
	case err == nil:
	case errors.Is(err, errReported):
		os.Exit(exitFailed)
	default:
		fmt.Fprintf(os.Stderr, "kzfast: %v\n\n%s", err, cmd.UsageString())
		os.Exit(exitUsage)
	}
}

// longFlags gives long flags that were written with one dash their second
// one, as the predecessor's users write -config; -D name=value stays.
func longFlags(args []string) []string {
	out := make([]string, 0, len(args))
	for i, a := range args {
		if a == "--" {
			return append(out, args[i:]...)
		}
		if len(a) > 2 && a[0] == '-' && a[1] != '-' && a[1] != 'D' {
			if name, _, _ := strings.Cut(a[1:], "="); len(name) > 1 {
				a = "-" + a
			}
		}
		out = append(out, a)
	}
	return out
}

func newRoot() *cobra.Command {
	root := newRun()
	root.SilenceErrors, root.SilenceUsage = true, true
	root.CompletionOptions.HiddenDefaultCmd = true
	root.AddCommand(newCheck(), newClient(), newDemo(), newProfile(), newServices(), newVersion())
	return root
}
