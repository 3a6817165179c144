package demo

import "syscall"

// tether makes the kernel kill the child when this process dies, however it
// dies, and keeps the terminal's Ctrl-C from it. The signal comes at the end of
// the thread that starts the child: [Run] holds on to its own.
func tether() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
