//go:build darwin || dragonfly || freebsd || openbsd

package engine

func stallTimeoutOf(int) (int, error) { return 30_000, nil }
