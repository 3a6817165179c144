package gateway

import (
	"errors"
	"fmt"
	"syscall"

	"github.com/kzfast/kzfast/conf"
)

// What only the start finds out is told like what reading the configuration
// does: with its place and its rule of spec/config.md §14, in one line.

// openFault is the error of a socket that cannot be opened.
func openFault(k *socket, err error) error {
	remedy := ""
	if errors.Is(err, syscall.EADDRNOTAVAIL) {
		remedy = fmt.Sprintf("; %s is not an address of this host: set %s.bind", k.addr.Addr(), k.accept.URI.Scheme)
	}
	return fmt.Errorf("%s: [B-4] error: service %q: cannot open %s for %s: %w%s", k.accept.Pos, k.owner.Name, k.addr, k.accept.URI, err, remedy)
}

// clusterFault is the error of a cluster element at pos that gives no
// membership.
func clusterFault(pos conf.Pos, err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return fmt.Errorf("%s: [C-14] error: %w", pos, err)
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return fmt.Errorf("%s: [C-7] error: %w", pos, err)
	}
	return fmt.Errorf("%s: %w", pos, err)
}
