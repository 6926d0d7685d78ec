package render_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
)

// TestLongPlanID: recipes get the whole id, and people the part that they can copy.
func TestLongPlanID(t *testing.T) {
	whole := strings.Repeat("0123456789abcdef", 4)
	for _, tags := range []int{10, 11, 100} {
		id := whole + strings.Repeat("f", 32*tags)
		shown := id
		if tags > 10 {
			shown = whole
		}
		p, info := everything(), render.PlanInfo{ID: id, Manifest: "secretsync.yaml"}
		var text, markdown bytes.Buffer
		if err := errors.Join(render.Plan(&text, p, info, render.Style{}), render.PlanMarkdown(&markdown, p, info)); err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(text.String(), "\nPlan id: "+shown+"\n") {
			t.Errorf("%d tags: %s", tags, text.String())
		}
		if !strings.HasPrefix(markdown.String(), "<!-- secretsync-plan -->\n<!-- secretsync-plan-id "+id+" -->\n") ||
			!strings.Contains(markdown.String(), "plan id `"+shown+"`") {
			t.Errorf("%d tags: %s", tags, markdown.String())
		}
	}
	bad := everything()
	bad.Problems = []planner.Problem{{Kind: planner.ProblemQuota}}
	var markdown bytes.Buffer
	if err := render.PlanMarkdown(&markdown, bad, render.PlanInfo{ID: whole}); err != nil || strings.Contains(markdown.String(), "secretsync-plan-id") {
		t.Errorf("a plan with problems: %v %s", err, markdown.String())
	}
}
