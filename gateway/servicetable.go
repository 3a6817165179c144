package gateway

import (
	"fmt"
	"strings"

	"github.com/kzfast/kzfast/conf"
)

// ServiceTable is what a configuration may name and what becomes of it, as a
// Markdown document made from the registry that the loader itself obeys.
func ServiceTable() string {
	var b strings.Builder
	b.WriteString("# What a configuration may name\n\n")
	b.WriteString("Made by `kzfast services` from the registry the loader obeys; a test keeps this file equal to it.\n")
	parent := ""
	for _, e := range conf.Registry() {
		if e.Parent != parent {
			parent = e.Parent
			fmt.Fprintf(&b, "\n## %s\n\n| name | value | default | meaning | status |\n|---|---|---|---|---|\n", parent)
		}
		value := e.Type.String()
		if len(e.Values) > 0 {
			value = strings.Join(e.Values, ", ")
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s | %s |\n", e.Name, cell(value), cell(e.Default), cell(e.Meaning), cell(e.Status()))
	}
	return b.String()
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
