package syntax

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"

	"github.com/secretsync/secretsync/internal/position"
)

// json reads a JSON document. The first pass finds syntax errors and data after
// the document, so that the second meets none.
func (p *parser) json() *Node {
	var raw json.RawMessage
	if err := json.Unmarshal(p.src.data, &raw); err != nil {
		p.jsonError(err)
		return nil
	}
	j := &jsonReader{parser: p, dec: json.NewDecoder(bytes.NewReader(p.src.data))}
	j.dec.UseNumber()
	return j.value(1)
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

type jsonReader struct {
	*parser
	dec *json.Decoder
}

// next returns the next token and the offset it starts at.
func (j *jsonReader) next() (json.Token, int) {
	at := int(j.dec.InputOffset())
	for at < len(j.src.data) && strings.IndexByte(" \t\r\n,:", j.src.data[at]) >= 0 {
		at++
	}
	t, _ := j.dec.Token() // the document is known to be well-formed
	if s, ok := t.(string); ok && loneSurrogate(s, j.src.data[at:j.dec.InputOffset()]) {
		j.syntaxError(j.src.pos(at), "half of a surrogate pair in a string; it stands for no character")
	}
	return t, at
}

// loneSurrogate reports whether decoding produced a U+FFFD that the text does not have:
// encoding/json does so for a \ud800 without its partner.
func loneSurrogate(s string, raw []byte) bool {
	return strings.Count(s, "\ufffd") > bytes.Count(raw, []byte("\ufffd"))+bytes.Count(bytes.ToLower(raw), []byte(`\ufffd`))
}

func (j *jsonReader) value(depth int) *Node {
	t, at := j.next()
	n := &Node{Pos: j.src.pos(at)}
	switch t := t.(type) {
	case json.Delim:
		if j.tooDeep(n.Pos, depth) {
			return n
		}
		n.Kind = List
		if t == '{' {
			n.Kind = Map
		}
		j.children(n, depth)
	case string:
		n.Kind, n.Text = String, t
	case json.Number:
		n.Kind, n.Text = Int, t.String()
		if strings.ContainsAny(n.Text, ".eE") {
			n.Kind = Float
		}
	case bool:
		n.Kind, n.Text = Bool, "false"
		if t {
			n.Text = "true"
		}
	default:
		n.Kind = Null
	}
	return n
}

func (j *jsonReader) children(n *Node, depth int) {
	seen := map[string]position.Position{}
	for j.dec.More() {
		if n.Kind == List {
			n.Items = append(n.Items, j.value(depth+1))
		} else {
			t, at := j.next()
			key, pos := t.(string), j.src.pos(at)
			value := j.value(depth + 1)
			if first, ok := seen[key]; ok {
				j.duplicate(key, pos, first)
			} else {
				seen[key] = pos
				n.Fields = append(n.Fields, Field{key, pos, value})
			}
		}
		if j.partly { // too deep: the tokens no longer belong to the open map or list
			return
		}
	}
	j.next() // the closing bracket
}
