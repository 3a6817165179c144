//go:build race

package session

// underRace: the race detector makes pools forget, so that allocations through
// them cannot be counted.
const underRace = true
