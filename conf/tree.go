package conf

import (
	"bytes"
	"encoding/xml"
	"errors"
	"io"
	"strings"
)

// Bounds on the elements of one file: their nesting and their number.
const (
	maxDepth    = 64
	maxElements = 20000
)

// A node is one element of the file.
type node struct {
	space    string // namespace URI
	name     string
	text     string // its own text, trimmed, after substitution
	pos      Pos
	parent   *node
	children []*node
	attrs    []xml.Attr
	pieces   []piece // its own text as read
	entry    *Entry  // its row of the registry; nil before the grammar check, and for free-form ones
	bad      bool    // a fault of its value was reported: nobody looks at it again
	implied  bool    // not in the file
}

// A piece is a run of text between two pieces of markup.
type piece struct {
	text  string
	cdata bool
	pos   Pos
}

func (n *node) kz() bool { return n.space == KZNamespace }

// tag is the element as a reader of the file would name it.
func (n *node) tag() string {
	if n.kz() {
		return "kz:" + n.name
	}
	return n.name
}

// all gives the children of that tag, in order.
func (n *node) all(tag string) []*node {
	var out []*node
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.tag() == tag {
			out = append(out, c)
		}
	}
	return out
}

// one gives the first child of that tag, nil when there is none.
func (n *node) one(tag string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.tag() == tag {
			return c
		}
	}
	return nil
}

// value is the text of the child of that tag when it is there and sound.
func (n *node) value(tag string) (string, bool) {
	c := n.one(tag)
	if c == nil || c.bad {
		return "", false
	}
	return c.text, true
}

// firstWord is where the first character of text that is no white space
// stands, when text starts at p.
func firstWord(p Pos, text string) Pos {
	for _, c := range []byte(text) {
		switch c {
		case '\n':
			p.Line++
			p.Col = 1
		case ' ', '\t', '\r':
			p.Col++
		default:
			return p
		}
	}
	return p
}

// A syntaxError is a fault of the XML itself.
type syntaxError struct {
	pos   Pos
	text  string
	empty bool // no element at all: the caller knows which one is wanted
}

func (e *syntaxError) Error() string { return e.text }

// parseTree reads a whole file into a tree. Positions carry the name file.
func parseTree(file string, data []byte) (*node, *syntaxError) {
	top := Pos{File: file, Line: 1, Col: 1}
	if len(data) > maxFileBytes {
		return nil, &syntaxError{pos: top, text: "the file is larger than 4 MB; a configuration is a few kilobytes, split off what is not configuration"}
	}
	text, err := toUTF8(data)
	if err != nil {
		return nil, &syntaxError{pos: top, text: err.Error()}
	}
	b := treeBuilder{file: file, src: text}
	b.dec = xml.NewDecoder(bytes.NewReader(text))
	b.dec.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil }
	if err := b.run(); err != nil {
		return nil, err
	}
	return b.root, nil
}

type treeBuilder struct {
	file  string
	src   []byte
	dec   *xml.Decoder
	root  *node
	open  *node
	depth int
	count int
}

func (b *treeBuilder) pos() Pos {
	line, col := b.dec.InputPos()
	return Pos{File: b.file, Line: line, Col: col}
}

func (b *treeBuilder) run() *syntaxError {
	for {
		pos, offset := b.pos(), b.dec.InputOffset()
		tok, err := b.dec.Token()
		if errors.Is(err, io.EOF) {
			if b.root == nil {
				return &syntaxError{pos: pos, text: "the file holds no element", empty: true}
			}
			return nil
		}
		if err != nil {
			return b.broken(err)
		}
		if err := b.token(tok, pos, offset); err != nil {
			return err
		}
	}
}

func (b *treeBuilder) token(tok xml.Token, pos Pos, offset int64) *syntaxError {
	switch t := tok.(type) {
	case xml.StartElement:
		return b.start(t, pos)
	case xml.EndElement:
		b.open = b.open.parent
		b.depth--
	case xml.CharData:
		if b.open == nil {
			if len(bytes.TrimSpace(t)) > 0 {
				return &syntaxError{pos: firstWord(pos, string(t)), text: "there is text outside the document element; remove it"}
			}
			return nil
		}
		cdata := bytes.HasPrefix(b.src[offset:], []byte("<![CDATA["))
		b.open.pieces = append(b.open.pieces, piece{string(t), cdata, pos})
	case xml.Directive:
		return &syntaxError{pos: pos, text: "a DOCTYPE or other declaration is not allowed; remove it"}
	}
	return nil
}

func (b *treeBuilder) start(t xml.StartElement, pos Pos) *syntaxError {
	n := &node{space: t.Name.Space, name: t.Name.Local, pos: pos, parent: b.open, attrs: t.Attr}
	switch {
	case b.open != nil:
		b.open.children = append(b.open.children, n)
	case b.root != nil:
		return &syntaxError{pos: pos, text: "there is a second document element; a file has one"}
	default:
		b.root = n
	}
	if b.depth++; b.depth > maxDepth {
		return &syntaxError{pos: pos, text: "elements are nested deeper than 64 levels; no configuration needs that"}
	}
	if b.count++; b.count > maxElements {
		return &syntaxError{pos: pos, text: "the file holds more than 20000 elements; split it into several members"}
	}
	b.open = n
	return nil
}

// broken puts the parser's own words at the place where it stopped.
func (b *treeBuilder) broken(err error) *syntaxError {
	var se *xml.SyntaxError
	text := err.Error()
	if errors.As(err, &se) {
		text = se.Msg
	}
	text = strings.TrimPrefix(text, "xml: ")
	return &syntaxError{pos: b.pos(), text: "not well-formed XML: " + shown(text) + "; correct the markup here or just before"}
}
