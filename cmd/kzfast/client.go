package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/kzfast/kzfast/client"
)

// clientFlags are what a person asks of 'kzfast client'.
type clientFlags struct {
	message string
	count   int
	rate    float64
	quiet   bool
	json    bool
	inBand  bool
	origin  string
	timeout time.Duration
}

// closeNormal is the close code of a purpose fulfilled (RFC 6455 §7.4.1).
const closeNormal = 1000

func newClient() *cobra.Command {
	var f clientFlags
	cmd := &cobra.Command{
		Use:   "client URI",
		Short: "Connect, say which member answers, echo lines, come back after a failure",
		Long: `Connect to a WebSocket URI, through a balancer or not, and say which member
answers. Without --message and --count each line of the standard input is sent
and what arrives is printed. With them, messages are sent and must come back;
those a lost member owes are sent again. Messages go to the standard output,
all else to the standard error.

Exit status 0 when all came back, 255 when not.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := f.complete(cmd.Flags().Changed("message")); err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(cmd.Context(), syscall.SIGINT, syscall.SIGTERM)
			defer stop()
			return runClient(ctx, args[0], f, cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr())
		},
	}
	p := cmd.Flags()
	p.StringVarP(&f.message, "message", "m", "", "`text` to send; numbered messages when there is only a count")
	p.IntVarP(&f.count, "count", "n", 0, "`number` of messages to send (1 with --message)")
	p.Float64VarP(&f.rate, "rate", "r", 0, "messages per `second`; 0 sends each when the one before is back")
	p.BoolVarP(&f.quiet, "quiet", "q", false, "do not print what arrives")
	p.BoolVar(&f.json, "json", false, "print everything as JSON, one object per line, to the standard output")
	p.BoolVar(&f.inBand, "in-band", true, "be redirected inside the socket as browsers are; false follows 302")
	p.StringVar(&f.origin, "origin", "", "`origin` to send")
	p.DurationVar(&f.timeout, "timeout", 30*time.Second, "give up when nothing comes back, or the input finds no connection, for this `time`")
	return cmd
}

func (f *clientFlags) complete(message bool) error {
	switch {
	case f.count < 0:
		return errors.New("--count: want 1 or more")
	case f.rate < 0 || f.rate > 1e6:
		return errors.New("--rate: want 0 to 1000000")
	case f.timeout <= 0:
		return errors.New("--timeout: want more than 0")
	case f.rate > 0 && f.count == 0:
		return errors.New("--rate needs --count")
	case message && f.count == 0:
		f.count = 1
	}
	return nil
}

// runClient talks until everything is back, the input ends, or ctx.
func runClient(ctx context.Context, uri string, f clientFlags, in io.Reader, out, errOut io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	t := newTalk(f, newReporter(f.json, out, errOut))
	states, messages := make(chan client.State), make(chan client.Message)
	c, err := client.New(uri, client.Options{InBand: f.inBand, Origin: f.origin, CloseTimeout: time.Second}, client.Handlers{
		State:   func(s client.State) { pass(ctx, states, s) },
		Message: func(m client.Message) { pass(ctx, messages, m) },
	})
	if err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Run(ctx) }()
	var lines chan string
	if f.count == 0 {
		lines = make(chan string)
		// A read of the standard input cannot be broken off: the goroutine may
		// outlive this function, and ends with the process.
		go readLines(ctx, in, lines)
	}
	err = t.loop(ctx, lines, states, messages, ended)
	c.Close(closeNormal, "")
	cancel()
	t.r.summary(t)
	return err
}

func pass[T any](ctx context.Context, to chan<- T, v T) {
	select {
	case to <- v:
	case <-ctx.Done():
	}
}

func readLines(ctx context.Context, in io.Reader, lines chan<- string) {
	defer close(lines)
	s := bufio.NewScanner(in)
	s.Buffer(nil, 16<<20)
	for s.Scan() {
		pass(ctx, lines, s.Text())
	}
	if err := s.Err(); err != nil {
		fmt.Fprintln(os.Stderr, "kzfast client: standard input:", err)
	}
}
