// Package annotation shows texts at lines of files where GitHub and GitLab look for them: as
// workflow commands, and as findings of a code quality report.
package annotation

import (
	"fmt"
	"strings"

	"github.com/secretsync/secretsync/internal/visible"
	"github.com/secretsync/secretsync/planner"
)

// MaxMessages is how many errors, and how many warnings, GitHub keeps of a step
// (docs/findings.md §2).
const MaxMessages = 10

// Message is an annotation of GitHub.
type Message struct {
	Pos  planner.Position
	Text string
	Op   planner.Op // of a change
}

// Commands writes messages of one level as workflow commands. The last one summarises the messages
// that GitHub would drop, which among describes.
func Commands(level string, list []Message, among func(left []Message) string) (commands []string) {
	for i, m := range list {
		if i == MaxMessages-1 && len(list) > MaxMessages {
			return append(commands, fmt.Sprintf("::%s title=secretsync::and %d more, see the log%s", level, len(list)-i, among(list[i:])))
		}
		where := ""
		if m.Pos.File != "" {
			where = "file=" + escapeProperty(m.Pos.File)
			if m.Pos.Line > 0 {
				where += fmt.Sprintf(",line=%d,col=%d", m.Pos.Line, max(m.Pos.Column, 1))
			}
			where += ","
		}
		commands = append(commands, fmt.Sprintf("::%s %stitle=secretsync::%s", level, where, Escape(m.Text)))
	}
	return commands
}

// Escape keeps a text inside its workflow command.
func Escape(text string) string {
	return strings.NewReplacer("%", "%25", "\r", "%0D", "\n", "%0A").Replace(visible.Text(text))
}

func escapeProperty(text string) string {
	return strings.NewReplacer(":", "%3A", ",", "%2C").Replace(Escape(text))
}
