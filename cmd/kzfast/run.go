package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
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

// featureGate begins what switched the predecessor's features on and does
// nothing here (spec/config.md §1).
const featureGate = "feature."

func (f *configFlags) options() (gateway.LoadOptions, error) {
	o := gateway.LoadOptions{Define: make(map[string]string), GatewayOpts: os.Getenv("GATEWAY_OPTS"), Strict: f.strict}
	for _, d := range f.defines {
		name, value, ok := strings.Cut(d, "=")
		if !ok && strings.HasPrefix(name, featureGate) {
			continue
		}
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
			log, flush, err := newLogger(cmd.OutOrStdout(), format, verbose)
			if err != nil {
				return err
			}
			defer flush()
			if profiles != "" {
				close, err := serveProfiles(profiles, log)
				if err != nil {
					return err
				}
				defer close()
			}
			return run(cmd.Context(), file, o, log, flush)
		},
	}
	cmd.Flags().StringVar(&file, "config", "", "configuration `file` of this member")
	cmd.Flags().StringVar(&format, "log", "text", "log `format`: text or json")
	cmd.Flags().StringVar(&profiles, "pprof", "", "serve Go profiles on a loopback `address` or unix:PATH")
	cmd.Flags().BoolVar(&verbose, "verbose", false, "log debug messages")
	flags.add(cmd)
	return cmd
}

// run loads, starts and serves until a signal: the first SIGTERM or SIGINT
// drains, a second cuts. flush writes and ends the log; what is said to the
// standard error comes after it.
func run(ctx context.Context, file string, o gateway.LoadOptions, log *slog.Logger, flush func()) error {
	signals, end := watchSignals(log)
	defer end()
	cfg, faults := gateway.Load(file, o)
	var said strings.Builder
	for _, d := range faults {
		fmt.Fprintln(&said, d)
	}
	if cfg == nil {
		flush()
		lastWords(said.String() + "Gateway failed to launch\n")
		return errReported
	}
	lastWords(said.String())

	limitMemory(log)
	g, err := gateway.New(cfg, gateway.Options{Logger: log, Version: version})
	if err == nil {
		err = g.Start(ctx)
	}
	if err != nil {
		log.Error("Error starting Gateway: caught exception " + err.Error())
		flush()
		lastWords(fmt.Sprintf("kzfast: %v\nGateway failed to launch\n", err))
		return errReported
	}
	<-signals

	drain, cut := context.WithCancel(ctx)
	go cutBy(signals, drain, cut)
	g.Drain(drain)
	cut()
	stop, cancel := context.WithTimeout(ctx, stopTimeout)
	defer cancel()
	if err := g.Stop(stop); err != nil {
		log.Error("stop incomplete", "err", err)
		return errReported
	}
	return nil
}

// cutBy calls cut at a signal; it ends with drain.
func cutBy(signals <-chan os.Signal, drain context.Context, cut func()) {
	select {
	case <-signals:
		cut()
	case <-drain.Done():
	}
}

// stopTimeout bounds the end of a gateway after its drain.
const stopTimeout = 5 * time.Second
