package wrangler

import "bytes"

// closing returns the offset of the bracket that closes the one at open, and of the last byte
// before it that is neither blank nor in a comment. If there is no such byte, last is open.
func (e *editor) closing(open int) (last, end int) {
	last, end = open, len(e.data)
	depth := 0
	e.scan(open, func(at, to int) bool {
		switch e.data[at] {
		case '[', '{':
			depth++
		case ']', '}':
			if depth--; depth == 0 {
				end = at
				return false
			}
		}
		last = to - 1
		return true
	})
	return last, end
}

// lastItem returns where the last item of the list or object begins that opens at an
// offset; open itself where it has none.
func (e *editor) lastItem(open int) int {
	item, depth, next := open, 0, false
	e.scan(open, func(at, _ int) bool {
		c := e.data[at]
		if depth == 1 && next && c != ']' && c != '}' {
			item, next = at, false
		}
		switch c {
		case '[', '{':
			depth++
			next = next || depth == 1
		case ']', '}':
			depth--
		case ',':
			next = next || depth == 1
		}
		return depth > 0
	})
	return item
}

// scan calls visit with every token from an offset on: a string as a whole, anything
// else byte by byte. Blanks and comments are passed over. It ends where visit says so.
func (e *editor) scan(from int, visit func(at, to int) bool) {
	for at := from; at < len(e.data); {
		switch c := e.data[at]; {
		case c == ' ' || c == '\t' || c == '\r' || c == '\n':
			at++
			continue
		case e.toml && c == '#' || !e.toml && bytes.HasPrefix(e.data[at:], []byte("//")):
			at = e.find(at, "\n")
			continue
		case !e.toml && bytes.HasPrefix(e.data[at:], []byte("/*")):
			at = e.find(at+2, "*/")
			continue
		}
		to := at + 1
		if c := e.data[at]; c == '"' || e.toml && c == '\'' {
			to = e.afterString(at)
		}
		if !visit(at, to) {
			return
		}
		at = to
	}
}

// find returns the offset behind the next occurrence of text, or the end.
func (e *editor) find(from int, text string) int {
	if i := bytes.Index(e.data[min(from, len(e.data)):], []byte(text)); i >= 0 {
		return from + i + len(text)
	}
	return len(e.data)
}

// afterString returns the offset behind the string that begins at an offset.
func (e *editor) afterString(from int) int {
	if from >= len(e.data) {
		return len(e.data)
	}
	quote := e.data[from]
	if long := bytes.Repeat([]byte{quote}, 3); e.toml && bytes.HasPrefix(e.data[from:], long) {
		for at := from + 3; at < len(e.data); at++ {
			switch {
			case quote == '"' && e.data[at] == '\\':
				at++
			case bytes.HasPrefix(e.data[at:], long):
				at += 3
				for at < len(e.data) && e.data[at] == quote { // up to two more belong to it
					at++
				}
				return at
			}
		}
		return len(e.data)
	}
	for at := from + 1; at < len(e.data); at++ {
		switch {
		case e.data[at] == '\\' && quote == '"':
			at++
		case e.data[at] == quote:
			return at + 1
		}
	}
	return len(e.data)
}
