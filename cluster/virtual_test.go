package cluster

import (
	"context"
	"flag"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// All times below are virtual: they do not depend on the machine.

func TestForms(t *testing.T) {
	simulate(t, 1, func(s *sim) {
		for i := 1; i <= 5; i++ {
			s.start(i)
		}
		took := s.within(5*time.Second, "formed", s.whole)
		t.Logf("5 members that know only the first: formed with adverts in %v", took)
		s.within(5*time.Second, "all links up", func() bool { return s.linked(LinkUp) })
		s.orderly()
	})
}

func (s *sim) linked(k Kind) bool {
	for a, n := range s.nodes {
		for b := range s.nodes {
			if a != b && n.link(b) != k {
				return false
			}
		}
	}
	return true
}

// reliability.md F11: serving on both sides, whole 5 s after the network is.
func TestPartitionHeals(t *testing.T) {
	for _, tt := range []struct {
		members int
		apart   time.Duration
		side    []int
	}{
		{3, 20 * time.Second, []int{3}},
		{3, 90 * time.Second, []int{3}},
		{3, 90 * time.Second, []int{1}},
		{5, 5 * time.Minute, []int{1, 4}},
		{3, time.Hour, []int{2}},
	} {
		t.Run(fmt.Sprintf("%v of %d for %v", tt.side, tt.members, tt.apart), func(t *testing.T) {
			simulate(t, 2, func(s *sim) {
				s.startAll(tt.members)
				var side, rest []string
				for i := 1; i <= tt.members; i++ {
					if slices.Contains(tt.side, i) {
						side = append(side, memName(i))
					} else {
						rest = append(rest, memName(i))
					}
				}
				s.net.split(side...)
				cut := time.Now()
				linkGone := s.within(2*time.Second, "links across the cut down", func() bool {
					for _, a := range side {
						for _, b := range rest {
							for _, p := range [][2]string{{a, b}, {b, a}} {
								if s.nodes[p[0]].link(p[1]) != LinkDown && s.sees(p[0], p[1]) {
									return false
								}
							}
						}
					}
					return true
				})
				s.within(8*time.Second, "each side alone", func() bool { return s.agree(side...) && s.agree(rest...) })
				apart := time.Since(cut)
				for _, n := range s.nodes {
					n.Advertise([]byte("new words while apart of " + n.Self().ID))
				}
				time.Sleep(tt.apart - time.Since(cut))
				s.net.heal()
				whole := s.within(5*time.Second, "whole again, with adverts", s.whole)
				t.Logf("links down after %v, sides apart after %v, whole %v after the heal", linkGone, apart, whole)
				s.orderly()
			})
		})
	}
}

func TestSilentDeath(t *testing.T) {
	for _, members := range []int{2, 3, 9} {
		var all []time.Duration
		for seed := range uint64(5) {
			simulate(t, seed, func(s *sim) {
				s.startAll(members)
				victim := memName(members)
				s.net.split(victim)
				var rest []string
				for i := 1; i < members; i++ {
					rest = append(rest, memName(i))
				}
				all = append(all, s.within(4*time.Second, "death noticed by all", func() bool { return s.agree(rest...) }))
				s.orderly()
			})
		}
		slices.Sort(all)
		t.Logf("%d members: silent death known to all after %v (median %v)", members, all, all[len(all)/2])
	}
}

// An isolated member notices that it is alone; reliability.md F11 wants 3 s,
// links say so after 1.3 s.
func TestIsolated(t *testing.T) {
	simulate(t, 3, func(s *sim) {
		s.startAll(3)
		s.net.split(memName(1))
		n := s.nodes[memName(1)]
		links := s.within(1500*time.Millisecond, "links down", func() bool {
			return n.link(memName(2)) == LinkDown && n.link(memName(3)) == LinkDown
		})
		alone := s.within(5*time.Second, "alone", func() bool { return len(n.Members()) == 1 })
		t.Logf("isolated member: links down after %v, alone after %v", links, alone)
		s.net.heal()
		s.within(5*time.Second, "whole", s.whole)
	})
}

// A crash breaks the links: the hint comes at once, the verdict later.
func TestCrash(t *testing.T) {
	simulate(t, 4, func(s *sim) {
		s.startAll(3)
		victim := memName(2)
		s.kill(victim)
		hint := s.within(100*time.Millisecond, "links down", func() bool {
			return s.nodes[memName(1)].link(victim) == LinkDown && s.nodes[memName(3)].link(victim) == LinkDown
		})
		verdict := s.within(4*time.Second, "gone", s.whole)
		t.Logf("crash: link down after %v, gone after %v", hint, verdict)
		for _, by := range []int{1, 3} {
			n := s.nodes[memName(by)]
			if n.count(Gone, victim) != 1 || n.lastGone(victim).Left {
				t.Errorf("member %d: Gone events %d, left %v, want one without left", by, n.count(Gone, victim), n.lastGone(victim).Left)
			}
		}
		s.orderly()
	})
}

func (n *simNode) lastGone(name string) (e Event) {
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, x := range n.events {
		if x.Kind == Gone && x.Member.ID == idOf(name) {
			e = x
		}
	}
	return e
}

// A paused process is skipped and comes back by itself, as the same life.
func TestPause(t *testing.T) {
	for _, pause := range []time.Duration{1400 * time.Millisecond, 10 * time.Second} {
		simulate(t, 5, func(s *sim) {
			s.startAll(3)
			victim := memName(3)
			s.net.split(victim)
			down := s.within(1500*time.Millisecond, "link down", func() bool { return s.nodes[memName(1)].link(victim) == LinkDown })
			time.Sleep(pause - down)
			s.net.heal()
			back := s.within(5*time.Second, "back with links", func() bool { return s.whole() && s.linked(LinkUp) })
			t.Logf("pause of %v: link down after %v, all well %v after it", pause, down, back)
			s.orderly()
		})
	}
}

func TestLeave(t *testing.T) {
	for _, loss := range []float64{0, 0.2} {
		simulate(t, 6, func(s *sim) {
			s.startAll(5)
			s.net.setLoss(loss)
			gone := memName(4)
			left := make(chan error, 1)
			begun := time.Now()
			go func() { left <- s.nodes[gone].Leave(context.Background()) }()
			rest := []string{memName(1), memName(2), memName(3), memName(5)}
			seen := s.within(500*time.Millisecond, "leave seen by all", func() bool { return s.agree(rest...) })
			if err := <-left; err != nil && loss == 0 {
				t.Errorf("leave: %v", err)
			}
			t.Logf("leave with %.0f%% loss: seen by all after %v, done after %v", 100*loss, seen, time.Since(begun))
			for _, name := range rest {
				if !s.nodes[name].lastGone(gone).Left {
					t.Errorf("%s: Gone without Left", name)
				}
			}
			s.kill(gone)
			time.Sleep(10 * time.Second)
			for _, name := range rest {
				if s.nodes[name].count(Gone, gone) != 1 || s.nodes[name].count(Online, gone) != 1 {
					t.Errorf("%s: the leaver came and went %d times", name, s.nodes[name].count(Gone, gone))
				}
			}
			s.start(4)
			s.within(5*time.Second, "returned", s.whole)
			s.orderly()
		})
	}
}

// A process killed and started again on its address before anybody noticed is
// one life ended and another begun.
func TestRestartSameAddress(t *testing.T) {
	for _, dead := range []time.Duration{0, 300 * time.Millisecond, 1500 * time.Millisecond, 10 * time.Second} {
		simulate(t, 7, func(s *sim) {
			s.startAll(3)
			name := memName(2)
			old := s.nodes[name].Self()
			s.kill(name)
			time.Sleep(dead)
			n := s.start(2, func(o *Options) { o.now = time.Now() })
			took := s.within(5*time.Second, "new life seen", s.whole)
			t.Logf("restart after %v: new life and advert seen after %v", dead, took)
			for _, by := range []int{1, 3} {
				m := s.nodes[memName(by)]
				if g, o := m.count(Gone, name), m.count(Online, name); g != 1 || o != 2 {
					t.Errorf("member %d saw %d ends and %d beginnings, want 1 and 2", by, g, o)
				}
			}
			if n.Self().Instance == old.Instance {
				t.Error("instance did not change")
			}
			s.orderly()
		})
	}
}

// A clock that went back must not hide the new life behind the old one.
func TestRestartWithEarlierClock(t *testing.T) {
	for _, dead := range []time.Duration{0, 10 * time.Second, 3 * time.Minute} {
		simulate(t, 8, func(s *sim) {
			s.startAll(3)
			name := memName(3)
			old := s.nodes[name].Self()
			s.kill(name)
			time.Sleep(dead)
			n := s.start(3, func(o *Options) { o.now = time.Now().Add(-24 * time.Hour) })
			took := s.within(15*time.Second, "new life seen", s.whole)
			t.Logf("dead for %v, clock a day back: seen after %v", dead, took)
			if got := n.Self().Epoch; got <= old.Epoch {
				t.Errorf("epoch %d, want above the old life's %d", got, old.Epoch)
			}
			s.orderly()
		})
	}
}

func TestRollingRestart(t *testing.T) {
	simulate(t, 9, func(s *sim) {
		s.startAll(4)
		for round := range 2 {
			for i := 1; i <= 4; i++ {
				name := memName(i)
				if err := s.nodes[name].Leave(context.Background()); err != nil {
					t.Errorf("leave: %v", err)
				}
				s.kill(name)
				time.Sleep(500 * time.Millisecond)
				s.start(i, func(o *Options) { o.Seeds = []string{memName(1), memName(2)} })
				s.within(5*time.Second, fmt.Sprintf("whole after restart %d.%d", round, i), s.whole)
			}
		}
		s.orderly()
	})
}

// Everybody is gone at once and comes back (F05).
func TestColdStartTogether(t *testing.T) {
	simulate(t, 10, func(s *sim) {
		s.startAll(3)
		for i := 1; i <= 3; i++ {
			s.kill(memName(i))
		}
		for i := 1; i <= 3; i++ {
			s.start(i, func(o *Options) { o.Seeds = []string{memName(i%3 + 1)} })
		}
		t.Logf("cold start, each knows one other: whole after %v", s.within(3*time.Second, "whole", s.whole))
		s.orderly()
	})
}

// Every member changes its advert often on a network that loses packets; all
// end up with every member's last word.
func TestAdvertsConverge(t *testing.T) {
	simulate(t, 11, func(s *sim) {
		s.startAll(6)
		s.net.setLoss(0.2)
		for round := range 40 {
			for name, n := range s.nodes {
				n.Advertise(fmt.Appendf(nil, "%s says %d", name, round))
			}
			time.Sleep(50 * time.Millisecond)
		}
		took := s.within(3*time.Second, "converged", s.whole)
		t.Logf("converged %v after the last of 240 changes at 20%% loss", took)
		for _, n := range s.nodes {
			if h := n.Health(); h.Conflicts != 0 || h.Refused != 0 {
				t.Errorf("health %+v", h)
			}
		}
		s.orderly()
	})
}

// Large adverts outgrow the whole-state exchange; digests and requests repair
// what the direct path missed.
func TestLargeAdvertsRepaired(t *testing.T) {
	simulate(t, 12, func(s *sim) {
		s.startAll(4)
		a, b := memName(2), memName(3)
		s.net.setCut(func(from, to string) bool { return from == a && to == b || from == b && to == a })
		for name, n := range s.nodes {
			big := make([]byte, 100<<10)
			copy(big, name)
			if err := n.Advertise(big); err != nil {
				t.Fatal(err)
			}
		}
		took := s.within(20*time.Second, "record of a member one cannot reach, through others", func() bool {
			na, nb := s.nodes[a], s.nodes[b]
			na.mu.Lock()
			defer na.mu.Unlock()
			nb.mu.Lock()
			defer nb.mu.Unlock()
			return len(na.view[idOf(b)]) == 100<<10 && len(nb.view[idOf(a)]) == 100<<10
		})
		t.Logf("got each other's 100 KiB advert through others after %v", took)
		s.net.heal()
		s.within(5*time.Second, "whole", s.whole)
		if err := s.nodes[a].Advertise(make([]byte, MaxAdvert+1)); err == nil {
			t.Error("an advert beyond the limit was accepted")
		}
	})
}

// Packets blocked between two members, streams fine, and one pair apart
// altogether: no flapping (F12, F13).
func TestBadPairDoesNotFlap(t *testing.T) {
	simulate(t, 13, func(s *sim) {
		s.startAll(4)
		a, b := memName(1), memName(2)
		s.net.setCut(func(from, to string) bool { return from == a && to == b })
		time.Sleep(2 * time.Minute)
		changes := 0
		for _, n := range s.nodes {
			for _, name := range s.order {
				changes += n.count(Gone, name)
			}
		}
		if changes > 8 {
			t.Errorf("%d deaths declared in two minutes of one broken direction, at most 1 per member and minute allowed", changes)
		}
		t.Logf("one direction of one pair broken for 2 min: %d deaths declared, link states %v %v", changes, s.nodes[a].link(b), s.nodes[b].link(a))
		s.net.heal()
		s.within(5*time.Second, "whole", s.whole)
		s.orderly()
	})
}

// Packets blocked everywhere, streams fine (F13): the cluster forms, stays
// formed, takes newcomers, and says so once a minute per pair at most.
func TestUDPBlocked(t *testing.T) {
	simulate(t, 17, func(s *sim) {
		s.net.setNoUDP(true)
		var log logBuffer
		s.start(1, func(o *Options) { o.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
		for i := 2; i <= 4; i++ {
			s.start(i)
		}
		t.Logf("without UDP: 4 members formed after %v", s.within(15*time.Second, "formed without UDP", s.whole))
		begun := time.Now()
		time.Sleep(2 * time.Minute)
		if n := strings.Count(log.String(), "udp blocked"); n == 0 || n > 3*3 {
			t.Errorf("%d warnings in 2 min about 3 members, want some, at most one per member and minute", n)
		}
		for name, n := range s.nodes {
			for _, of := range s.order {
				if c := n.count(Gone, of); c != 0 {
					t.Errorf("%s saw %s die %d times in %v", name, of, c, time.Since(begun))
				}
			}
		}
		s.start(5)
		t.Logf("a fifth one was known to all after %v", s.within(15*time.Second, "newcomer", s.whole))
		if h := s.nodes[memName(1)].Health(); h.UDPBlocked == 0 {
			t.Errorf("health does not show it: %+v", h)
		}
	})
}

func TestManyMembers(t *testing.T) {
	simulate(t, 18, func(s *sim) {
		const many = 20
		for i := 1; i <= many; i++ {
			s.start(i)
		}
		t.Logf("%d members that know only the first: formed with adverts in %v", many, s.within(3*time.Second, "formed", s.whole))
		for _, n := range s.nodes {
			n.Advertise([]byte("again " + n.Self().ID))
		}
		t.Logf("%d new adverts everywhere after %v", many, s.within(2*time.Second, "new adverts", s.whole))
		s.orderly()
	})
}

func TestLossyNetwork(t *testing.T) {
	simulate(t, 14, func(s *sim) {
		s.startAll(9)
		s.net.setLoss(0.2)
		time.Sleep(30 * time.Second)
		deaths := 0
		for _, n := range s.nodes {
			for _, name := range s.order {
				deaths += n.count(Gone, name)
			}
		}
		t.Logf("9 members, 20%% loss, 30 s: %d false deaths as seen by single members", deaths)
		s.net.setLoss(0)
		s.within(10*time.Second, "whole", s.whole)
		s.orderly()
	})
}

func TestLoadSamples(t *testing.T) {
	simulate(t, 15, func(s *sim) {
		s.startAll(3)
		s.nodes[memName(1)].Load([]byte("busy"))
		s.within(time.Second, "load sample at both others", func() bool {
			return s.nodes[memName(2)].count(Load, memName(1)) == 1 && s.nodes[memName(3)].count(Load, memName(1)) == 1
		})
	})
}

var (
	scheduleCount = flag.Int("cluster.schedules", 20, "random fault schedules to simulate")
	scheduleSeed  = flag.Uint64("cluster.seed", 1, "seed of the first one, 0 = random")
)

// Random schedules of kills, restarts, leaves, partitions, pauses and loss;
// after the last one the network is good and all must agree.
func TestRandomSchedules(t *testing.T) {
	schedules := *scheduleCount
	if testing.Short() {
		schedules = min(schedules, 5)
	}
	base := *scheduleSeed
	for base == 0 {
		base = rand.Uint64()
	}
	for i := range uint64(schedules) {
		seed := base + i
		simulate(t, seed, func(s *sim) { s.storm(seed) })
		if t.Failed() {
			t.Fatalf("schedule of seed %d", seed)
		}
	}
	t.Logf("%d schedules from seed %d", schedules, base)
}

func (s *sim) storm(seed uint64) {
	rng := rand.New(rand.NewPCG(seed, 2))
	members := 3 + rng.IntN(3)
	s.startAll(members)
	seeds := func(o *Options) { o.Seeds = []string{memName(1), memName(2)} }
	for range 6 + rng.IntN(6) {
		i := 1 + rng.IntN(members)
		name := memName(i)
		n := s.nodes[name]
		switch rng.IntN(7) {
		case 0:
			if n != nil {
				s.kill(name)
			}
		case 1:
			if n == nil {
				s.start(i, seeds)
			}
		case 2:
			if n != nil {
				s.kill(name)
			}
			s.start(i, seeds)
		case 3:
			if n != nil {
				n.Leave(context.Background())
				s.kill(name)
			}
		case 4:
			s.net.split(name, memName(1+rng.IntN(members)))
		case 5:
			s.net.heal()
		case 6:
			s.net.setLoss(0.3 * rng.Float64())
		}
		for _, n := range s.nodes {
			n.Advertise(fmt.Appendf(nil, "%s %d", n.Self().ID, rng.Uint64()))
		}
		time.Sleep(time.Duration(rng.Int64N(int64(12 * time.Second))))
	}
	s.net.heal()
	s.net.setLoss(0)
	for i := 1; i <= members; i++ {
		if s.nodes[memName(i)] == nil {
			s.start(i, seeds)
		}
	}
	s.within(15*time.Second, fmt.Sprintf("agreement after the storm of seed %d", seed), s.whole)
	s.orderly()
}

// The partition test would be worth nothing if memberlist healed by itself.
func TestPartitionStaysWithoutHealLoop(t *testing.T) {
	simulate(t, 16, func(s *sim) {
		s.startAll(3)
		for _, n := range s.nodes {
			n.heal.close()
		}
		s.net.split(memName(3))
		time.Sleep(90 * time.Second)
		s.net.heal()
		time.Sleep(2 * time.Minute)
		if s.whole() {
			t.Error("the cluster healed without the heal loop: the loop's test proves nothing")
		}
	})
}
