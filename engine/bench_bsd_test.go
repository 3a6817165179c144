//go:build darwin || dragonfly || freebsd || openbsd

package engine

const benchEnv = "KZ_ENGINE_BENCH"

func runBenchServer(string) {}
