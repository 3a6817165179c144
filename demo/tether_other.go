//go:build !linux

package demo

import "syscall"

// tether keeps the terminal's Ctrl-C from the child.
func tether() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
