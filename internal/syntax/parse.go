package syntax

import (
	"bytes"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/charset"
	"github.com/secretsync/secretsync/internal/position"
	"gopkg.in/yaml.v3"
)

// Format is a language that [Parse] reads.
type Format string

// The formats.
const (
	YAML Format = "YAML"
	TOML Format = "TOML"
	JSON Format = "JSON"
)

// maxDepth is how deep maps and lists may be nested.
const maxDepth = 100

// Limits bound a document, as a protection against hostile ones.
type Limits struct {
	// Size is in bytes.
	Size int
	// Entries is how many entries the maps and lists may have together, each of which takes up to a
	// kilobyte of memory; 0 for any number. They are counted before the document is read, by what
	// separates them, so that empty lines and commas in texts count too.
	Entries int
}

// MaxSize is the size in bytes of the largest document that [Parse] and [ParseFullYAML] accept.
const MaxSize = 4 << 20

var usual = Limits{Size: MaxSize}

// FormatOf returns a file's format by its extension.
func FormatOf(filename string) (Format, bool) {
	f, ok := map[string]Format{".yaml": YAML, ".yml": YAML, ".toml": TOML, ".json": JSON}[strings.ToLower(filepath.Ext(filename))]
	return f, ok
}

// Parse reads one document. name is for positions only. The document may be of any
// kind, so callers that want a map have to check. It returns the document, or nil if it
// could not be read, and the mistakes in it. A document in which a key is given twice is
// still returned, so that the mistakes in its content are reported in the same run.
func Parse(name string, data []byte, f Format) (*Node, []*Error) { return usual.Parse(name, data, f) }

// Parse is the function Parse with other limits.
func (l Limits) Parse(name string, data []byte, f Format) (*Node, []*Error) {
	return (&parser{limits: l, format: f, src: source{name: name, data: data}}).parse()
}

// ParseFullYAML is [Parse] for a YAML document that SOPS reads too, and reads it as SOPS
// does: an alias is its anchor's content, a merge key is a key called <<, and tags are
// allowed. Keys are strings all the same.
func ParseFullYAML(name string, data []byte) (*Node, []*Error) {
	return usual.ParseFullYAML(name, data)
}

// ParseFullYAML is the function ParseFullYAML with other limits.
func (l Limits) ParseFullYAML(name string, data []byte) (*Node, []*Error) {
	return (&parser{limits: l, format: YAML, full: true, src: source{name: name, data: data}}).parse()
}

func (p *parser) parse() (*Node, []*Error) {
	defer func() { p.errs.Tag("syntax", 0) }()
	if p.checkText() {
		p.src.indexLines()
		root := map[Format]func() *Node{YAML: p.yaml, TOML: p.toml, JSON: p.json}[p.format]()
		markers := ConflictMarkers(p.src.data)
		switch {
		// Between quotes, TOML allows such lines, so there only a whole conflict is one. The other
		// two do not allow them, but a library might.
		case len(markers) > 0 && (len(p.errs) > 0 || p.format != TOML || wholeConflict(p.src.data)):
			p.conflicts(markers)
		case !p.partly:
			return root, p.errs.Sorted()
		}
	}
	return nil, p.errs.Sorted()
}

// parser is the state that the three languages share.
type parser struct {
	limits Limits
	format Format
	src    source
	errs   ErrorList
	partly bool   // what was read is not all that the document says
	nodes  []Node // allocated, and not used yet

	full    bool                // read YAML as ParseFullYAML does
	aliased int                 // nodes of YAML that were read through aliases
	within  []*yaml.Node        // the anchors that aliases led to, outermost first
	shared  []position.Position // of anchors, aliases and merge keys that were refused
}

// node returns a new node. Nodes are allocated many at a time.
func (p *parser) node(pos position.Position) *Node {
	const many = 128
	if len(p.nodes) == 0 {
		p.nodes = make([]Node, many)
	}
	n := &p.nodes[0]
	p.nodes = p.nodes[1:]
	n.Pos = pos
	return n
}

// span is a part of the document.
type span struct{ offset, end int }

// syntaxError reports a mistake in the language itself. why is ours: a library's
// message may quote the document.
func (p *parser) syntaxError(pos position.Position, why string) {
	p.errs.Add(pos, "", "%s syntax error: %s", p.format, why)
}

// reason is a part of a library's message, and what is reported instead.
type reason struct{ theirs, ours string }

// badEscape is the reason for what a path of Windows looks like between double quotes.
const badEscape = `an unknown escape in a text in double quotes; paths are written with /, and \\ is one backslash`

// unexplained is the reason if a library's message is not known.
const unexplained = "it cannot be read"

func translate(message string, reasons []reason) string {
	for _, r := range reasons {
		if strings.Contains(message, r.theirs) {
			return r.ours
		}
	}
	return unexplained
}

// duplicate reports a key that its map has already.
func (p *parser) duplicate(key string, pos, first position.Position) {
	defer p.errs.Tag("duplicate-key", len(p.errs))
	p.errs.Add(pos, "first at "+first.String(), "duplicate key %s", QuoteKey(key))
}

