package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kzfast/kzfast/gateway"
)

func newCheck() *cobra.Command {
	var flags configFlags
	cmd := &cobra.Command{
		Use:   "check FILE...",
		Short: "Check configurations: each alone, and several members against one another",
		Args:  cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			o, err := flags.options()
			if err != nil {
				return err
			}
			faults := gateway.Check(files, o)
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
	flags.add(cmd)
	return cmd
}
