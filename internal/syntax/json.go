package syntax

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"strings"
)

// json reads a JSON document. encoding/json finds syntax errors and data after the document
// first, so that the reader, which knows positions, meets none.
func (p *parser) json() *Node {
	if !json.Valid(p.src.data) {
		p.jsonError(json.Unmarshal(p.src.data, new(json.RawMessage)))
		return nil
	}
	return (&jsonReader{parser: p}).value(1)
}

// jsonError rewords an error of encoding/json, which quotes a character of the document.
func (p *parser) jsonError(err error) {
	at, why := len(p.src.data), "it ends too early"
	var s *json.SyntaxError
	if errors.As(err, &s) && !strings.HasPrefix(s.Error(), "unexpected end") {
		at, why = int(s.Offset)-1, translate(s.Error(), jsonReasons)
	}
	p.syntaxError(p.src.pos(at), why)
}

const notNumber = "not a number; text needs double quotes"

var jsonReasons = []reason{
	{"after top-level value", "more data after the document"},
	{"looking for beginning of object key string", "expected a key in double quotes; after the last field there is no comma"},
	{"looking for beginning of value", "expected a value; text needs double quotes"},
	{"after object key:value pair", "expected ',' or '}' after a value"},
	{"after object key", "expected ':' after a key"},
	{"after array element", "expected ',' or ']' after a value"},
	{"in string literal", `a line break or tab inside a string; write \n or \t`},
	{"in string escape code", badEscape},
	{"hexadecimal character escape", badEscape},
	{"in numeric literal", notNumber},
	{"in exponent of numeric literal", notNumber},
	{"in literal", "a misspelled true, false or null; text needs double quotes"},
	{"exceeded max depth", "nested too deep"},
}

// jsonReader reads a document that is known to be well-formed. The maps and lists that are being
// read have their content at the end of fields and items, so that each is allocated once, when its
// length is known.
type jsonReader struct {
	*parser
	at     int // the offset of what is read next
	fields []Field
	items  []*Node
}

// next skips to the next token and returns its first byte.
func (j *jsonReader) next() byte {
	for strings.IndexByte(" \t\r\n,:", j.src.data[j.at]) >= 0 {
		j.at++
	}
	return j.src.data[j.at]
}

func (j *jsonReader) value(depth int) *Node {
	c := j.next()
	n := j.node(j.src.pos(j.at))
	switch c {
	case '{', '[':
		if j.tooDeep(n.Pos, depth) {
			return n
		}
		j.at++
		if c == '{' {
			n.Kind = Map
			j.readFields(n, depth)
		} else {
			n.Kind = List
			j.readItems(n, depth)
		}
		j.at++ // the closing bracket
	case '"':
		n.Kind, n.Text = String, j.text()
	case 't', 'f':
		n.Kind, n.Text = Bool, j.literal()
	case 'n':
		n.Kind = Null
		j.literal()
	default:
		n.Kind, n.Text = Int, j.literal()
		if strings.ContainsAny(n.Text, ".eE") {
			n.Kind = Float
		}
	}
	return n
}

// readFields reads a map's content. Where something in it is too deep, it stops.
func (j *jsonReader) readFields(n *Node, depth int) {
	start := len(j.fields)
	var seen keyIndex
	for j.next() != '}' {
		pos := j.src.pos(j.at)
		key := j.text()
		value := j.value(depth + 1)
		if j.partly {
			break
		}
		if first := seen.find(j.fields[start:], key); first >= 0 {
			j.duplicate(key, pos, j.fields[start+first].Pos)
		} else {
			j.fields = append(j.fields, Field{key, pos, value})
		}
	}
	n.Fields = slices.Clone(j.fields[start:])
	j.fields = j.fields[:start]
}

// readItems reads a list's content. Where something in it is too deep, it stops.
func (j *jsonReader) readItems(n *Node, depth int) {
	start := len(j.items)
	for !j.partly && j.next() != ']' {
		j.items = append(j.items, j.value(depth+1))
	}
	n.Items = slices.Clone(j.items[start:])
	j.items = j.items[:start]
}

// text reads a string.
func (j *jsonReader) text() string {
	start, escaped := j.at, false
	for j.at++; j.src.data[j.at] != '"'; j.at++ {
		if j.src.data[j.at] == '\\' {
			escaped = true
			j.at++
		}
	}
	j.at++
	raw := j.src.data[start:j.at]
	if !escaped {
		return string(raw[1 : len(raw)-1])
	}
	var s string
	_ = json.Unmarshal(raw, &s) // the document is known to be well-formed
	if loneSurrogate(s, raw) {
		j.syntaxError(j.src.pos(start), "half of a surrogate pair in a string; it stands for no character")
	}
	return s
}

// loneSurrogate reports whether decoding produced a U+FFFD that the text does not have:
// encoding/json does so for a \ud800 without its partner.
func loneSurrogate(s string, raw []byte) bool {
	return strings.Count(s, "\ufffd") > bytes.Count(raw, []byte("\ufffd"))+bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`))
}

// literal reads a number or a word.
func (j *jsonReader) literal() string {
	start := j.at
	for j.at < len(j.src.data) && strings.IndexByte(" \t\r\n,:]}", j.src.data[j.at]) < 0 {
		j.at++
	}
	return string(j.src.data[start:j.at])
}
