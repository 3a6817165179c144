//go:build !linux

package demo

func owner(socket) string { return "" }
