package conf

// An Entry is one row of the registry: an element (option, property, block) or
// a service type, and what kzfast does with it.
type Entry struct {
	Parent  string    // block it stands in: "accept-options", "echo properties", "service type", ...
	Name    string    // tag; ours start with "kz:"
	Type    ValueType // of its value
	Values  []string  // the words of an Enum
	Low     int64     // bounds of an Integer; High 0: no upper bound
	High    int64
	Min     int       // how often it must stand there
	Max     int       // how often it may; Many: no bound
	Default string    // as it would be written; "" none, Meaning then says what holds
	Alias   string    // not "": another spelling of that tag
	Until   Namespace // not 0: only in files of that namespace or older
	Meaning string    // one line for the documentation, with the unit
	State   State
	Note    string // the sentence that goes with any State but Served

	block string // of a Block: the Parent of its children
	rule  string // rule of a value that does not fit; "" E-4
	many  string // rule of one too many; "" E-3
}

// Many is an Entry.Max without bound.
const Many = -1

// A State tells what becomes of an element in this version.
type State int

// The states.
const (
	Served  State = iota // does what it says
	Later                // validated, not served yet: a warning with the Note
	Ignored              // has no effect: a warning with the Note
	Refused              // an error with the Note
)

// String gives the words of the documentation.
func (s State) String() string {
	return [...]string{"served", "validated, not served yet", "ignored with warning", "refused"}[s]
}

// Status is the State with its sentence.
func (e Entry) Status() string {
	if e.Note == "" {
		return e.State.String()
	}
	return e.State.String() + ": " + e.Note
}

// Holds is the Parent of the rows that a Block holds; "" when that depends on
// something else.
func (e Entry) Holds() string { return e.block }

// KZ reports whether the element is ours.
func (e Entry) KZ() bool { return len(e.Name) > 3 && e.Name[:3] == "kz:" }

// A ValueType is a lexical type (spec/config.md §4).
type ValueType int

// The lexical types.
const (
	Block        ValueType = iota // holds elements
	Text                          // any text, may be empty
	Name                          // any text but an empty one
	Size                          // bytes: 64, 64k, 1M
	Rate                          // bytes per second: 1000, 40MB/s
	Interval                      // time: 30, 1.5 min, 500ms
	CSV                           // a,b,c
	Switch                        // enabled, disabled
	Integer                       // digits
	Enum                          // one of Values
	URIValue                      // scheme://host:port/path
	BindValue                     // port, host:port, @iface:port
	CacheControl                  // no-store, max-age=m+1 year
	Path                          // a file
)

// String names the type as messages do.
func (t ValueType) String() string {
	return [...]string{"block", "text", "text", "size", "rate", "interval", "list", "switch", "number", "word", "URI", "bind address", "cache-control", "path"}[t]
}

// forms gives examples of a type for messages.
func (e *Entry) forms() string {
	switch e.Type {
	case Size:
		return "examples: 65536, 64k, 1M; at most 2147483647 bytes"
	case Rate:
		return "examples: 65536, 500kB/s, 1MB/s; units B/s, kB/s, KiB/s, MB/s, MiB/s, not 0"
	case Interval:
		return "examples: 30, 30 sec, 500ms, 1.5 min, 1 hour"
	case CSV:
		return "write a,b,c without blanks"
	case Switch:
		return "write enabled or disabled"
	case Integer:
		return "write a whole number" + e.bounds()
	case Enum:
		return "write one of: " + list(e.Values)
	case CacheControl:
		return "examples: no-store, max-age=1 day, max-age=m+1 year,public"
	}
	return "write a text that is not empty"
}

func row(parent, name string, t ValueType, def, meaning string) Entry {
	return Entry{Parent: parent, Name: name, Type: t, Max: 1, Default: def, Meaning: meaning}
}

func word(parent, name, def, meaning string, values ...string) Entry {
	e := row(parent, name, Enum, def, meaning)
	e.Values = values
	return e
}

func holder(parent, name, block, meaning string) Entry {
	e := row(parent, name, Block, "", meaning)
	e.block = block
	return e
}

func (e Entry) times(lo, hi int) Entry             { e.Min, e.Max = lo, hi; return e }
func (e Entry) within(lo, hi int64) Entry          { e.Low, e.High = lo, hi; return e }
func (e Entry) as(s State, sentence string) Entry  { e.State, e.Note = s, sentence; return e }
func (e Entry) aliasOf(name string) Entry          { e.Alias = name; return e }
func (e Entry) until(n Namespace) Entry            { e.Until = n; return e }
func (e Entry) breaking(value, count string) Entry { e.rule, e.many = value, count; return e }

// Registry lists every element, option, property and service type of the
// configuration, in the order of the grammar. The caller owns the copy.
func Registry() []Entry {
	var all []Entry
	all = append(all, structureRows...)
	all = append(all, optionRows...)
	all = append(all, propertyRows...)
	all = append(all, securityRows...)
	all = append(all, kzRows...)
	for _, t := range serviceTypes {
		all = append(all, t.row())
	}
	return all
}

// registry is Registry by parent and tag, in order within each parent.
var registry = func() map[string][]*Entry {
	m := make(map[string][]*Entry)
	for _, e := range Registry() {
		m[e.Parent] = append(m[e.Parent], &e)
	}
	return m
}()

func entry(block, tag string) *Entry {
	for _, e := range registry[block] {
		if e.Name == tag {
			return e
		}
	}
	return nil
}

// unordered blocks take their children in any order (§2.1).
var unordered = map[string]bool{
	"accept-options":           true,
	"connect-options":          true,
	"proxy properties":         true,
	"amqp.proxy properties":    true,
	"http.proxy properties":    true,
	"http.redirect properties": true,
	"broadcast properties":     true,
	"authorization-constraint": true,
	"options of module file":   true,
}

// freeForm blocks take elements of any other name; the value says what is
// told about them, "" nothing.
var freeForm = map[string]string{
	"amqp.proxy properties":    "amqp.proxy runs as a plain proxy; the property has no effect",
	"balancer properties":      "a balancer has no properties of the predecessor; the property has no effect",
	"tolerated properties":     "",
	"options of other modules": "",
}
