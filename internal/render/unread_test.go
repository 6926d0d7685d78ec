package render

import (
	"bytes"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/secretsync/secretsync/planner"
)

// Many accounts with long names of stores cannot push each other, or the changes, out of sight.
func TestUnreadFlood(t *testing.T) {
	p := &planner.Plan{Actions: []planner.Action{{Op: planner.OpDelete, Store: planner.StoreKey{Account: "real", Name: "prod"}, Secret: "victim"}}}
	for account := range 100 {
		for store := range 20 {
			p.Notes = append(p.Notes, planner.Note{Kind: planner.NoteAccountUnread, Store: planner.StoreKey{
				Account: planner.AccountID(fmt.Sprintf("%032x", account)), Name: fmt.Sprintf("%s\u202e%d", strings.Repeat("\n", 200), store),
			}})
		}
	}
	var markdown, github bytes.Buffer
	if err := PlanMarkdown(&markdown, p, PlanInfo{ID: "id", Manifest: "secretsync.yaml"}); err != nil {
		t.Fatal(err)
	}
	if err := PlanGitHub(&github, p, PlanInfo{}); err != nil {
		t.Fatal(err)
	}
	if n := utf8.RuneCountInString(markdown.String()); n > MaxMarkdown {
		t.Errorf("a comment of %d characters", n)
	}
	for _, want := range []string{
		"### secretsync: Incomplete: 100 accounts could not be read. Plan: 1 to delete; 0 unchanged.\n",
		"- account 00000000000000000000000000000000 could not be read; not in this plan: stores\n",
		"**Left out for lack of room: ", "\n- delete  victim",
	} {
		if !strings.Contains(markdown.String(), want) {
			t.Errorf("no %q in %.3000s", want, markdown.String())
		}
	}
	if strings.Contains(markdown.String(), "too long for a comment") {
		t.Error("an account is not named")
	}
	annotations := github.String()[:strings.Index(github.String(), "::group::")]
	if n := strings.Count(annotations, "::error "); n != 1 || !strings.Contains(annotations, "; and 97 accounts more\n") {
		t.Errorf("%d annotations: %s", n, annotations)
	}
	if !strings.Contains(annotations, "delete prod/victim") {
		t.Errorf("the deletion is not annotated: %s", annotations)
	}
}
