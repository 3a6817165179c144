package demo

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"
)

// A screen is where the demo speaks. On a terminal a status line stays below
// what is printed; elsewhere there are only lines. It is safe for any goroutine.
type screen struct {
	out  io.Writer
	file *os.File // nil when out is no terminal

	mu     sync.Mutex
	status string
	failed bool // the reader is gone; the demo goes on to its end
}

const (
	eraseLine = "\r\x1b[K"
	bold      = "\x1b[1m"
	dim       = "\x1b[2m"
	plain     = "\x1b[0m"
)

func newScreen(out io.Writer) *screen {
	s := &screen{out: out}
	if f, ok := out.(*os.File); ok && term.IsTerminal(int(f.Fd())) {
		s.file = f
	}
	return s
}

// tty reports whether somebody watches.
func (s *screen) tty() bool { return s.file != nil }

// say prints one line or more.
func (s *screen) say(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tty() {
		s.write(text + "\n")
		return
	}
	// A raw terminal does not return the carriage by itself.
	s.write(eraseLine + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n" + s.drawn())
}

// show replaces the status line, "" removes it.
func (s *screen) show(status string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.tty() || status == s.status {
		return
	}
	s.status = status
	s.write(eraseLine + s.drawn())
}

func (s *screen) drawn() string {
	if s.status == "" {
		return ""
	}
	width, _, err := term.GetSize(int(s.file.Fd()))
	line := []rune(s.status)
	if err == nil && width > 1 && len(line) >= width {
		line = line[:width-1]
	}
	return dim + string(line) + plain
}

func (s *screen) write(text string) {
	if s.failed {
		return
	}
	_, err := io.WriteString(s.out, text)
	s.failed = err != nil
}

// strong marks what a person is to look at.
func (s *screen) strong(text string) string {
	if !s.tty() || os.Getenv("NO_COLOR") != "" {
		return text
	}
	return bold + text + plain
}
