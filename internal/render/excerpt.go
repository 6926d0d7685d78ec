package render

import (
	"fmt"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Foreign text is cut piece by piece, so that a long piece cannot push the next one out of
// sight: comments at maxText, names and paths at maxName characters.
const (
	maxText = 80
	maxName = 160
)

// excerpt quotes the beginning of foreign text. What is cut is said outside of the quotes, where
// the text cannot say it.
func excerpt(text string, limit int) string {
	head := beginning(text, limit)
	if head == text {
		return quoted(text)
	}
	return quoted(head) + fmt.Sprintf("… (%d characters)", utf8.RuneCountInString(text))
}

// beginning is as much of a text as shows in limit characters: escapes are longer than what they
// stand for.
func beginning(text string, limit int) string {
	end := 0
	for n := 0; n < limit && end < len(text); n++ {
		_, size := utf8.DecodeRuneInString(text[end:])
		end += size
	}
	for width(text[:end]) > limit {
		_, size := utf8.DecodeLastRuneInString(text[:end])
		end -= size
	}
	return text[:end]
}

// width is how many characters a text has in quotes, without them.
func width(text string) int { return utf8.RuneCountInString(quoted(text)) - 2 }

// shortName is a name, or the beginning of one that is too long to be among others.
func shortName(name string) string {
	if utf8.RuneCountInString(name) > maxName {
		return excerpt(name, maxName)
	}
	return word(name)
}

// path is a file's name, in quotes if it could be mistaken for something else, and cut if it is
// very long.
func path(name string) string {
	if plainPath.MatchString(name) && utf8.RuneCountInString(name) <= maxName {
		return Safe(name)
	}
	return excerpt(name, maxName)
}

var plainPath = regexp.MustCompile(`^[^\s"';,\x60]+$`)

// difference is how a text changes. If the beginnings of both are the same, they are left out.
func difference(before, after string) (from, to string) {
	was, is := beginning(before, maxText), beginning(after, maxText)
	if was != is || was == before && is == after {
		return excerpt(before, maxText), excerpt(after, maxText)
	}
	skip := commonPrefix(before, after)
	where := fmt.Sprintf("from character %d: ", utf8.RuneCountInString(before[:skip])+1)
	return where + excerpt(before[skip:], maxText), excerpt(after[skip:], maxText)
}

// arrow is what stands between a text and the one that replaces it. A text of a script that is
// written from right to left must not change places with the other: a word of ours prevents that.
func arrow(before, after string) string {
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

// wrapped breaks a text into lines of up to limit characters, where it has blanks.
func wrapped(text string, limit int) []string {
	var lines []string
	line := ""
	for i, w := range strings.Split(text, " ") {
		switch {
		case i == 0:
			line = w
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(w) > limit:
			lines = append(lines, line)
			line = w
		default:
			line += " " + w
		}
	}
	return append(lines, line)
}
