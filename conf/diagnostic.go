package conf

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"
)

// A Severity tells whether a finding stops the start.
type Severity int

// The severities, in rising order.
const (
	Info    Severity = iota // worth knowing; only the cross-member checks use it
	Warning                 // the start goes on
	Error                   // the start is refused
)

// String gives the word printed in a diagnostic.
func (s Severity) String() string {
	return [...]string{"info", "warning", "error"}[s]
}

// A Pos is a place in a file. Line and Col count from 1; Col counts bytes of
// the text in UTF-8. The zero Line means the file as a whole.
type Pos struct {
	File string
	Line int
	Col  int
}

// String prints file:line:col, or the file alone.
func (p Pos) String() string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d:%d", p.File, p.Line, p.Col)
}

// A Diagnostic is one finding about a configuration. Text says what was found
// and, after the last semicolon, what to do about it; it holds no password.
type Diagnostic struct {
	Pos
	Rule     string // key of [Rules]
	Severity Severity
	Text     string
}

// String prints file:line:col: [RULE] severity: text.
func (d Diagnostic) String() string {
	return fmt.Sprintf("%s: [%s] %s: %s", d.Pos, d.Rule, d.Severity, d.Text)
}

// Error makes a diagnostic usable as an error.
func (d Diagnostic) Error() string { return d.String() }

// Diagnostics are the findings of one check: in the order of the phases of
// spec/config.md §1, inside one phase in the order of the file.
type Diagnostics []Diagnostic

// Errors gives those that refuse the start.
func (ds Diagnostics) Errors() Diagnostics { return ds.only(Error) }

// Warnings gives those that let it go on, without the notes of [Info].
func (ds Diagnostics) Warnings() Diagnostics { return ds.only(Warning) }

// Failed reports whether there is at least one error.
func (ds Diagnostics) Failed() bool { return len(ds.Errors()) > 0 }

// OnThisHost gives findings of [Config.CheckHost] about a file that may be
// another host's: each says "on this host", none is worse than most.
func (ds Diagnostics) OnThisHost(most Severity) Diagnostics {
	out := slices.Clone(ds)
	for i := range out {
		out[i].Severity = min(out[i].Severity, most)
		out[i].Text = "on this host: " + out[i].Text
	}
	return out
}

func (ds Diagnostics) only(s Severity) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		if d.Severity == s {
			out = append(out, d)
		}
	}
	return out
}

// String prints one finding per line.
func (ds Diagnostics) String() string {
	var b strings.Builder
	for _, d := range ds {
		b.WriteString(d.String())
		b.WriteByte('\n')
	}
	return b.String()
}

// Err gives the errors as one error, nil when there is none.
func (ds Diagnostics) Err() error {
	errs := ds.Errors()
	if len(errs) == 0 {
		return nil
	}
	return fmt.Errorf("%s", strings.TrimSuffix(errs.String(), "\n"))
}

// maxDiagnostics bounds what a hostile file can make us print.
const maxDiagnostics = 500

// A report collects findings.
type report struct {
	file    string
	list    Diagnostics
	dropped int
}

func (r *report) add(p Pos, rule string, s Severity, format string, args ...any) {
	if len(r.list) >= maxDiagnostics {
		r.dropped++
		return
	}
	if p.File == "" {
		p.File = r.file
	}
	r.list = append(r.list, Diagnostic{p, rule, s, fmt.Sprintf(format, args...)})
}

// full reports whether more findings would only be counted. Checks of pairs
// stop there.
func (r *report) full() bool { return r.dropped > 0 }

func (r *report) errorf(p Pos, rule, format string, args ...any) {
	r.add(p, rule, Error, format, args...)
}

func (r *report) warnf(p Pos, rule, format string, args ...any) {
	r.add(p, rule, Warning, format, args...)
}

// done closes the list: a cut is said, never silent.
func (r *report) done() Diagnostics {
	if r.dropped > 0 {
		r.list = append(r.list, Diagnostic{Pos{File: r.file}, "X-1", Error,
			fmt.Sprintf("%d or more further findings are not shown; correct the ones above first", r.dropped)})
	}
	return r.list
}

// shown is a value for a message: shortened, control characters escaped.
func shown(s string) string {
	const most = 120
	if len(s) > most {
		s = strings.ToValidUTF8(s[:most], "") + "..."
	}
	q := fmt.Sprintf("%q", s)
	return q[1 : len(q)-1]
}

func abs(path string) string {
	if a, err := filepath.Abs(path); err == nil {
		return a
	}
	return path
}
