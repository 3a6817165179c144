package gateway

import (
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/kzfast/kzfast/balance"
	"github.com/kzfast/kzfast/cluster"
)

// The lines below are those that operators of the predecessor know and grep
// for; their text is fixed by spec/cluster-management.md §1.11. They go to the
// logger as they stand, values inside, because that is the point of them.

func (g *Gateway) say(format string, args ...any) { g.log.Info(fmt.Sprintf(format, args...)) }

// detail is say for support staff.
func (g *Gateway) detail(format string, args ...any) {
	if g.log.Enabled(g.ctx, slog.LevelDebug) {
		g.log.Debug(fmt.Sprintf(format, args...))
	}
}

// reportMembers prints the member list banner. The states printed from then on
// list the same members.
func (g *Gateway) reportMembers(members []cluster.Member) {
	var b strings.Builder
	fmt.Fprintf(&b, "\n\nMembers [%d] {\n", len(members))
	lines := []string{"Current cluster members:"}
	for _, m := range members {
		fmt.Fprintf(&b, "\tMember [%s]", strings.TrimPrefix(m.ID, "tcp://"))
		if m.Self {
			b.WriteString(" this")
		}
		b.WriteByte('\n')
		lines = append(lines, "      member: "+m.ID)
	}
	b.WriteString("}\n")
	lines = append(lines, mapTitle)
	g.reported.Store(&lines)
	g.log.Info(b.String())
}

// mapTitle stands between the members and the balancer map.
const mapTitle = "Current shared balancer map:"

// reportState prints the members of the last banner and the balancer map.
// Without a cluster there is nothing to print.
func (g *Gateway) reportState() { g.reportStateIf(func(_, _ []string) bool { return true }) }

// reportChange prints the state when it is not what was printed last.
func (g *Gateway) reportChange() {
	g.reportStateIf(func(last, lines []string) bool { return !slices.Equal(last, lines) })
}

func (g *Gateway) reportStateIf(due func(last, lines []string) bool) {
	for {
		last := g.reported.Load()
		if last == nil {
			return
		}
		lines := slices.Clone((*last)[:slices.Index(*last, mapTitle)+1])
		for _, m := range g.table.Snapshot() {
			lines = append(lines, m.String())
		}
		if !due(*last, lines) {
			return
		}
		// Another banner or state came between when the swap fails.
		if g.reported.CompareAndSwap(last, &lines) {
			for _, l := range lines {
				g.log.Info(l)
			}
			return
		}
	}
}

// reportOffer tells support staff what this member added to the balancer map
// and what it took away.
func (g *Gateway) reportOffer(before, now *balance.Advert) {
	if !g.log.Enabled(g.ctx, slog.LevelDebug) {
		return
	}
	was, is := offered(before), offered(now)
	for _, uri := range slices.Sorted(maps.Keys(is)) {
		if added := without(is[uri], was[uri]); len(added) > 0 {
			g.detail("Added balance URIs %s, new global list is %s", uriList(added), g.targetsOf(uri))
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(was)) {
		if removed := without(was[uri], is[uri]); len(removed) > 0 {
			g.detail("Removed balance URIs %s, new global list is %s", uriList(removed), g.targetsOf(uri))
		}
	}
}

// reportCleanup tells support staff what the map lost with a member; last is
// what it offered, nil for nothing.
func (g *Gateway) reportCleanup(id string, last *balance.Advert) {
	g.detail("Cleaning up balancer cluster state for member %s", id)
	for _, uri := range slices.Sorted(maps.Keys(offered(last))) {
		g.detail("Removed balanced URIs for cluster member %s, new global list: %s", id, g.targetsOf(uri))
	}
}

// offered lists an advert's targets by balance URI.
func offered(a *balance.Advert) map[string][]string {
	if a == nil || a.State != balance.Up {
		return nil
	}
	m := make(map[string][]string)
	for _, e := range a.Entries {
		m[e.Balance] = append(m[e.Balance], e.Targets...)
	}
	return m
}

func without(list, others []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(others, s) })
}

// targetsOf lists every member's targets under a balance URI.
func (g *Gateway) targetsOf(uri string) string {
	var list []string
	for _, m := range g.table.Snapshot() {
		if m.Balancer == uri {
			for _, t := range m.Targets {
				list = append(list, t.URI)
			}
		}
	}
	return uriList(list)
}

func uriList(uris []string) string { return "[" + strings.Join(uris, ", ") + "]" }

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

// reportStopping begins the lines of the stop; its time counts from here.
func (g *Gateway) reportStopping() {
	g.stopping = time.Now()
	g.say("Stopping server")
}

// reportStoppingServices prints what takes no new sessions any more.
func (g *Gateway) reportStoppingServices() {
	if lines := g.accepts(false); len(lines) > 0 {
		g.say("Stopping services")
		for _, l := range lines {
			g.say("  %s", l)
		}
	}
	g.reportBound("unbound")
}

// reportStoppedServices tells that no session is left.
func (g *Gateway) reportStoppedServices() {
	if len(g.accepts(false)) > 0 {
		g.say("Stopped services")
	}
}

func (g *Gateway) reportStopped() {
	g.say("Stopped server successfully in %.3f secs at %s", time.Since(g.stopping).Seconds(), g.stopping.Format(reportTime))
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
