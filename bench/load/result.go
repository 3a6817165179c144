package load

import (
	"time"

	"github.com/kzfast/kzfast/bench/proc"
)

// A Result is what one run found. Times without a unit in their type are in
// the unit their name says.
type Result struct {
	Options Options `json:"options"`

	Messages int64         `json:"messages"` // verified in the measured interval: round trips, deliveries or handshakes
	Elapsed  time.Duration `json:"elapsed"`  // length of the interval
	From     time.Time     `json:"from"`
	To       time.Time     `json:"to"`

	ServerCPU time.Duration `json:"serverCPU"` // in the interval; 0 when not measured
	LoadCPU   time.Duration `json:"loadCPU"`   // the generator's own

	Latency *Latency `json:"latency,omitempty"` // open loop only
	Memory  *Memory  `json:"memory,omitempty"`  // idle only
	Failed  int64    `json:"failed"`            // connections that broke in redirect and handshake mode
	Error   string   `json:"error,omitempty"`   // why the run ended early
}

// PerMillion is the server's CPU time in seconds for a million messages.
func (r *Result) PerMillion() float64 {
	if r.Messages == 0 {
		return 0
	}
	return r.ServerCPU.Seconds() / float64(r.Messages) * 1e6
}

// PerSecond is the rate of messages in the interval.
func (r *Result) PerSecond() float64 {
	if r.Elapsed == 0 {
		return 0
	}
	return float64(r.Messages) / r.Elapsed.Seconds()
}

// A Latency holds quantiles in microseconds, from the moment a message was due
// to the moment its last byte was back.
type Latency struct {
	P50, P90, P99, P999, Max float64
}

// A Memory holds the server's memory in several states, after the settling
// time. The first half of the churn fills what a server keeps for reuse, up to
// its collector's goal; a leak is what the second half still adds.
type Memory struct {
	Before proc.Memory `json:"before"` // warmed up, nothing open
	Held   proc.Memory `json:"held"`   // all connections open
	Half   proc.Memory `json:"half"`   // the same after half of the churn; zero without churn
	Churn  proc.Memory `json:"churn"`  // and after all of it
	After  proc.Memory `json:"after"`  // all closed

	IdleCPU time.Duration `json:"idleCPU"` // server CPU while held, for Settle
}

// PerConn is the resident memory each held connection costs, in bytes.
func (r *Result) PerConn() float64 {
	if r.Memory == nil || r.Options.Conns == 0 {
		return 0
	}
	return float64(r.Memory.Held.RSS-r.Memory.Before.RSS) / float64(r.Options.Conns)
}
