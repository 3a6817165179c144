//go:build !linux

// Command load exists on Linux only: it needs epoll and /proc.
package main

func main() {}
