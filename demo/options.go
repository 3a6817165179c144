package demo

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"time"
)

// Options say how a demo runs.
type Options struct {
	// Executable is the kzfast binary that the members run.
	Executable string
	// Samples holds cluster-member-1.xml and cluster-member-2.xml.
	Samples fs.FS
	// Version is shown in the first line.
	Version string

	// Clients is the number of demo clients; 0 for none.
	Clients int
	// Interval is the pause between two echoes of one client; 0 means 250 ms.
	Interval time.Duration
	// Duration ends the demo after a time; 0 means never.
	Duration time.Duration
	// Script is a list of steps to take; see [ParseScript].
	Script []Step
	// Verbose shows the members' logs, which otherwise go to files.
	Verbose bool

	// In is where keys come from: raw from a terminal, line by line from
	// anything else, and none when it is nil or at its end.
	In *os.File
	// Out is written to; a terminal gets a status line.
	Out io.Writer
}

// Errors of [Run] that are no fault of a member's.
var (
	// ErrPort means that an address the demo needs is not free.
	ErrPort = errors.New("address not free")
	// ErrStep means that a step of the script had no effect in time.
	ErrStep = errors.New("no effect in time")
)

// stepTimeout bounds the wait for the effect of a step, and for the cluster
// to form at the start.
const stepTimeout = 30 * time.Second
