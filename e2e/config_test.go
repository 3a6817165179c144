//go:build linux

package e2e

import (
	"encoding/xml"
	"os"
	"strings"
	"testing"
)

// A config is a member's configuration file.
type config struct {
	Cluster  *clusterElement
	Services []serviceElement
	Gateway  []setting // children of kz:gateway
}

type clusterElement struct {
	Name     string
	Accept   string
	Connects []string
	Settings []setting
}

type serviceElement struct {
	Name, Type                  string
	Accepts, Connects, Balances []string
	Properties, AcceptOptions   []setting
}

// A setting is one element with text.
type setting struct{ Name, Text string }

// String is the XML of the configuration.
func (c config) String() string {
	var w xmlWriter
	w.WriteString(xml.Header)
	w.WriteString(`<gateway-config xmlns="http://xmlns.kaazing.org/2016/06/gateway" xmlns:kz="urn:kzfast:config:1">` + "\n")
	if c.Cluster != nil {
		w.inside("cluster", func() {
			w.element("name", c.Cluster.Name)
			w.element("accept", c.Cluster.Accept)
			w.each("connect", c.Cluster.Connects)
			w.settings(c.Cluster.Settings)
		})
	}
	for _, s := range c.Services {
		w.inside("service", func() { w.service(s) })
	}
	if len(c.Gateway) > 0 {
		w.inside("kz:gateway", func() { w.settings(c.Gateway) })
	}
	w.WriteString("</gateway-config>\n")
	return w.String()
}

// write puts the configuration into a file.
func (c config) write(t *testing.T, file string) {
	t.Helper()
	if err := os.WriteFile(file, []byte(c.String()), 0o600); err != nil {
		t.Fatal(err)
	}
}

type xmlWriter struct{ strings.Builder }

func (w *xmlWriter) service(s serviceElement) {
	w.element("name", s.Name)
	w.each("accept", s.Accepts)
	w.each("connect", s.Connects)
	w.each("balance", s.Balances)
	w.element("type", s.Type)
	if len(s.Properties) > 0 {
		w.inside("properties", func() { w.settings(s.Properties) })
	}
	if len(s.AcceptOptions) > 0 {
		w.inside("accept-options", func() { w.settings(s.AcceptOptions) })
	}
}

func (w *xmlWriter) inside(name string, fn func()) {
	w.WriteString("<" + name + ">\n")
	fn()
	w.WriteString("</" + name + ">\n")
}

func (w *xmlWriter) element(name, text string) {
	w.WriteString("<" + name + ">")
	_ = xml.EscapeText(w, []byte(text))
	w.WriteString("</" + name + ">\n")
}

func (w *xmlWriter) each(name string, texts []string) {
	for _, s := range texts {
		w.element(name, s)
	}
}

func (w *xmlWriter) settings(list []setting) {
	for _, s := range list {
		w.element(s.Name, s.Text)
	}
}
