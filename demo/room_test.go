package demo

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

func TestRoom(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	left, err := newRoom(os.DirFS("../conf"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"cluster-member-1.xml", "cluster-member-2.xml", "web/demo/index.html", "web/demo/kzfast.js"} {
		if _, err := os.Stat(left.path(name)); err != nil {
			t.Error(err)
		}
	}
	r, err := newRoom(os.DirFS("../conf"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(left.dir); err != nil {
		t.Errorf("a room in use was swept: %v", err)
	}
	left.lock.Close() // as the end of its process does
	sweep()
	if _, err := os.Stat(left.dir); !os.IsNotExist(err) {
		t.Errorf("a room nobody is in was left: %v", err)
	}
	if err := r.remove(); err != nil {
		t.Fatal(err)
	}
	if rest, _ := filepath.Glob(filepath.Join(os.TempDir(), "*")); len(rest) > 0 {
		t.Errorf("left behind: %v", rest)
	}
}

// TestSamples holds what this package knows of the configurations to them.
func TestSamples(t *testing.T) {
	for i := range places {
		p := &places[i]
		b, err := os.ReadFile(filepath.Join("../conf", p.File))
		if err != nil {
			t.Fatal(err)
		}
		values := regexp.MustCompile(`<value>(.*?)</value>`).FindAllStringSubmatch(string(b), -1)
		var got []string
		for _, v := range values {
			got = append(got, v[1])
		}
		want := strings.Join([]string{publicHost, p.Host.String(), p.Host.String(), itoa(p.Gossip), "8000", itoa(publicPort)}, " ")
		if s := strings.Join(got, " "); s != want {
			t.Errorf("%s: got %s, want %s", p.File, s, want)
		}
		if !strings.Contains(string(b), "<kz:name>"+p.Name+"</kz:name>") {
			t.Errorf("%s: not named %s", p.File, p.Name)
		}
	}
}

func itoa(n uint16) string { return strconv.Itoa(int(n)) }
