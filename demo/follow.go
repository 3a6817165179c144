package demo

import (
	"fmt"
	"time"
)

// A script is the steps still to take and the one under way.
type script struct {
	steps []Step
	began time.Time // of the step under way, zero when there is none
}

// follow takes the next step of the script when the last one has had its
// effect.
func (s *show) follow() error {
	c := &s.script
	if len(c.steps) == 0 {
		return nil
	}
	step := c.steps[0]
	if c.began.IsZero() {
		c.began = time.Now()
		s.act(step)
		return nil
	}
	if !s.effected(step, time.Since(c.began)) {
		if time.Since(c.began) > stepTimeout+step.Pause {
			return fmt.Errorf("script step %q: %w%s", step, ErrStep, s.tails())
		}
		return nil
	}
	c.steps, c.began = c.steps[1:], time.Time{}
	return nil
}

// effected reports whether a step is done. While the cluster forms, follow is
// not called.
func (s *show) effected(step Step, since time.Duration) bool {
	switch step.Key {
	case '1', '2', 'd':
		if len(s.alive()) == 0 {
			return s.gone()
		}
		return s.gone() && len(s.losses) == 0 && s.whole()
	case 0:
		return since >= step.Pause
	}
	return true
}

// gone reports whether every member that was told to end has.
func (s *show) gone() bool {
	for _, m := range s.members {
		if m.phase == killed || m.phase == draining {
			return false
		}
	}
	return true
}
