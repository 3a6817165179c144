package cluster

import (
	"errors"
	"io"
	"net"
	"strings"
	"syscall"
)

// explain turns what memberlist gives for a failed join into words an operator
// can act on. refused is true when a member answered and did not want us, or
// we not it: that does not mend itself.
func explain(err error) (text string, refused bool) {
	s := err.Error()
	switch {
	case strings.Contains(s, "o installed keys could decrypt"):
		return "the member uses a cluster key we do not have", true
	case strings.Contains(s, "remote state is encrypted and encryption is not configured"):
		if strings.Contains(s, "remote error") {
			return "we have a cluster key, the member has none", true
		}
		return "the member has a cluster key, we have none", true
	case strings.Contains(s, "encryption is configured but remote state is not encrypted"):
		if strings.Contains(s, "remote error") {
			return "the member has a cluster key, we have none", true
		}
		return "we have a cluster key, the member has none", true
	case errors.Is(err, syscall.ECONNREFUSED) || strings.Contains(s, "connection refused"):
		return "connection refused: no member listens there", false
	case isTimeout(err) || strings.Contains(s, "i/o timeout"):
		return "no answer: the host is down or a firewall drops TCP", false
	case errors.Is(err, io.EOF) || strings.HasSuffix(strings.TrimSpace(s), "EOF") || strings.Contains(s, "connection reset"):
		return "the member refused: wrong cluster name or key", true
	}
	return clip(strings.Join(strings.Fields(s), " "), 300), false
}

func isTimeout(err error) bool {
	var ne net.Error
	return errors.As(err, &ne) && ne.Timeout()
}
