//go:build darwin || dragonfly || freebsd || openbsd

package engine

import (
	"math"

	"golang.org/x/sys/unix"
)

// systemMemory answers the machine's memory in bytes.
func systemMemory() int64 {
	for _, name := range []string{"hw.memsize", "hw.physmem"} {
		if n, err := unix.SysctlUint64(name); err == nil && n > 0 && n < math.MaxInt64 {
			return int64(n)
		}
	}
	return 4 << 30
}

// somaxconn answers the kernel's bound on listen queues.
func somaxconn() int {
	for _, name := range []string{"kern.ipc.somaxconn", "kern.ipc.soacceptqueue"} {
		if n, err := unix.SysctlUint32(name); err == nil && n > 0 {
			return int(min(n, math.MaxInt16))
		}
	}
	return unix.SOMAXCONN
}
