// Package archtest holds the package table of docs/architecture.md as a test:
// who may import whom, and that every package says what it is.
package archtest
