package progress

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/clipperhouse/displaywidth"

	"github.com/secretsync/secretsync/internal/render"
)

const (
	// appearAfter is how long something is under way before it is shown.
	appearAfter = 500 * time.Millisecond
	// stallAfter is after how long without any event it is said that nothing happens.
	stallAfter = 10 * time.Second
	// maxBar is the greatest width of a bar, and minBar the least that is worth it.
	maxBar, minBar = 40, 10
)

// stopping is what is shown once a run was interrupted.
const stopping = "stopping: requests under way are finished; Ctrl-C again ends at once"

// frame is what the live view shows, at most a number of lines of at most a width.
func (s *state) frame(now time.Time, width, lines int) []string {
	if s.idle(now) || now.Sub(s.busy) < appearAfter || s.asking() {
		return nil
	}
	var head, accounts, tail []string
	for _, p := range s.phases {
		head = append(head, p.line(now, width))
		accounts = append(accounts, p.accountLines()...)
	}
	for _, w := range s.waits {
		tail = append(tail, wrap(render.Waiting(w, wholeSeconds(w.Until.Sub(now)), s.several()), width)...)
	}
	if quiet := now.Sub(s.moved); len(s.waits) == 0 && quiet >= stallAfter {
		tail = append(tail, "no answer for "+clock(quiet))
	}
	if s.stopping {
		tail = append(tail, wrap(stopping, width)...)
	}
	accounts = limit(accounts, lines-len(head)-len(tail), "  and %d more accounts")
	all := limit(slices.Concat(head, accounts, tail), lines, "and %d more lines")
	for i, line := range all {
		all[i] = displaywidth.TruncateString(line, width, "…")
	}
	return all
}

// limit keeps the first lines, and says how many there are more.
func limit(lines []string, most int, more string) []string {
	switch {
	case len(lines) <= most:
		return lines
	case most <= 0:
		return nil
	}
	return append(lines[:most-1:most-1], fmt.Sprintf(more, len(lines)-most+1))
}

// wholeSeconds rounds up, so that a countdown ends with a second.
func wholeSeconds(d time.Duration) time.Duration {
	return (d + time.Second - 1).Truncate(time.Second)
}

// maxWrapped is the most lines of one wait.
const maxWrapped = 3

// wrap breaks a text into lines, of which all but the first are indented.
func wrap(text string, width int) []string {
	var lines []string
	for len(lines) < maxWrapped-1 && displaywidth.String(text) > width {
		head := displaywidth.TruncateString(text, width, "")
		if space := strings.LastIndexByte(head, ' '); space > width/2 {
			head = head[:space]
		}
		lines = append(lines, head)
		text = "  " + strings.TrimPrefix(text[len(head):], " ")
	}
	return append(lines, text)
}

// line is a phase in one line: its name, a bar, how much is done, and since when.
func (p *phase) line(now time.Time, width int) string {
	text, since := render.Phase(p.name), clock(now.Sub(p.began))
	if p.total == 0 {
		return text + "  " + since
	}
	counts := fmt.Sprintf("%*d of %d", len(fmt.Sprint(p.total)), p.done, p.total)
	bar := ""
	if room := min(maxBar, width-len(text)-len(counts)-len(since)-3*2); p.total > 1 && room >= minBar {
		bar = bars(room, p.done, p.total) + "  "
	}
	return text + "  " + bar + counts + "  " + since
}

// bars is a bar of a width.
func bars(width, done, total int) string {
	inner := width - 2
	full := min(inner, inner*done/total)
	tip := ""
	if full < inner {
		tip = ">"
	}
	return "[" + strings.Repeat("=", full) + tip + strings.Repeat("-", inner-full-len(tip)) + "]"
}

// accountLines lists the unfinished accounts, if there are several, those with the most left first.
func (p *phase) accountLines() []string {
	if len(p.accounts) < 2 {
		return nil
	}
	left := slices.DeleteFunc(slices.Clone(p.accounts), func(a *account) bool { return a.done >= a.total })
	slices.SortStableFunc(left, func(x, y *account) int { return cmp.Compare(y.total-y.done, x.total-x.done) })
	digits := len(fmt.Sprint(p.total))
	lines := make([]string, len(left))
	for i, a := range left {
		lines[i] = fmt.Sprintf("  account %s  %*d of %d", render.Safe(string(a.id)), digits, a.done, a.total)
	}
	return lines
}

// clock is a time as minutes and seconds.
func clock(d time.Duration) string {
	s := int(d / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%d:%02d", s/60, s%60)
}
