//go:build !linux && !darwin && !freebsd && !netbsd && !openbsd && !dragonfly

package multicast

import "syscall"

// reuse leaves the port as the system gives it: one member per host.
func reuse(_, _ string, _ syscall.RawConn) error { return nil }
