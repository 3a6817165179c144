package gateway

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/kzfast/kzfast/cluster"
)

// The lines below are those that operators of the predecessor know and grep
// for; their text is fixed by spec/cluster-management.md §1.11. They go to the
// logger as they stand, values inside, because that is the point of them.

func (g *Gateway) say(format string, args ...any) { g.log.Info(fmt.Sprintf(format, args...)) }

// reportMembers prints the member list banner.
func (g *Gateway) reportMembers(members []cluster.Member) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n\nMembers [%d] {\n", len(members))
	for _, m := range members {
		fmt.Fprintf(&b, "\tMember [%s]", strings.TrimPrefix(m.ID, "tcp://"))
		if m.Self {
			b.WriteString(" this")
		}
		b.WriteByte('\n')
	}
	b.WriteString("}\n")
	g.log.Info(b.String())
}

// reportState prints the members and the balancer map. Without a cluster
// there is nothing to print.
func (g *Gateway) reportState() {
	if lines := g.state(); lines != nil {
		g.reported.Store(&lines)
		for _, l := range lines {
			g.log.Info(l)
		}
	}
}

// reportChange prints the state when it is not what was printed last.
func (g *Gateway) reportChange() {
	if last := g.reported.Load(); last == nil || !slices.Equal(*last, g.state()) {
		g.reportState()
	}
}

func (g *Gateway) state() []string {
	if g.cluster == nil {
		return nil
	}
	lines := []string{"Current cluster members:"}
	for _, m := range g.cluster.Members() {
		lines = append(lines, "      member: "+m.ID)
	}
	lines = append(lines, "Current shared balancer map:")
	for _, m := range g.table.Snapshot() {
		lines = append(lines, m.String())
	}
	return lines
}

const reportTime = "2006-01-02 15:04:05"

// reportStarted prints what is served.
func (g *Gateway) reportStarted(began time.Time) {
	g.say("Starting server")
	if lines := g.accepts(true); len(lines) > 0 {
		g.say("Starting services")
		for _, l := range lines {
			g.say("  %s", l)
		}
		g.say("Started services")
	}
	g.say("Started server successfully in %.3f secs at %s", time.Since(began).Seconds(), began.Format(reportTime))
	g.reportState()
}

func (g *Gateway) reportStopping() { g.say("Stopping server") }

func (g *Gateway) reportStopped(began time.Time) {
	if lines := g.accepts(false); len(lines) > 0 {
		g.say("Stopping services")
		for _, l := range lines {
			g.say("  %s", l)
		}
		g.say("Stopped services")
	}
	g.say("Stopped server successfully in %.3f secs at %s", time.Since(began).Seconds(), began.Format(reportTime))
}

// accepts lists the accept URIs, sorted, each with its socket when a bind
// option of its own scheme moves it.
func (g *Gateway) accepts(binds bool) []string {
	var lines []string
	for _, s := range g.cfg.Services {
		if s.Tolerated != "" {
			continue
		}
		for _, a := range s.Accepts {
			line := a.URI.String()
			if binds && a.Bind.Option == a.URI.Scheme+".bind" {
				line += " @ " + a.Bind.Socket()
			}
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	return slices.Compact(lines)
}

// reportBound prints one line per balance URI of each balanced service.
func (g *Gateway) reportBound(state string) {
	for _, s := range g.cfg.Services {
		if s.Tolerated != "" {
			continue
		}
		for range s.Balances {
			g.say("Cluster member %s: service %s %s", g.memberID(), s.Type, state)
		}
	}
}
