package main

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/kzfast/kzfast/demo"
	"github.com/kzfast/kzfast/gateway"
)

func newDemo() *cobra.Command {
	o := demo.Options{Version: version, In: os.Stdin}
	var script string
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a two-member cluster on this machine, and kill it at will",
		Long: `Run two members on this machine that find each other by multicast and share
ws://localhost:8001/echo, with a page at http://localhost:8001/ and clients that
never stop echoing. Keys kill (1, 2), drain (d) and restart (r) members.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if o.Script, err = demo.ParseScript(script); err != nil {
				return err
			}
			if o.Clients < 0 {
				return errors.New("--clients: want 0 or more")
			}
			if o.Executable, err = os.Executable(); err != nil {
				return err
			}
			o.Samples, o.Out = gateway.Samples(), cmd.OutOrStdout()
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
			defer stop()
			if err := demo.Run(ctx, o); err != nil {
				fmt.Fprintf(os.Stderr, "kzfast demo: %v\n", err)
				return errReported
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.Clients, "clients", 20, "`number` of demo clients")
	f.DurationVar(&o.Interval, "interval", 0, "`pause` between two echoes of a client (default 250ms)")
	f.DurationVar(&o.Duration, "for", 0, "end after this `time`; 0 never")
	f.StringVar(&script, "script", "", "`steps` to take, each once the last has had its effect: 1, 2, r, d, d1, d2, s, q, or a pause such as 2s")
	f.BoolVar(&o.Verbose, "verbose", false, "show the members' logs")
	return cmd
}
