//go:build unix

package terminal_test

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// screen is a terminal that is wide and high enough for everything, with the control sequences that
// the program may use. All others are remembered as unknown.
type screen struct {
	rows    [][]rune
	x, y    int
	rest    []byte // an incomplete character or sequence
	unknown []string
}

var (
	sequence   = regexp.MustCompile(`^\x1b\[([0-9;?]*)([A-Za-z])`)
	incomplete = regexp.MustCompile(`^\x1b(\[[0-9;?]*)?$`)
)

func (s *screen) write(p []byte) {
	s.rest = append(s.rest, p...)
	for len(s.rest) > 0 {
		switch m := sequence.FindSubmatch(s.rest); {
		case m != nil:
			s.control(string(m[1]), string(m[2]))
			s.rest = s.rest[len(m[0]):]
		case incomplete.Match(s.rest), !utf8.FullRune(s.rest):
			return
		default:
			r, n := utf8.DecodeRune(s.rest)
			s.put(r)
			s.rest = s.rest[n:]
		}
	}
}

// control executes a control sequence.
func (s *screen) control(parameter, command string) {
	n, err := strconv.Atoi(parameter)
	switch {
	case command == "m": // a colour
	case command == "A" && err == nil && n <= s.y:
		s.y -= n
	case command == "J" && parameter == "":
		s.row(s.y)
		s.rows = s.rows[:s.y+1]
		s.rows[s.y] = s.rows[s.y][:min(s.x, len(s.rows[s.y]))]
	default:
		s.unknown = append(s.unknown, fmt.Sprintf("ESC [ %s %s at line %d", parameter, command, s.y))
	}
}

// put shows a character at the cursor.
func (s *screen) put(r rune) {
	switch r {
	case '\r':
		s.x = 0
	case '\n':
		s.y++
	default:
		if r < ' ' {
			s.unknown = append(s.unknown, strconv.QuoteRune(r))
			return
		}
		s.row(s.y)
		for len(s.rows[s.y]) <= s.x {
			s.rows[s.y] = append(s.rows[s.y], ' ')
		}
		s.rows[s.y][s.x] = r
		s.x++
	}
}

// row makes sure that there is a row.
func (s *screen) row(y int) {
	for len(s.rows) <= y {
		s.rows = append(s.rows, nil)
	}
}

// lines returns the rows, without empty ones at the end.
func (s *screen) lines() []string {
	lines := make([]string, len(s.rows))
	for i, row := range s.rows {
		lines[i] = strings.TrimRight(string(row), " ")
	}
	for len(lines) > 0 && lines[len(lines)-1] == "" {
		lines = lines[:len(lines)-1]
	}
	return lines
}
