package conf

import (
	"encoding/xml"
	"io"
	"net/url"
	"slices"
	"testing"
)

// TestAddresses holds the files to the addresses the runner uses.
func TestAddresses(t *testing.T) {
	known := []string{Front, Member, BackWS, BackTCP, Source}
	entries, err := Files.ReadDir(".")
	if err != nil || len(entries) == 0 {
		t.Fatalf("no files: %v", err)
	}
	for _, e := range entries {
		f, err := Files.Open(e.Name())
		if err != nil {
			t.Fatal(err)
		}
		var front bool
		d := xml.NewDecoder(f)
		var element string
		for {
			tok, err := d.Token()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatalf("%s: %v", e.Name(), err)
			}
			switch tok := tok.(type) {
			case xml.StartElement:
				element = tok.Name.Local
				if tok.Name.Space != "http://xmlns.kaazing.org/2014/09/gateway" {
					t.Errorf("%s: element %s in namespace %q", e.Name(), element, tok.Name.Space)
				}
			case xml.EndElement:
				element = ""
			case xml.CharData:
				if !slices.Contains([]string{"accept", "connect", "balance"}, element) {
					continue
				}
				u, err := url.Parse(string(tok))
				if err != nil || !slices.Contains(known, u.Host) {
					t.Errorf("%s: <%s>%s: address not in conf.go (%v)", e.Name(), element, tok, err)
					continue
				}
				front = front || element == "accept" && u.Host == Front
			}
		}
		f.Close()
		if !front {
			t.Errorf("%s: nothing accepts on %s", e.Name(), Front)
		}
	}
}
