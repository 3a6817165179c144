package directory

import (
	"io"
	"io/fs"
	"net/http"
	"strconv"
)

// serveFile answers with the regular file f. io.CopyN hands the file itself to
// the response writer, so net/http uses sendfile; a file that shrinks meanwhile
// ends the connection, because fewer bytes than announced were written.
func (h *Handler) serveFile(w http.ResponseWriter, r *http.Request, name string, f fs.File, info fs.FileInfo) {
	tag, err := h.entityTag(name, f, info)
	if err != nil {
		h.fail(w, r, statusOf(err))
		return
	}
	now, mtime := h.now(), info.ModTime()
	verdict := precondition(r.Header, tag, mtime, h.compat)
	if verdict == http.StatusPreconditionFailed {
		h.fail(w, r, verdict)
		return
	}
	head := w.Header()
	head["ETag"] = []string{tag}
	if !mtime.IsZero() {
		head.Set("Last-Modified", mtime.UTC().Format(http.TimeFormat))
	}
	if p := h.policy(name); p != nil {
		p.set(head, now, mtime)
	}
	if verdict == http.StatusNotModified {
		h.empty(w, r, verdict)
		return
	}
	sp, code := span{0, info.Size()}, http.StatusOK
	if h.ranges {
		head.Set("Accept-Ranges", "bytes")
		sp, code = rangeOf(r, info.Size(), tag, mtime)
	}
	if code == http.StatusRequestedRangeNotSatisfiable {
		h.unsatisfiable(w, r, info.Size())
		return
	}
	if code == http.StatusPartialContent {
		if s, ok := f.(io.Seeker); !ok {
			sp, code = span{0, info.Size()}, http.StatusOK
		} else if _, err := s.Seek(sp.start, io.SeekStart); err != nil {
			h.unsatisfiable(w, r, info.Size())
			return
		} else {
			head.Set("Content-Range", sp.contentRange(info.Size()))
		}
	}
	head.Set("Content-Length", strconv.FormatInt(sp.length, 10))
	head["Content-Type"] = nil
	if t := h.mediaType(name); t != "" {
		head.Set("Content-Type", t)
	}
	h.date(w)
	w.WriteHeader(code)
	if r.Method != http.MethodHead {
		io.CopyN(w, f, sp.length)
	}
}

// unsatisfiable answers 416 without the headers that describe the file.
func (h *Handler) unsatisfiable(w http.ResponseWriter, r *http.Request, size int64) {
	head := w.Header()
	for _, name := range []string{"Cache-Control", "Expires", "Last-Modified"} {
		head.Del(name)
	}
	delete(head, "ETag")
	head.Set("Content-Range", "bytes */"+strconv.FormatInt(size, 10))
	h.fail(w, r, http.StatusRequestedRangeNotSatisfiable)
}