// tooDeep reports nesting beyond maxDepth.
func (p *parser) tooDeep(pos position.Position, depth int) bool {
	if depth <= maxDepth {
		return false
	}
	p.errs.Add(pos, "", "nested more than %d levels deep", maxDepth)
	p.partly = true
	return true
}

// checkText refuses what is not text, and drops a byte order mark.
func (p *parser) checkText() bool {
	d := p.src.data
	whole := position.Position{File: p.src.name}
	switch encoding := charset.UTF16(d); {
	case len(d) > p.limits.Size:
		p.errs.Add(whole, "", "is larger than %s", inBytes(p.limits.Size))
	case p.limits.Entries > 0 && entries(d, p.format) > p.limits.Entries:
		p.errs.Add(whole, "", "has more than %d entries", p.limits.Entries)
	case encoding != "":
		p.errs.Add(whole, charset.Hint, "is encoded in %s", encoding)
	default:
		d = bytes.TrimPrefix(d, []byte(charset.BOM))
		p.src.data = d
		if i := firstBad(d); i >= 0 {
			p.src.indexLines()
			p.errs.Add(p.src.pos(i), "want UTF-8 text", "a byte that is not text")
		} else if len(bytes.TrimSpace(d)) == 0 {
			p.empty()
		}
	}
	return len(p.errs) == 0
}

// inBytes writes a size.
func inBytes(size int) string {
	if size%(1<<20) == 0 {
		return strconv.Itoa(size>>20) + " MiB"
	}
	return strconv.Itoa(size) + " bytes"
}

// entries is an upper bound of how many entries the maps and lists of a document have.
func entries(d []byte, f Format) int {
	before := map[Format][]string{
		JSON: {",", "[", "{"},
		TOML: {",", "[", "{", "\n"},
		YAML: {",", "[", "{", "\n", "- ", "-\t", "? ", "?\t"},
	}[f]
	count := 1
	for _, separator := range before {
		count += bytes.Count(d, []byte(separator))
	}
	return count
}

func (p *parser) empty() { p.errs.Add(position.Position{File: p.src.name}, "", "is empty") }

// firstBad returns the offset of the first byte that is part of neither a
// character nor white space, or -1.
func firstBad(d []byte) int {
	for i := 0; i < len(d); {
		if c := d[i]; c >= ' ' && c < 0x7f {
			i++
			continue
		}
		r, n := utf8.DecodeRune(d[i:])
		if r == utf8.RuneError && n == 1 || r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f {
			return i
		}
		i += n
	}
	return -1
}

// source turns offsets into positions. It remembers the last one, so that the
// positions of one long line, asked for in order, take linear time.
type source struct {
	name   string
	data   []byte
	lines  []int // offset of each line's start
	offset int
	last   position.Position
}

func (s *source) indexLines() {
	s.lines = append(make([]int, 0, bytes.Count(s.data, []byte("\n"))+1), 0)
	for i, b := range s.data {
		if b == '\n' {
			s.lines = append(s.lines, i+1)
		}
	}
}

func (s *source) pos(offset int) position.Position {
	offset = max(0, min(offset, len(s.data)))
	line := s.line(offset)
	from, column := s.lines[line-1], 1
	if line == s.last.Line && offset >= s.offset {
		from, column = s.offset, s.last.Column
	}
	s.offset, s.last = offset, position.Position{File: s.name, Line: line, Column: column + utf8.RuneCount(s.data[from:offset])}
	return s.last
}

// line returns the line of an offset, from 1: most often the last one's, or the line after it.
func (s *source) line(offset int) int {
	for line := max(s.last.Line, 1); line <= min(s.last.Line+1, len(s.lines)); line++ {
		if s.lines[line-1] <= offset && (line == len(s.lines) || offset < s.lines[line]) {
			return line
		}
	}
	return sort.SearchInts(s.lines, offset+1)
}

// Offset is the offset in bytes of a position that [Parse] returned for the same data. Editing needs
// it.
func Offset(data []byte, pos position.Position) int {
	at := 0
	if bytes.HasPrefix(data, []byte(charset.BOM)) {
		at = len(charset.BOM)
	}
	for range pos.Line - 1 {
		next := bytes.IndexByte(data[at:], '\n')
		if next < 0 {
			return len(data)
		}
		at += next + 1
	}
	for column := 1; column < pos.Column && at < len(data); column++ {
		_, size := utf8.DecodeRune(data[at:])
		at += size
	}
	return at
}

// maxShown is the longest key that a message quotes.
const maxShown = 64

// QuoteKey quotes a map's key for a message if it looks like a name. Anything
// else may be a value in the wrong place, as in "{value:hunter2}".
func QuoteKey(key string) string {
	if key == "<<" || IsName(key) { // the former is a merge key of YAML
		return `"` + key + `"`
	}
	return "(not shown)"
}

// IsName reports whether a map's key looks like a name, so that it can be shown.
func IsName(key string) bool {
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-."
	return key != "" && len(key) <= maxShown && strings.Trim(key, letters) == ""
}
