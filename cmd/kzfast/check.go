package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kzfast/kzfast/gateway"
)

func newCheck() *cobra.Command {
	var flags configFlags
	var resolve bool
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check configurations: each alone, and several members against one another",
		Long: `Check configurations: each alone, several members against one another, and each
against this host: that its names resolve, its interfaces exist and its
addresses are local, which a gateway refuses to start without.

A file may be that of another machine, so what is found about this host is a
warning that says so, and the exit status stays 0. With --resolve these
findings are errors; use it for a member's own file on its own machine. Of
several files it then also says where the names of balancers lead.

Exit status: 0 without errors, 255 with errors, 2 for a bad command line.`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			o, err := flags.options()
			if err != nil {
				return err
			}
			faults := gateway.Check(files, o, resolve)
			for _, d := range faults {
				fmt.Fprintln(cmd.OutOrStdout(), d)
			}
			errs, warnings := len(faults.Errors()), len(faults.Warnings())
			fmt.Fprintf(cmd.OutOrStdout(), "%d file(s): %d error(s), %d warning(s)\n", len(files), errs, warnings)
			if errs > 0 {
				return errReported
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&resolve, "resolve", false, "names, interfaces and addresses that this host lacks are errors")
	flags.add(cmd)
	return cmd
}
