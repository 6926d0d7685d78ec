// Package foreign shows text from elsewhere among words of ours: quoted where it could be mistaken
// for them, and cut piece by piece, so that a long piece cannot push the next one out of sight.
package foreign

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/secretsync/secretsync/internal/visible"
)

// Comments are cut at MaxText characters, names and paths at MaxName.
const (
	MaxText = 80
	MaxName = 160
)

// Excerpt quotes the beginning of foreign text. What is cut is said outside of the quotes, where
// the text cannot say it.
func Excerpt(text string, limit int) string {
	head := Beginning(text, limit)
	if head == text {
		return Quoted(text)
	}
	return Quoted(head) + fmt.Sprintf("… (%d characters)", utf8.RuneCountInString(text))
}

// Beginning returns as much of a text as fits into limit characters after escaping: escapes are
// longer than the characters that they replace.
func Beginning(text string, limit int) string {
	end := 0
	for n := 0; n < limit && end < len(text); n++ {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	for Width(text[:end]) > limit {
		_, size := utf8.DecodeLastRuneInString(text[:end])
		end -= size
	}
	return text[:end]
}

// Width is how many characters a text has in quotes, without them.
func Width(text string) int { return utf8.RuneCountInString(Quoted(text)) - 2 }

// Name returns a name, or the beginning of one that is too long for a list.
func Name(name string) string {
	if utf8.RuneCountInString(name) > MaxName {
		return Excerpt(name, MaxName)
	}
	return Word(name)
}

// Path is a file's name, in quotes if it could be mistaken for something else, and cut if it is
// very long.
func Path(name string) string {
	if plainPath.MatchString(name) && utf8.RuneCountInString(name) <= MaxName {
		return visible.Text(name)
	}
	return Excerpt(name, MaxName)
}

var plainPath = regexp.MustCompile(`^[^\s"';,\x60]+$`)

// Difference is how a text changes. If the beginnings of both are the same, they are left out.
func Difference(before, after string) (from, to string) {
	was, is := Beginning(before, MaxText), Beginning(after, MaxText)
	if was != is || was == before && is == after {
		return Excerpt(before, MaxText), Excerpt(after, MaxText)
	}
	skip := commonPrefix(before, after)
	where := fmt.Sprintf("from character %d: ", utf8.RuneCountInString(before[:skip])+1)
	return where + Excerpt(before[skip:], MaxText), Excerpt(after[skip:], MaxText)
}

// Arrow separates a text from its replacement. Text in a right-to-left script must not change places
// with the other text: a word of ours prevents that.
func Arrow(before, after string) string {
	for _, r := range before + after {
		if r > unicode.MaxLatin1 {
			return ", now "
		}
	}
	return " -> "
}

// commonPrefix is the length of what two texts begin with, in bytes. It ends between characters.
func commonPrefix(x, y string) int {
	n := 0
	for n < len(x) && n < len(y) {
		r, size := utf8.DecodeRuneInString(x[n:])
		if s, other := utf8.DecodeRuneInString(y[n:]); s != r || other != size || !strings.HasPrefix(y[n:], x[n:n+size]) {
			break
		}
		n += size
	}
	return n
}

// plainWord matches names that cannot be mistaken for anything else in a line.
var plainWord = regexp.MustCompile(`^[A-Za-z0-9_.-]+$`)

// Word is a name: in quotes, if it could be mistaken for several words.
func Word(name string) string {
	if plainWord.MatchString(name) {
		return name
	}
	return Quoted(name)
}

// Quoted is foreign text in quotes, which need not be a single word.
func Quoted(text string) string { return visible.Text(strconv.Quote(text)) }
