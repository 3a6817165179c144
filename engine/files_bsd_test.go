//go:build darwin || dragonfly || freebsd || openbsd

package engine

import "testing"

func openFiles(*testing.T) int { return 0 }
