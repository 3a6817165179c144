package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kzfast/kzfast/gateway"
)

// configFlags are what says which configuration is meant.
type configFlags struct {
	defines []string
	strict  bool
}

func (f *configFlags) add(cmd *cobra.Command) {
	cmd.Flags().StringArrayVarP(&f.defines, "define", "D", nil, "set parameter `name=value` of the configuration; repeatable")
	cmd.Flags().BoolVar(&f.strict, "strict", false, "refuse service types that are otherwise tolerated")
}

func (f *configFlags) options() (gateway.LoadOptions, error) {
	o := gateway.LoadOptions{Define: make(map[string]string), GatewayOpts: os.Getenv("GATEWAY_OPTS"), Strict: f.strict}
	for _, d := range f.defines {
		name, value, ok := strings.Cut(d, "=")
		if !ok || name == "" {
			return o, fmt.Errorf("-D %s: want name=value", d)
		}
		o.Define[name] = value
	}
	return o, nil
}

func newRun() *cobra.Command {
	var file, format, profiles string
	var verbose bool
	var flags configFlags
	cmd := &cobra.Command{
		Use:   "kzfast -config member.xml",
		Short: "An event-loop WebSocket gateway and cluster",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if file == "" {
				return errors.New("no configuration: give -config FILE, or try 'kzfast demo'")
			}
			o, err := flags.options()
			if err != nil {
				return err
			}
			log, err := newLogger(cmd.OutOrStdout(), format, verbose)
			if err != nil {
				return err
			}
			if profiles != "" {
				close, err := serveProfiles(profiles, log)
				if err != nil {
					return err
				}
				defer close()
			}
			return run(cmd.Context(), file, o, log)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `file` of this member")
	cmd.Flags().StringVar(&format, "log", "text", "log `format`: text or json")
	cmd.Flags().StringVar(&profiles, "pprof", "", "serve Go profiles on a loopback `address` or unix:PATH")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log debug messages")
	flags.add(cmd)
	return cmd
}

func newLogger(out io.Writer, format string, verbose bool) (*slog.Logger, error) {
	level := slog.LevelInfo
	if verbose {
		level = slog.LevelDebug
	}
	switch format {
	case "text":
		return slog.New(newConsole(out, level)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(out, &slog.HandlerOptions{Level: level})), nil
	}
	return nil, fmt.Errorf("--log %s: want text or json", format)
}

// run loads, starts and serves until a signal: the first SIGTERM or SIGINT
// drains, a second cuts.
func run(ctx context.Context, file string, o gateway.LoadOptions, log *slog.Logger) error {
	cfg, faults := gateway.Load(file, o)
	for _, d := range faults {
		fmt.Fprintln(os.Stderr, d)
	}
	if cfg == nil {
		fmt.Fprintln(os.Stderr, "Gateway failed to launch")
		return errReported
	}
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT)
	defer signal.Stop(signals)

	limitMemory(log)
	g, err := gateway.New(cfg, gateway.Options{Logger: log, Version: version})
	if err == nil {
		err = g.Start(ctx)
	}
	if err != nil {
		log.Error("Error starting Gateway: caught exception " + err.Error())
		fmt.Fprintf(os.Stderr, "kzfast: %v\nGateway failed to launch\n", err)
		return errReported
	}
	<-signals

	drain, cut := context.WithCancel(ctx)
	go func() {
		<-signals
		cut()
	}()
	g.Drain(drain)
	cut()
	stop, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	return g.Stop(stop)
}

// stopTimeout bounds the end of a gateway after its drain.
const stopTimeout = 5 * time.Second
