//go:build !linux

package cluster

import (
	"net"
	"time"
)

// setUserTimeout does nothing here: silence of the heartbeats must do.
func setUserTimeout(*net.TCPConn, time.Duration) {}
