package gateway

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/kzfast/kzfast/conf"
)

// backEndTLS is how an https back end of a service is spoken to. A truststore
// takes the place of the system's roots.
func (g *Gateway) backEndTLS(c *conf.Service) (*tls.Config, error) {
	o := c.ConnectOptions.TLS
	t := &tls.Config{MinVersion: tls.VersionTLS12, CipherSuites: g.suites(c, o.Ciphers)}
	if len(o.Protocols) > 0 {
		t.MinVersion, t.MaxVersion = versions(o.Protocols)
	}
	if len(o.Ciphers) > 0 && t.CipherSuites != nil && len(t.CipherSuites) == 0 {
		return nil, fmt.Errorf("ssl.ciphers %s: none of them is known here", strings.Join(o.Ciphers, ","))
	}
	st := g.cfg.TrustStore
	if st == nil {
		return t, nil
	}
	certs, err := trusted(st)
	if err != nil {
		return nil, fmt.Errorf("truststore %s: %w", st.File, err)
	}
	t.RootCAs = x509.NewCertPool()
	for _, c := range certs {
		t.RootCAs.AddCert(c)
	}
	return t, nil
}

var tlsVersions = map[string]uint16{
	"TLSv1": tls.VersionTLS10, "TLSv1.1": tls.VersionTLS11, "TLSv1.2": tls.VersionTLS12, "TLSv1.3": tls.VersionTLS13,
}

// versions gives the range that holds all of protocols.
func versions(protocols []string) (lowest, highest uint16) {
	var list []uint16
	for _, p := range protocols {
		list = append(list, tlsVersions[p])
	}
	return slices.Min(list), slices.Max(list)
}

// cipherGroups stand for the platform's choice (spec/config.md §10.3).
var cipherGroups = []string{"DEFAULT", "DEFAULTS", "ALL", "HIGH", "MEDIUM"}

// suites gives the cipher suites that a list names, nil for the platform's.
// TLS 1.3 has none to choose.
func (g *Gateway) suites(c *conf.Service, list []string) []uint16 {
	if len(list) == 0 || slices.ContainsFunc(list, func(s string) bool { return slices.Contains(cipherGroups, s) }) {
		return nil
	}
	known := make(map[string]uint16)
	for _, s := range slices.Concat(tls.CipherSuites(), tls.InsecureCipherSuites()) {
		known[s.Name] = s.ID
		known[openSSLName(s.Name)] = s.ID
	}
	ids := []uint16{}
	for _, name := range list {
		if id, ok := known[name]; ok {
			ids = append(ids, id)
		} else if !strings.ContainsAny(name[:1], "!-+@") {
			g.log.Warn("cipher suite unknown", "service", c.Name, "suite", name)
		}
	}
	return ids
}

// openSSLName is what OpenSSL calls a suite that IANA registered as name:
// ECDHE-RSA-AES128-GCM-SHA256 for TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256.
func openSSLName(name string) string {
	name = strings.TrimPrefix(name, "TLS_")
	name = strings.NewReplacer("RSA_WITH_", "RSA_", "ECDSA_WITH_", "ECDSA_", "AES_", "AES", "_CBC_", "_", "_POLY1305_SHA256", "_POLY1305").Replace(name)
	if !strings.HasPrefix(name, "ECDHE") {
		name = strings.TrimPrefix(name, "RSA_")
	}
	return strings.ReplaceAll(name, "_", "-")
}

// trusted reads the certificates of a truststore.
func trusted(st *conf.Store) ([]*x509.Certificate, error) {
	data, err := os.ReadFile(st.File)
	if err != nil {
		return nil, err
	}
	switch st.Detected {
	case "PEM":
		return certificatesOfPEM(data)
	case "JKS", "JCEKS":
		return certificatesOfJKS(data)
	}
	return nil, fmt.Errorf("a store of type %s cannot be read; export its certificates as PEM", st.Detected)
}
