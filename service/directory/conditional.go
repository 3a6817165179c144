package directory

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash/fnv"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"time"
)

// entityTag is weak and made of relative path, size and modification time, so
// that members serving copies of one tree agree (protocol.md §8.1). A file
// without modification time, as embed.FS has them, is known by its content,
// which is read once.
func (h *Handler) entityTag(name string, f fs.File, info fs.FileInfo) (string, error) {
	if info.ModTime().IsZero() {
		return h.contentTag(name, f)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(info.Size()))
	binary.BigEndian.PutUint64(b[8:], uint64(info.ModTime().UnixNano()))
	sum := fnv.New64a()
	io.WriteString(sum, name)
	sum.Write(b[:])
	return weakTag(sum.Sum(nil)), nil
}

func (h *Handler) contentTag(name string, f fs.File) (string, error) {
	if tag, ok := h.tags.Load(name); ok {
		return tag.(string), nil
	}
	again, err := h.files.Open(name)
	if err != nil {
		return "", err
	}
	defer again.Close()
	sum := sha256.New()
	if _, err := io.Copy(sum, again); err != nil {
		return "", err
	}
	tag := weakTag(sum.Sum(nil)[:8])
	h.tags.Store(name, tag)
	return tag, nil
}

func weakTag(sum []byte) string { return `W/"` + hex.EncodeToString(sum) + `"` }

// precondition evaluates the conditional headers in the order of RFC 9110
// §13.2.2 and returns 412, 304 or 0. Our tags are weak, so by the strong
// comparison of If-Match only "*" ever matches. In compat mode the rules are
// the predecessor's (protocol.md §8.1 [K]).
func precondition(head http.Header, tag string, mtime time.Time, compat bool) int {
	second := mtime.Truncate(time.Second)
	if !compat {
		if match := head["If-Match"]; len(match) > 0 {
			if !listed(match, "*") {
				return http.StatusPreconditionFailed
			}
		} else if since, ok := dateOf(head, "If-Unmodified-Since", mtime); ok && second.After(since) {
			return http.StatusPreconditionFailed
		}
	}
	if none := head["If-None-Match"]; len(none) > 0 {
		if listed(none, tag) || !compat && listed(none, "*") {
			return http.StatusNotModified
		}
		if !compat || !listed(none, "*") {
			return 0
		}
	}
	since, ok := dateOf(head, "If-Modified-Since", mtime)
	if ok && (second.Equal(since) || !compat && second.Before(since)) {
		return http.StatusNotModified
	}
	return 0
}

// listed reports whether want is literally an item of the comma-separated lists.
func listed(lists []string, want string) bool {
	for _, list := range lists {
		for item := range strings.SplitSeq(list, ",") {
			if strings.TrimSpace(item) == want {
				return true
			}
		}
	}
	return false
}

// dateOf parses a date header; a repeated or invalid one, or one for a file
// without modification time, counts as absent.
func dateOf(head http.Header, name string, mtime time.Time) (time.Time, bool) {
	values := head[name]
	if len(values) != 1 || mtime.IsZero() {
		return time.Time{}, false
	}
	t, err := http.ParseTime(values[0])
	return t, err == nil
}
