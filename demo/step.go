package demo

import (
	"fmt"
	"strings"
	"time"
)

// A Step is one entry of a script: a key, which is followed until its effect
// is there, or a pause.
type Step struct {
	Key   byte // 0 for a pause
	Arg   byte // the member of a drain: '1', '2', or 0 for the fullest
	Pause time.Duration
	text  string
}

// String returns the step as it was written.
func (s Step) String() string { return s.text }

// ParseScript reads a list of steps separated by commas:
//
//	1 2        kill -9 that member; done when its clients are back and the
//	           survivor has counted it out
//	d d1 d2    drain the fullest member, or that one; done when it has ended
//	           and its clients are back
//	r          restart the dead members; done when the cluster has formed
//	s          print the status
//	q          quit
//	2s 500ms   wait
func ParseScript(text string) ([]Step, error) {
	var steps []Step
	for field := range strings.SplitSeq(text, ",") {
		field = strings.TrimSpace(field)
		if field == "" {
			continue
		}
		s, ok := parseStep(field)
		if !ok {
			return nil, fmt.Errorf("script step %q: want 1, 2, r, d, d1, d2, s, q or a pause such as 2s", field)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(field string) (Step, bool) {
	s := Step{Key: field[0], text: field}
	switch {
	case len(field) == 1 && strings.Contains("12rdsq", field):
		return s, true
	case field == "d1" || field == "d2":
		s.Arg = field[1]
		return s, true
	}
	d, err := time.ParseDuration(field)
	s.Key, s.Pause = 0, d
	return s, err == nil && d > 0
}
