package main

import (
	"flag"
	"strings"

	"github.com/google/pprof/driver"
	"github.com/spf13/cobra"
)

func newProfile() *cobra.Command {
	return &cobra.Command{
		Use:   "profile [pprof flags] SOURCE",
		Short: "Show where a running gateway spends its time, by the pprof library",
		Long: `Show a profile of a gateway that was started with --pprof ADDR. SOURCE is a
profile's URL or file; the flags are those of 'go tool pprof':

  kzfast profile -top -seconds=10 http://127.0.0.1:6060/debug/pprof/profile
  kzfast profile -http=127.0.0.1:6061 http://127.0.0.1:6060/debug/pprof/heap`,
		DisableFlagParsing: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 || args[len(args)-1] == "--help" || args[len(args)-1] == "-h" {
				return cmd.Help()
			}
			return driver.PProf(&driver.Options{Flagset: newPprofFlags(args)})
		},
	}
}

// pprofFlags lets the pprof library read its flags from our arguments.
type pprofFlags struct {
	*flag.FlagSet
	args []string
}

func newPprofFlags(args []string) *pprofFlags {
	f := &pprofFlags{FlagSet: flag.NewFlagSet("profile", flag.ContinueOnError)}
	for _, a := range args {
		f.args = append(f.args, strings.Replace(a, "--", "-", 1))
	}
	return f
}

// StringList implements [driver.FlagSet].
func (f *pprofFlags) StringList(name, value, usage string) *[]*string {
	return &[]*string{f.String(name, value, usage)}
}

// ExtraUsage implements [driver.FlagSet].
func (f *pprofFlags) ExtraUsage() string { return "" }

// AddExtraUsage implements [driver.FlagSet].
func (f *pprofFlags) AddExtraUsage(string) {}

// Parse implements [driver.FlagSet].
func (f *pprofFlags) Parse(usage func()) []string {
	f.Usage = usage
	if err := f.FlagSet.Parse(f.args); err != nil {
		return nil
	}
	return f.Args()
}
