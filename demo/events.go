package demo

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// heard takes a line of a member's log.
func (s *show) heard(m *member, line string) {
	line = strings.TrimRight(line, "\r\n")
	if s.o.Verbose {
		s.screen.say("%s | %s", m.Name, line)
	}
	before := m.view.members
	m.heard(line)
	for _, other := range s.members {
		if other != m && other.phase == dead && m.alive() && before == 2 && m.view.members == 1 {
			s.screen.say("  %s has counted %s out after %s", m.Name, other.Name, seconds(time.Since(other.since)))
		}
	}
}

// exited takes the end of a member's process.
func (s *show) exited(m *member, err error) {
	m.down.Store(true)
	was, since := m.phase, m.since
	m.phase = dead
	switch {
	case was == killed: // the time counts from the signal
	case was == draining && err == nil:
		s.screen.say("%s has drained and left, %s after SIGTERM", m.Name, seconds(time.Since(since)))
	case s.crowd.cancel == nil:
		s.fault = fmt.Errorf("%s could not start (%s):\n%s", m.Name, ending(err), indent(m.tail))
	default:
		m.enter(dead)
		s.lossOf(m, "ended", m.since)
		s.screen.say("%s ended by itself (%s); r restarts it; its last words:\n%s", m.Name, ending(err), indent(m.tail))
	}
}

func ending(err error) string {
	if err == nil {
		return "exit status 0"
	}
	return err.Error()
}

func indent(lines []string) string { return "  | " + strings.Join(lines, "\n  | ") }

// visited takes a client's loss of a member or its first echo from one.
func (s *show) visited(v visit) {
	if v.back {
		s.at[v.client] = v.member
		for _, l := range s.losses {
			l.back(v.client, v.at)
		}
		return
	}
	s.at[v.client] = ""
	if m := s.byURI(v.member); m != nil {
		s.lossOf(m, "lost", v.at).left(v.client, v.at)
	}
}

// lossOf is the loss of m that is under way, begun now when there is none.
func (s *show) lossOf(m *member, how string, at time.Time) *loss {
	for _, l := range s.losses {
		if l.member == m {
			return l
		}
	}
	l := newLoss(m, how, s.crowd, at)
	for i, uri := range s.at {
		if uri == m.URI() && how != "lost" {
			l.pending[i] = time.Time{}
		}
	}
	s.losses = append(s.losses, l)
	return l
}

// settle reports losses that are over, and the first time all are connected.
func (s *show) settle() {
	s.losses = slices.DeleteFunc(s.losses, func(l *loss) bool {
		blip := l.how == "lost" && l.member.alive() && len(l.pending) == 0
		if !l.over() && !blip {
			return false
		}
		s.screen.say("  %s", l.summary(s.crowd))
		return true
	})
	if !s.met && s.o.Clients > 0 && !slices.Contains(s.at, "") {
		s.met = true
		s.screen.say("all %s connected: %s", plural(s.o.Clients, "client"), s.shares())
	}
}

func (s *show) byURI(uri string) *member {
	for _, m := range s.members {
		if m.URI() == uri {
			return m
		}
	}
	return nil
}

// on counts the clients of a member.
func (s *show) on(m *member) int {
	n := 0
	for _, uri := range s.at {
		if uri == m.URI() {
			n++
		}
	}
	return n
}

func (s *show) shares() string {
	var parts []string
	for _, m := range s.members {
		parts = append(parts, fmt.Sprintf("%d on %s", s.on(m), m.Name))
	}
	return strings.Join(parts, ", ")
}
