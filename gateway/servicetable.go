package gateway

import (
	"fmt"
	"strings"

	"github.com/kzfast/kzfast/conf"
)

// ServiceTable is what a configuration may name and what becomes of it, as a
// Markdown document made from the registry that the loader itself obeys.
func ServiceTable() string {
	var parents []string
	rows := make(map[string][]conf.Entry)
	unserved := make(map[string]string) // status of blocks that are not served
	for _, e := range conf.Registry() {
		if rows[e.Parent] == nil {
			parents = append(parents, e.Parent)
		}
		rows[e.Parent] = append(rows[e.Parent], e)
		if e.Holds() != "" && e.State != conf.Served {
			unserved[e.Holds()] = "as the block"
		}
	}
	var b strings.Builder
	b.WriteString("# What a configuration may name\n\n")
	b.WriteString("Made by `kzfast services` from the registry the loader obeys; a test keeps this file equal to it.\n")
	for _, parent := range parents {
		fmt.Fprintf(&b, "\n## %s\n\n| name | value | default | meaning | status |\n|---|---|---|---|---|\n", parent)
		for _, e := range rows[parent] {
			tableRow(&b, &e, unserved[parent])
		}
	}
	return b.String()
}

func tableRow(b *strings.Builder, e *conf.Entry, status string) {
	value, meaning := e.Type.String(), e.Meaning
	if len(e.Values) > 0 {
		value = strings.Join(e.Values, ", ")
	}
	if status == "" {
		status = e.Status()
	}
	if e.Alias != "" {
		meaning, status = "another spelling of `"+e.Alias+"`", "as `"+e.Alias+"`"
	}
	fmt.Fprintf(b, "| `%s` | %s | %s | %s | %s |\n", e.Name, cell(value), cell(e.Default), cell(meaning), cell(status))
}

func cell(s string) string { return strings.ReplaceAll(s, "|", "\\|") }
