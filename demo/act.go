package demo

import (
	"fmt"
	"strings"
	"time"
)

// press takes a key of a person.
func (s *show) press(key byte) {
	if key == ctrlC {
		key = 'q'
	}
	if step, ok := parseStep(string(key)); ok {
		s.act(step)
	} else {
		s.screen.say("%s", keyHelp)
	}
}

// act does what a step says and does not wait for its effect.
func (s *show) act(step Step) {
	switch step.Key {
	case '1', '2':
		s.kill(s.members[step.Key-'1'])
	case 'd':
		s.drain(step.Arg)
	case 'r':
		s.restart()
	case 's':
		s.screen.say("%s", s.status())
	case 'q':
		s.quit = true
	}
}

func (s *show) kill(m *member) {
	if m.phase == dead {
		s.screen.say("%s is not running; r restarts it", m.Name)
		return
	}
	m.kill()
	l := s.lossOf(m, "killed", m.since)
	s.screen.say("%s killed (kill -9, pid %d): it had %s%s", m.Name, m.pid(), plural(len(l.pending), "client"), s.nobody())
}

// drain drains the fullest member, or the one that arg names.
func (s *show) drain(arg byte) {
	var m *member
	for _, c := range s.members {
		if c.alive() && (arg == c.Key || arg == 0 && (m == nil || s.on(c) > s.on(m))) {
			m = c
		}
	}
	if m == nil {
		s.screen.say("no running member to drain; r restarts the dead")
		return
	}
	m.drain()
	l := s.lossOf(m, "drained", m.since)
	s.screen.say("%s told to drain (SIGTERM, pid %d): it has %s%s", m.Name, m.pid(), plural(len(l.pending), "client"), s.nobody())
}

func (s *show) nobody() string {
	if len(s.alive()) == 0 {
		return "; nobody is left to take them: r restarts the dead"
	}
	return ""
}

func (s *show) restart() {
	n := 0
	for _, m := range s.members {
		if m.phase != dead {
			continue
		}
		if err := s.start(m); err != nil {
			s.screen.say("%v", err)
			continue
		}
		s.screen.say("%s started again, pid %d", m.Name, m.pid())
		n++
	}
	if n == 0 {
		s.screen.say("no member is dead")
		return
	}
	s.formed = time.Now()
}

// status is what s prints.
func (s *show) status() string {
	var b strings.Builder
	for _, m := range s.members {
		fmt.Fprintf(&b, "%s   %s   %s", m.Name, m.URI(), m.condition())
		if m.phase != dead {
			fmt.Fprintf(&b, "   pid %d   %s", m.pid(), plural(s.on(m), "client"))
		}
		b.WriteByte('\n')
	}
	return b.String() + s.crowd.summary()
}

func (m *member) condition() string {
	word := [...]string{dead: "dead", running: "up", killed: "killed", draining: "draining"}[m.phase]
	return fmt.Sprintf("%s for %.0f s", word, time.Since(m.since).Seconds())
}

// statusLine is what stays at the bottom of a terminal.
func (s *show) statusLine() string {
	var parts []string
	for _, m := range s.members {
		mark := "●"
		if !m.alive() {
			mark = "○"
		}
		parts = append(parts, fmt.Sprintf("%s %s %d", mark, m.Name, s.on(m)))
	}
	return strings.Join(parts, "   ") + "   " + s.crowd.summary() + "   1 2 r d s q"
}
