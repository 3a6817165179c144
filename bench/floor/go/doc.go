// Command floor-go is the floor in Go: one thread, raw epoll, raw system calls,
// frames parsed and unmasked in place, one write for all answers of a read. What
// a Go server costs above it is not the language's fault.
//
//	floor-go -addr 127.0.0.1:21080
//
// It shares its purpose, not its text, with floor/c, and runs on Linux only.
package main
