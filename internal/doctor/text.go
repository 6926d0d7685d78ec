package doctor

import (
	"fmt"
	"io"
	"strings"

	"github.com/secretsync/secretsync/internal/visible"
)

// Text writes the report for people: a line for each check, and what to do below it. paint may
// colour a status.
func (r *Report) Text(w io.Writer, paint func(Status) string) error {
	var b strings.Builder
	ok := 0
	for _, c := range r.Checks {
		if c.Status == OK {
			ok++
		}
		text := c.Message
		if c.Subject != "" && !strings.HasPrefix(c.Message, c.Subject) {
			text = c.Subject + ": " + c.Message
		}
		pad := strings.Repeat(" ", len(Skipped)-len(c.Status))
		fmt.Fprintf(&b, "%s%s  %-15s  %s\n", paint(c.Status), pad, c.Name, oneLine(text))
		if c.Hint != "" {
			fmt.Fprintf(&b, "%9s%s\n", "", oneLine("hint: "+c.Hint))
		}
	}
	fmt.Fprintf(&b, "\nok: %d, warnings: %d, errors: %d, skipped: %d\n", ok, r.Warnings, r.Errors, r.Skipped)
	_, err := io.WriteString(w, b.String())
	return err
}

// oneLine is text from elsewhere, harmless and without line breaks.
func oneLine(text string) string {
	return visible.Text(strings.Join(strings.Fields(text), " "))
}
