package troubleshooting

import "strings"

// gap replaces the variable parts of a message.
const gap = "…"

// pattern is a message in pieces, between which anything may be.
type pattern struct {
	entry   int
	kind    Kind
	pieces  []string
	fixed   int  // how many bytes the pieces have
	context bool // it ends with ": …", so it says where, and what follows says why
}

func newPattern(m Message, entry int) pattern {
	pieces := strings.Split(m.Text, gap)
	fixed := len(m.Text) - len(gap)*(len(pieces)-1)
	return pattern{entry, m.Kind, pieces, fixed, strings.HasSuffix(m.Text, ": "+gap)}
}

// least is how many bytes of a message have to be fixed: less would match by accident.
const least = 9

func (p pattern) usable() bool { return p.fixed >= least }

// weight orders patterns that match the same message: what says why comes before what says where, and
// more words before fewer. A few words that anything may precede, as "… does not exist", come last.
func (p pattern) weight() int {
	const first, few = 1 << 20, 20
	switch {
	case p.kind == System:
		return p.fixed - first
	case p.pieces[0] == "" && p.fixed < few:
		return p.fixed - 3*first
	case p.context:
		return p.fixed - 2*first
	}
	return p.fixed
}

// matches reports whether a message has the pieces in order. What comes before the first has to be a
// context, as in "read x: ", and what follows the last something that was added to it.
func (p pattern) matches(message string) bool {
	if p.kind == System {
		return strings.Contains(message, p.pieces[0])
	}
	first, last := p.pieces[0], p.pieces[len(p.pieces)-1]
	for from := 0; ; {
		i := strings.Index(message[from:], first)
		if i < 0 {
			return false
		}
		at := from + i
		if (first == "" || begins(message[:at])) && follow(message[at+len(first):], p.pieces[1:], last) {
			return true
		}
		if first == "" {
			return false
		}
		from = at + 1
	}
}

// follow reports whether a text goes on with the pieces in order, and ends with the last.
func follow(text string, pieces []string, last string) bool {
	for i, piece := range pieces {
		if i == len(pieces)-1 && last == "" {
			return true
		}
		at := strings.Index(text, piece)
		if at < 0 {
			return false
		}
		if i == len(pieces)-1 {
			for ; at >= 0; at = next(text, piece, at) {
				if ends(text[at+len(piece):]) {
					return true
				}
			}
			return false
		}
		text = text[at+len(piece):]
	}
	return ends(text)
}

// next returns the offset of the next occurrence of a piece after the one at at, or -1.
func next(text, piece string, at int) int {
	i := strings.Index(text[at+1:], piece)
	if i < 0 {
		return -1
	}
	return at + 1 + i
}

// begins reports whether a message can begin after a text.
func begins(before string) bool {
	if before == "" {
		return true
	}
	for _, end := range []string{": ", "; ", " (", "\n", "skipped: "} {
		if strings.HasSuffix(before, end) {
			return true
		}
	}
	return false
}

// ends reports whether a message can end before a text.
func ends(after string) bool {
	return after == "" || strings.HasPrefix(after, ": ") || strings.HasPrefix(after, "; ") ||
		strings.HasPrefix(after, " (") || strings.HasPrefix(after, ")") || strings.HasPrefix(after, "\n") || strings.HasPrefix(after, ", ")
}
