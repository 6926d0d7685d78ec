// Package troubleshooting finds the entry of docs/troubleshooting.md that explains a message.
//
// The page itself is the index. It lists under each entry the messages that the entry is about, so that
// people can search for the exact words, as this package does. Errors do not carry the address of an
// entry: most have no type of their own, and no test would notice a forgotten address. Instead, tests
// compare the list with the code: every message of the program is under one entry, and is found by its
// own words.
//
// The page is part of the program, but is read only when an error is printed.
package troubleshooting

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"unicode"

	"github.com/secretsync/secretsync/docs"
	"github.com/secretsync/secretsync/internal/buildinfo"
)

// Kind is what a message is.
type Kind string

// The kinds of messages.
const (
	Error   Kind = "error"
	Hint    Kind = "hint"
	Warning Kind = "warning"
	// System is a message of the operating system or of a library.
	System Kind = "system"
)

// Message is a text in the page, with "…" for what differs from time to time.
type Message struct {
	Kind Kind
	Text string
	Line int
}

// Entry is a part of the page, about one cause.
type Entry struct {
	Title, Section string
	Line           int
	Messages       []Message
}

// Anchor is the fragment of the entry's address, as GitHub derives it from the heading.
func (e *Entry) Anchor() string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == ' ':
			return '-'
		case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
			return unicode.ToLower(r)
		}
		return -1
	}, e.Title)
}

// selfExplanatory is the section whose messages say all that is to be done.
const selfExplanatory = "Flags and arguments"

// page is the page in parts. Its zero value is not usable.
type page struct {
	entries  []Entry
	patterns []pattern // the best first
}

var read = sync.OnceValue(func() *page { return newPage(docs.Troubleshooting) })

// Entries returns the entries of the page.
func Entries() []Entry { return read().entries }

// Address returns the address of the entry about an error. rule is the kind of a mistake in a manifest,
// or empty: if no entry has the message, the entry of that name is used. The address is empty if there
// is no such entry, or if the message explains itself.
func Address(what, rule string) string {
	p := read()
	e := p.find(what)
	if e == nil {
		e = p.rule(rule)
	}
	if e == nil || e.Section == selfExplanatory {
		return ""
	}
	return buildinfo.Page("docs/troubleshooting.md") + "#" + e.Anchor()
}

// Rule returns the address of the entry about a kind of mistake; the page's if it has none.
func Rule(rule string) string {
	address := buildinfo.Page("docs/troubleshooting.md")
	if e := read().rule(rule); e != nil {
		address += "#" + e.Anchor()
	}
	return address
}

func (p *page) rule(rule string) *Entry {
	i := slices.IndexFunc(p.entries, func(e Entry) bool { return e.Anchor() == rule })
	if i < 0 {
		return nil
	}
	return &p.entries[i]
}

// find returns the entry about a message, or nil.
func (p *page) find(message string) *Entry {
	for _, pat := range p.patterns {
		if pat.matches(message) {
			return &p.entries[pat.entry]
		}
	}
	return nil
}

// newPage reads the page: entries begin with "### ", and their messages are in blocks of text.
func newPage(text string) *page {
	p := &page{}
	section, block := "", ""
	for i, line := range strings.Split(text, "\n") {
		line = strings.TrimSuffix(line, "\r")
		if language, fence := strings.CutPrefix(line, "```"); fence {
			block = language
			continue
		}
		switch {
		case block == "text" || block == "text system":
			if n := len(p.entries); n > 0 {
				p.entries[n-1].Messages = append(p.entries[n-1].Messages, newMessage(line, block, i+1))
			}
		case block != "":
		case strings.HasPrefix(line, "## "):
			section = line[len("## "):]
		case strings.HasPrefix(line, "### "):
			p.entries = append(p.entries, Entry{Title: line[len("### "):], Section: section, Line: i + 1})
		}
	}
	for i, e := range p.entries {
		for _, m := range e.Messages {
			if pat := newPattern(m, i); m.Kind != Hint && pat.usable() {
				p.patterns = append(p.patterns, pat)
			}
		}
	}
	slices.SortStableFunc(p.patterns, func(a, b pattern) int { return cmp.Compare(b.weight(), a.weight()) })
	return p
}

func newMessage(line, block string, number int) Message {
	m := Message{Error, line, number}
	for _, kind := range []Kind{Hint, Warning} {
		if text, ok := strings.CutPrefix(line, string(kind)+": "); ok {
			m.Kind, m.Text = kind, text
		}
	}
	if block == "text system" {
		m.Kind = System
	}
	return m
}
