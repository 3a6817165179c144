package directory

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// openFlags keep a FIFO in the directory from blocking its reader for ever.
const openFlags = os.O_RDONLY | syscall.O_NONBLOCK

// restricted is a base directory, absolute, out of which no link leads.
type restricted string

// Open opens name with every element resolved inside the base.
func (d restricted) Open(name string) (fs.File, error) {
	root, err := os.OpenRoot(string(d))
	if err != nil {
		return nil, err
	}
	defer root.Close()
	f, err := root.OpenFile(name, openFlags, 0)
	if err == nil {
		return f, nil
	}
	// An absolute link is refused by os.Root even when it stays inside. Its
	// target is opened through the same root, so losing a race against a
	// changed link cannot lead out either.
	if inside, ok := d.canonical(name); ok && inside != name {
		if f, again := root.OpenFile(inside, openFlags, 0); again == nil {
			return f, nil
		}
	}
	return nil, err
}

// canonical is name without links, relative to the base.
func (d restricted) canonical(name string) (string, bool) {
	real, err := filepath.EvalSymlinks(filepath.Join(string(d), filepath.FromSlash(name)))
	if err != nil {
		return "", false
	}
	base, err := filepath.EvalSymlinks(string(d))
	if err != nil {
		return "", false
	}
	rel, err := filepath.Rel(base, real)
	return rel, err == nil && filepath.IsLocal(rel)
}

// following is a base directory, absolute, whose links are followed anywhere.
type following string

// Open opens name, which contains no dot segments.
func (d following) Open(name string) (fs.File, error) {
	return os.OpenFile(filepath.Join(string(d), filepath.FromSlash(name)), openFlags, 0)
}
