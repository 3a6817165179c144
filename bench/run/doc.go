// Package run builds the servers, drives each with the load generator, and turns
// what comes out into one table of ratios.
//
//	workload ──▶ round 1: server A, B, C ... ──▶ round 2: A, B, C ... ──▶ medians, ratios
//	                 each: start, pin, load, stop
//
// Servers are compared only within a round, side by side on the same machine,
// and every cell gets a fresh process: a ratio survives a noisy neighbour, an
// absolute figure does not. A server that is not there is skipped with a line that
// says so. The package runs processes it started and no others.
package run
