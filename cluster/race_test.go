//go:build race

package cluster

// underRace: the simulated clusters run without the race detector. In one run of
// some dozens, Go 1.26's detector itself faulted on goroutine 0 of a synctest
// bubble (SIGSEGV, no goroutine of ours on the stack). Real members on real
// sockets are tested with it.
const underRace = true
