package main

import (
	"log/slog"
	"os"
	"os/signal"
	"runtime/pprof"
	"sync/atomic"
	"syscall"
)

// watchSignals takes the signals of a running gateway. Those that end it come
// from stop; the others are seen to until end is called. An output whose
// reader has gone ends nothing.
func watchSignals(log *slog.Logger) (stop <-chan os.Signal, end func()) {
	stops, others := make(chan os.Signal, 2), make(chan os.Signal, 4)
	signal.Notify(stops, syscall.SIGTERM, syscall.SIGINT)
	signal.Notify(others, syscall.SIGHUP, syscall.SIGQUIT)
	signal.Ignore(syscall.SIGPIPE)
	ended := make(chan struct{})
	go attend(others, log, ended)
	return stops, func() {
		signal.Stop(stops)
		signal.Stop(others)
		close(others)
		<-ended
	}
}

// attend answers signals that end nothing (spec/cluster-management.md §4.4).
func attend(signals <-chan os.Signal, log *slog.Logger, ended chan<- struct{}) {
	defer close(ended)
	var dumping atomic.Bool
	for s := range signals {
		switch {
		case s == syscall.SIGHUP:
			log.Warn("reload not possible in this version", "signal", "SIGHUP", "reason", "the configuration read at the start stays in use")
		case dumping.CompareAndSwap(false, true):
			log.Info("goroutine dump begun", "signal", "SIGQUIT")
			go dumpGoroutines(&dumping)
		}
	}
}

// dumpGoroutines writes every goroutine's stack to the standard error. Nobody
// waits for it: an output that stalls holds it until the process ends.
func dumpGoroutines(dumping *atomic.Bool) {
	defer dumping.Store(false)
	pprof.Lookup("goroutine").WriteTo(os.Stderr, 2)
}
