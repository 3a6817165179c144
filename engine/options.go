//go:build darwin || dragonfly || freebsd || linux || openbsd

package engine

import (
	"fmt"
	"log/slog"
	"math"
	"runtime"
	"runtime/debug"
	"time"

	"golang.org/x/sys/unix"
)

// Options sets up an [Engine]. The zero value works.
type Options struct {
	// Loops is the number of event loops; 0 means runtime.GOMAXPROCS(0).
	Loops int
	// ReadBuffer is the size in bytes of each loop's shared read buffer, the
	// most that one Data call can carry; 0 means 64 KiB.
	ReadBuffer int
	// HighWater is the number of queued bytes above which [Conn.Over] reports
	// true; 0 means 64 KiB.
	HighWater int
	// LowWater is the number of queued bytes at which [Handler.Drained] is
	// called after Over was true; 0 means half of HighWater.
	LowWater int
	// Limit is the number of queued bytes above which a conn is reset with
	// [ErrSlowConsumer]; 0 means 16 MiB.
	Limit int
	// MaxPending bounds the queued bytes of all conns together; the conn whose
	// write would pass it is reset with [ErrMaxPending]. 0 means a quarter of
	// the memory this process may use (GOMEMLIMIT, control group, machine).
	MaxPending int64
	// MaxConns is the number of conns above which accepted ones are refused;
	// detached ones count until they are closed. 0 means 80 % of RLIMIT_NOFILE.
	MaxConns int
	// Backlog is the length of the listen queue; 0 means the kernel's somaxconn.
	Backlog int
	// CloseTimeout is how long [Conn.Close] waits while the peer takes nothing,
	// and again for the peer's FIN; 0 means 5 s.
	CloseTimeout time.Duration
	// StallTimeout is how long the peer may leave sent bytes unacknowledged or
	// its window shut before the kernel drops the connection (TCP_USER_TIMEOUT,
	// Linux only); 0 means 30 s, negative leaves it to the kernel's retries.
	StallTimeout time.Duration
	// KeepAlive is the idle time before the kernel probes the peer, a quarter of it
	// being the interval of 4 probes; 0 means 60 s, negative turns probes off.
	KeepAlive time.Duration
	// Logger receives the engine's few log lines; nil means slog.Default().
	Logger *slog.Logger
}

const (
	defaultReadBuffer = 64 << 10
	defaultHighWater  = 64 << 10
	defaultLimit      = 16 << 20
	keepAliveProbes   = 4
)

func (o Options) withDefaults(files uint64) (Options, error) {
	for _, v := range []struct {
		name string
		n    int64
	}{
		{"Loops", int64(o.Loops)}, {"ReadBuffer", int64(o.ReadBuffer)}, {"HighWater", int64(o.HighWater)},
		{"LowWater", int64(o.LowWater)}, {"Limit", int64(o.Limit)}, {"MaxPending", o.MaxPending},
		{"MaxConns", int64(o.MaxConns)}, {"Backlog", int64(o.Backlog)}, {"CloseTimeout", int64(o.CloseTimeout)},
	} {
		if v.n < 0 {
			return o, fmt.Errorf("engine: option %s is %d, below 0", v.name, v.n)
		}
	}
	setDefault(&o.Loops, runtime.GOMAXPROCS(0))
	setDefault(&o.ReadBuffer, defaultReadBuffer)
	setDefault(&o.HighWater, defaultHighWater)
	setDefault(&o.LowWater, o.HighWater/2)
	setDefault(&o.Limit, defaultLimit)
	setDefault(&o.MaxPending, memoryLimit()/4)
	setDefault(&o.MaxConns, int(min(files/10*8, math.MaxInt32)))
	setDefault(&o.Backlog, somaxconn())
	setDefault(&o.CloseTimeout, 5*time.Second)
	setDefault(&o.StallTimeout, 30*time.Second)
	setDefault(&o.KeepAlive, time.Minute)
	if o.LowWater > o.HighWater {
		return o, fmt.Errorf("engine: option LowWater is %d, above HighWater %d", o.LowWater, o.HighWater)
	}
	if o.Logger == nil {
		o.Logger = slog.Default()
	}
	o.Limit = min(o.Limit, math.MaxInt32)
	return o, nil
}

func setDefault[T comparable](p *T, v T) {
	var zero T
	if *p == zero {
		*p = v
	}
}

// fileLimits answers the soft and hard RLIMIT_NOFILE.
func fileLimits() (soft, hard uint64) {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil {
		return 1024, 1024
	}
	return uint64(r.Cur), max(uint64(r.Max), uint64(r.Cur))
}

// memoryLimit answers the bytes this process may use.
func memoryLimit() int64 {
	n := systemMemory()
	if g := debug.SetMemoryLimit(-1); g < n {
		n = g
	}
	return n
}
