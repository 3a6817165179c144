package run

import (
	"github.com/kzfast/kzfast/bench/conf"
	"github.com/kzfast/kzfast/bench/load"
)

// A Metric says which figure of a sample a workload is about.
type Metric string

// The metrics.
const (
	CPU    Metric = "cpu-s/M" // server CPU seconds per million messages, deliveries or connections
	Memory Metric = "B/conn"  // resident memory of the server per held connection
	GC     Metric = "gc %"    // share of the server's CPU that the collector takes
)

// A Target is what kzfast must reach. Limit is a ratio to the workload's base
// for CPU, an absolute figure otherwise; zero is none. Ahead names servers
// whose figure must be higher; "go" stands for every Go peer.
type Target struct {
	Limit float64
	Ahead []string
}

// A Workload is one row group of the table.
type Workload struct {
	Name   string
	Title  string
	Role   Role
	Load   load.Options
	Metric Metric
	Base   string // ratios are to this server; empty: none
	Once   bool   // a few rounds say enough
	Target Target
}

// goPeers in a Target stands for all servers under bench/peers.
const goPeers = "go"

// Workloads lists all, in the order of the table.
func Workloads() []Workload {
	echo := func(conns, depth, size int) load.Options {
		return load.Options{Mode: load.Echo, Conns: conns, Depth: depth, Size: size}
	}
	idle := func(conns, churn int) load.Options {
		return load.Options{Mode: load.Idle, Conns: conns, Churn: churn, Touch: true}
	}
	fan := func(conns int, publish string) load.Options {
		return load.Options{Mode: load.Broadcast, Conns: conns, Burst: 8, Publish: publish}
	}
	stream := func(o load.Options) load.Options { o.Stream = true; return o }
	ahead := []string{goPeers}
	proxies := []string{"nginx", "haproxy"}
	gc := echo(100, 1, 125)
	gc.Extra = 15000
	paced := echo(1000, 1, 125)
	paced.Rate = 20000
	sse, wse := idle(7000, 0), idle(7000, 0)
	sse.Kind, sse.URL = "sse", "http://"+conf.Front+"/sse"
	wse.Kind = "wse"

	return []Workload{
		{Name: "echo", Title: "echo, 125 B, 1,000 connections, one in flight", Role: Echo, Load: echo(1000, 1, 125), Metric: CPU, Base: "floor-c", Target: Target{1.10, ahead}},
		{Name: "echo-depth16", Title: "echo, 125 B, 1,000 connections, 16 in flight", Role: Echo, Load: echo(1000, 16, 125), Metric: CPU, Base: "floor-c", Target: Target{1.15, ahead}},
		{Name: "echo-16k", Title: "echo, 16 KiB, 100 connections, one in flight", Role: Echo, Load: echo(100, 1, 16<<10), Metric: CPU, Base: "floor-c", Target: Target{1.15, ahead}},
		{Name: "echo-paced", Title: "echo, 125 B, 1,000 connections, 20,000 messages a second, open loop", Role: Echo, Load: paced, Metric: CPU, Base: "floor-c"},
		{Name: "redirect", Title: "new connection, upgrade request, 302, close; 64 at once", Role: Redirect, Load: load.Options{Mode: load.Redirect, Conns: 64, Location: Location}, Metric: CPU, Base: "floor-c", Target: Target{1.15, []string{"nginx"}}},
		{Name: "handshake", Title: "new connection, upgrade request, 101, close; 64 at once", Role: Echo, Load: load.Options{Mode: load.Handshake, Conns: 64}, Metric: CPU, Base: "floor-c"},
		{Name: "idle", Title: "15,000 idle connections after one echo each; then 100,000 opened and closed beside them", Role: Echo, Load: idle(15000, 100000), Metric: Memory, Once: true, Target: Target{320, nil}},
		{Name: "gc", Title: "garbage collection with 15,000 idle connections and echo, 125 B, on 100 more", Role: Echo, Load: gc, Metric: GC, Once: true},
		{Name: "proxy", Title: "proxy, 125 B, 1,000 connections, one in flight, to an echo back end", Role: Proxy, Load: stream(echo(1000, 1, 125)), Metric: CPU, Base: "nginx", Target: Target{0, proxies}},
		{Name: "idle-proxy", Title: "7,000 idle proxied connections after one echo each (process memory per pair)", Role: Proxy, Load: stream(idle(7000, 0)), Metric: Memory, Once: true, Target: Target{900, proxies}},
		{Name: "broadcast", Title: "fan-out, 125 B, 1 to 1,000, bursts of 8 messages from a WebSocket client", Role: Broadcast, Load: fan(1000, "ws"), Metric: CPU, Base: "floor-c", Target: Target{1.10, ahead}},
		{Name: "broadcast-10k", Title: "fan-out, 125 B, 1 to 10,000, bursts of 8 messages from a WebSocket client", Role: Broadcast, Load: fan(10000, "ws"), Metric: CPU, Base: "floor-c", Target: Target{1.10, ahead}},
		{Name: "broadcast-tcp", Title: "fan-out, 125 B, 1 to 1,000, bursts of 8 in one write from a tcp back end", Role: Broadcast, Load: fan(1000, conf.Source), Metric: CPU, Base: "floor-c", Target: Target{1.10, nil}},
		{Name: "broadcast-tcp-10k", Title: "fan-out, 125 B, 1 to 10,000, bursts of 8 in one write from a tcp back end", Role: Broadcast, Load: fan(10000, conf.Source), Metric: CPU, Base: "floor-c", Target: Target{1.10, nil}},
		{Name: "idle-sse", Title: "7,000 idle SSE clients", Role: Poll, Load: sse, Metric: Memory, Once: true, Target: Target{1024, nil}},
		{Name: "idle-wse", Title: "7,000 idle WSE clients", Role: Poll, Load: wse, Metric: Memory, Once: true, Target: Target{1024, nil}},
	}
}
