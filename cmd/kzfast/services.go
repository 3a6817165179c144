package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/kzfast/kzfast/gateway"
)

func newServices() *cobra.Command {
	return &cobra.Command{
		Use:   "services",
		Short: "Print what a configuration may name, and what becomes of it",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			fmt.Fprint(cmd.OutOrStdout(), gateway.ServiceTable())
		},
	}
}
