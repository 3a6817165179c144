package demo

import (
	"syscall"
	"time"
)

// grace is how long the members have to end by themselves.
const grace = 1200 * time.Millisecond

// end stops the clients and the members and removes the room. It takes at
// most closeTimeout and grace together.
func (s *show) end() error {
	s.screen.show("")
	close(s.over)
	s.terminate()
	s.crowd.stop()
	s.terminate() // the second signal cuts a drain short: nobody is to be moved
	deadline := time.Now().Add(grace)
	for _, m := range s.members {
		if m.phase != dead {
			m.finish(deadline)
		}
	}
	if s.crowd.cancel != nil {
		s.screen.say("%s", s.crowd.summary())
	}
	s.screen.say("ended; no process and no file is left behind")
	return s.room.remove()
}

func (s *show) terminate() {
	for _, m := range s.members {
		if m.phase != dead {
			m.cmd.Process.Signal(syscall.SIGTERM)
		}
	}
}
