package demo

import (
	"embed"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"github.com/kzfast/kzfast/client/js"
)

//go:embed web
var web embed.FS

const (
	roomPattern = "kzfast-demo-*"
	roomLock    = "lock"
)

// A room is the temporary directory of one demo. A lock on a file in it lasts
// as long as the process, so that a room whose demo was killed can be told
// from one in use.
type room struct {
	dir  string
	lock *os.File
}

// newRoom makes a room with configurations and pages, and removes rooms that
// killed demos have left.
func newRoom(samples fs.FS) (*room, error) {
	sweep()
	dir, err := os.MkdirTemp("", roomPattern)
	if err != nil {
		return nil, err
	}
	r := &room{dir: dir}
	r.lock, err = lockRoom(dir)
	if err == nil {
		err = r.fill(samples)
	}
	if err != nil {
		return nil, errors.Join(err, r.remove())
	}
	return r, nil
}

func lockRoom(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, roomLock), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// sweep removes rooms nobody is in. One without a lock file is being made.
func sweep() {
	dirs, _ := filepath.Glob(filepath.Join(os.TempDir(), roomPattern))
	for _, dir := range dirs {
		if _, err := os.Stat(filepath.Join(dir, roomLock)); err != nil {
			continue
		}
		if f, err := lockRoom(dir); err == nil {
			(&room{dir, f}).remove()
		}
	}
}

func (r *room) fill(samples fs.FS) error {
	for i := range places {
		if err := copyFile(r.path(places[i].File), samples, places[i].File); err != nil {
			return err
		}
	}
	if err := os.MkdirAll(filepath.Join(r.web(), "demo"), 0o755); err != nil {
		return err
	}
	pages, err := web.ReadDir("web")
	if err != nil {
		return err
	}
	for _, p := range pages {
		if err := copyFile(filepath.Join(r.web(), "demo", p.Name()), web, "web/"+p.Name()); err != nil {
			return err
		}
	}
	return os.WriteFile(filepath.Join(r.web(), "demo", "kzfast.js"), js.Source, 0o644)
}

func copyFile(to string, from fs.FS, name string) error {
	b, err := fs.ReadFile(from, name)
	if err != nil {
		return err
	}
	return os.WriteFile(to, b, 0o644)
}

// web is the directory that the configurations know as GATEWAY_WEB_DIRECTORY.
func (r *room) web() string { return r.path("web") }

func (r *room) path(name string) string { return filepath.Join(r.dir, name) }

func (r *room) remove() error {
	err := os.RemoveAll(r.dir)
	if r.lock != nil {
		err = errors.Join(err, r.lock.Close())
	}
	return err
}
