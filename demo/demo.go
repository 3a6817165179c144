package demo

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"time"
)

// A show is one running demo. Everything belongs to the goroutine of Run but
// what says otherwise.
type show struct {
	o       Options
	screen  *screen
	room    *room
	members []*member
	crowd   *crowd

	tasks chan func() // from any goroutine
	over  chan struct{}
	quit  bool

	at     []string // per client, the URI of its member, "" while it has none
	losses []*loss
	formed time.Time // start of the wait for the cluster, zero when nobody waits
	met    bool      // all clients have been connected once
	opened time.Time // when the clients were let in
	fault  error     // a member ended before the cluster had formed
	script script
}

// Run runs a demo until ctx ends, its time is over, or somebody quits. All that
// it started has ended when it returns. [ErrPort] says that an address is not
// free, [ErrStep] that the cluster or a step of the script failed.
func Run(ctx context.Context, o Options) error {
	// The members die with the thread that starts them.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	if o.Interval == 0 {
		o.Interval = 250 * time.Millisecond
	}
	if err := checkPorts(ctx); err != nil {
		return err
	}
	r, err := newRoom(o.Samples)
	if err != nil {
		return err
	}
	s := &show{
		o: o, screen: newScreen(o.Out), room: r,
		tasks: make(chan func()), over: make(chan struct{}),
		at: make([]string, o.Clients), script: script{steps: o.Script},
	}
	for i := range places {
		s.members = append(s.members, &member{place: &places[i]})
	}
	s.crowd = newCrowd(o.Interval, s.members, func(v visit) { s.post(func() { s.visited(v) }) })
	restore, err := readKeys(o.In, func(k byte) { s.post(func() { s.press(k) }) })
	defer restore()
	if err == nil {
		err = s.run(ctx)
	}
	return errors.Join(err, s.end())
}

// post runs fn on the demo's goroutine; nothing happens once the demo is over.
// It is safe for any goroutine.
func (s *show) post(fn func()) {
	select {
	case s.tasks <- fn:
	case <-s.over:
	}
}

func (s *show) run(ctx context.Context) error {
	if s.o.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, s.o.Duration)
		defer cancel()
	}
	if err := s.open(); err != nil {
		return err
	}
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for !s.quit {
		select {
		case <-ctx.Done():
			return nil
		case fn := <-s.tasks:
			fn()
		case <-tick.C:
		}
		if err := s.progress(ctx); err != nil {
			return err
		}
	}
	return nil
}

// open starts the members and says what there is to see.
func (s *show) open() error {
	s.formed = time.Now()
	s.screen.say("kzfast %s demo: two members on this machine, %s", s.o.Version, plural(s.o.Clients, "client"))
	for _, m := range s.members {
		if err := s.start(m); err != nil {
			return err
		}
	}
	s.screen.say("  page       %s", s.screen.strong(pageURI))
	s.screen.say("  public     %s   through the balancer of either member", publicURI)
	for _, m := range s.members {
		s.screen.say("  %-9s  %s   pid %d, log %s", m.Name, m.URI(), m.pid(), s.room.path(m.Name+".log"))
	}
	return nil
}

func (s *show) start(m *member) error {
	return m.start(&s.o, s.room,
		func(line string) { s.post(func() { s.heard(m, line) }) },
		func(err error) { s.post(func() { s.exited(m, err) }) })
}

// progress says what has come to an end, and takes the next step.
func (s *show) progress(ctx context.Context) error {
	if err := s.form(ctx); err != nil {
		return err
	}
	s.settle()
	s.screen.show(s.statusLine())
	switch {
	case !s.formed.IsZero():
		return nil
	case s.met || s.o.Clients == 0:
		return s.follow()
	case time.Since(s.opened) > stepTimeout:
		return fmt.Errorf("clients not connected in %v: %w%s", stepTimeout, ErrStep, s.tails())
	}
	return nil
}

// form waits for the cluster: each live member sees all of them.
func (s *show) form(ctx context.Context) error {
	if s.formed.IsZero() || s.fault != nil {
		return s.fault
	}
	took := time.Since(s.formed)
	if !s.whole() {
		if took > stepTimeout {
			return fmt.Errorf("cluster not formed in %v: %w%s", stepTimeout, ErrStep, s.tails())
		}
		return nil
	}
	s.formed = time.Time{}
	s.screen.say("cluster formed in %s", seconds(took))
	if s.crowd.cancel == nil {
		s.screen.say("%s", keyHelp)
		s.opened = time.Now()
		return s.crowd.start(ctx, s.o.Clients)
	}
	return nil
}

const keyHelp = "keys: 1 or 2 kill -9 that member, r restart the dead, d drain one (SIGTERM), s status, q quit"

// whole reports whether the live members agree on who they are.
func (s *show) whole() bool {
	alive := s.alive()
	for _, m := range s.members {
		if m.alive() && !m.view.sees(alive) {
			return false
		}
	}
	return len(alive) > 0
}

func (s *show) alive() []*place {
	var list []*place
	for _, m := range s.members {
		if m.alive() {
			list = append(list, m.place)
		}
	}
	return list
}

func (s *show) tails() string {
	var b strings.Builder
	for _, m := range s.members {
		for _, line := range m.tail {
			fmt.Fprintf(&b, "\n  %s | %s", m.Name, strings.TrimRight(line, "\n"))
		}
	}
	return b.String()
}
