package annotation_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/secretsync/secretsync/internal/render/annotation"
	"github.com/secretsync/secretsync/planner"
)

// TestCommands: a message stays inside its workflow command, with its position as far as it is known.
func TestCommands(t *testing.T) {
	got := annotation.Commands("error", []annotation.Message{
		{Text: "100%\n::warning::forged"},
		{Text: "whole", Pos: planner.Position{File: "a,b:c.yaml"}},
		{Text: "line", Pos: planner.Position{File: "a.yaml", Line: 3}},
		{Text: "column", Pos: planner.Position{File: "a.yaml", Line: 3, Column: 5}},
	}, nil)
	want := []string{
		`::error title=secretsync::100%25\x0a::warning::forged`,
		"::error file=a%2Cb%3Ac.yaml,title=secretsync::whole",
		"::error file=a.yaml,line=3,col=1,title=secretsync::line",
		"::error file=a.yaml,line=3,col=5,title=secretsync::column",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestTooManyMessages: the last message that GitHub keeps counts the messages that it would drop.
func TestTooManyMessages(t *testing.T) {
	messages := make([]annotation.Message, annotation.MaxMessages)
	among := func(left []annotation.Message) string { return fmt.Sprintf(": %d of them", len(left)) }
	if got := annotation.Commands("warning", messages, among); got[len(got)-1] != "::warning title=secretsync::" {
		t.Errorf("as many as are kept: %q", got)
	}
	got := annotation.Commands("warning", append(messages, annotation.Message{}), among)
	if want := "::warning title=secretsync::and 2 more, see the log: 2 of them"; len(got) != annotation.MaxMessages || got[len(got)-1] != want {
		t.Errorf("%q, want %q at the end", got, want)
	}
}

// TestNumbered: findings that say the same of one file have different fingerprints, which stay the
// same from report to report.
func TestNumbered(t *testing.T) {
	report := func() []annotation.Finding {
		var list []annotation.Finding
		for line := range 3 {
			list = append(list, annotation.NewFinding("secretsync.yaml", "check", "minor", "the same", planner.Position{File: "a.yaml", Line: line}))
		}
		return annotation.Numbered(append(list, annotation.NewFinding("secretsync.yaml", "check", "minor", "the same", planner.Position{})))
	}
	first, prints := report(), map[string]bool{}
	for _, f := range first {
		prints[f.Fingerprint] = true
	}
	if len(prints) != len(first) || !slices.Equal(first, report()) {
		t.Errorf("%+v", first)
	}
	if at := first[3].Location; at.Path != "secretsync.yaml" || at.Lines.Begin != 1 {
		t.Errorf("without a position: %+v", at)
	}
}
