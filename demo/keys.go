package demo

import (
	"bufio"
	"os"

	"golang.org/x/term"
)

const ctrlC = 3

// readKeys gives each key to press until the input ends: byte by byte from a
// terminal, which it makes raw, and without the line ends from anything else.
// restore gives the terminal back. The goroutine it starts is left behind in a
// read when the demo ends, because a read of a terminal cannot be broken off.
func readKeys(in *os.File, press func(byte)) (restore func(), err error) {
	restore = func() {}
	if in == nil {
		return restore, nil
	}
	if fd := int(in.Fd()); term.IsTerminal(fd) {
		state, err := term.MakeRaw(fd)
		if err != nil {
			return restore, err
		}
		restore = func() { term.Restore(fd, state) }
	}
	go pressAll(in, press)
	return restore, nil
}

func pressAll(in *os.File, press func(byte)) {
	for r := bufio.NewReader(in); ; {
		key, err := r.ReadByte()
		if err != nil {
			return
		}
		if key > ' ' || key == ctrlC {
			press(key)
		}
	}
}
