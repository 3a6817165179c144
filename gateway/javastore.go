package gateway

import (
	"crypto/x509"
	"encoding/binary"
	"encoding/pem"
	"errors"
)

// certificatesOfPEM gives all certificates of a PEM file.
func certificatesOfPEM(data []byte) (certs []*x509.Certificate, err error) {
	for block, rest := pem.Decode(data); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		certs = append(certs, c)
	}
	return certs, nil
}

var errStore = errors.New("the key store is damaged")

// A javaStore reads a key store of Java's own formats, JKS and JCEKS:
//
//	magic (4)  version (4)  entries (4)  { tag (4)  alias  time (8)  ... }  digest (20)
//
// Texts and byte strings have their length in front. The digest is keyed with
// the store's password and is not checked: the file is as trustworthy as the
// configuration that names it.
type javaStore struct {
	b      []byte
	failed bool
}

// Tags of entries.
const (
	storedKey  = 1 // a private key with its certificate chain
	storedCert = 2 // a trusted certificate
)

// certificatesOfJKS gives the trusted certificates of a store.
func certificatesOfJKS(data []byte) (certs []*x509.Certificate, err error) {
	s := &javaStore{b: data}
	s.take(4)
	version := s.number()
	for n := s.number(); n > 0 && !s.failed; n-- {
		tag := s.number()
		s.text()
		s.take(8)
		switch tag {
		case storedKey:
			s.take(s.number())
			for chain := s.number(); chain > 0 && !s.failed; chain-- {
				s.certificate(version)
			}
		case storedCert:
			c, err := x509.ParseCertificate(s.certificate(version))
			if err != nil {
				return nil, err
			}
			certs = append(certs, c)
		default:
			return nil, errors.New("the key store holds secret keys, which only Java can read; export the certificates as PEM")
		}
	}
	if s.failed {
		return nil, errStore
	}
	return certs, nil
}

func (s *javaStore) take(n int) []byte {
	if n < 0 || n > len(s.b) {
		s.failed = true
		s.b = nil
		return nil
	}
	p := s.b[:n]
	s.b = s.b[n:]
	return p
}

func (s *javaStore) number() int {
	if p := s.take(4); p != nil {
		return int(binary.BigEndian.Uint32(p))
	}
	return 0
}

func (s *javaStore) text() {
	if p := s.take(2); p != nil {
		s.take(int(binary.BigEndian.Uint16(p)))
	}
}

func (s *javaStore) certificate(version int) []byte {
	if version == 2 {
		s.text()
	}
	return s.take(s.number())
}
