package render_test

import (
	"bytes"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/secretsync/secretsync/applier"
	"github.com/secretsync/secretsync/internal/render"
	"github.com/secretsync/secretsync/planner"
	"github.com/secretsync/secretsync/planner/planfile"
	"github.com/secretsync/secretsync/reconcile"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
	"pgregory.net/rapid"
)

func TestPlanMarkdown(t *testing.T) {
	large := many(897, planner.OpCreate)
	large.Actions = append(large.Actions, many(300, planner.OpDelete).Actions...)
	problem := everything()
	problem.Problems = []planner.Problem{{Kind: planner.ProblemTooManyDeletes, Count: 9, Limit: 5, Pos: at(1)}}
	for name, p := range map[string]*planner.Plan{
		"small.md": everything(), "large.md": large, "deletions.md": many(900, planner.OpDelete), "empty.md": {Unchanged: 3}, "problem.md": problem,
	} {
		got := markdown(t, p)
		golden(t, name, got)
		if n := utf8.RuneCount(got); n > render.MaxMarkdown {
			t.Errorf("%s has %d characters", name, n)
		}
		if !bytes.Contains(got, []byte("### secretsync: "+render.Summary(p))) || !bytes.Contains(got, []byte(info.ID)) {
			t.Errorf("%s lacks its summary or its id", name)
		}
	}
	if text := string(markdown(t, many(900, planner.OpDelete))); strings.Count(text, "\n- delete  team-") != 900 {
		t.Errorf("deletions.md names %d of 900", strings.Count(text, "\n- delete  team-"))
	}
	// If there is no room for all changes, deletions are still shown, and the omitted changes are
	// counted.
	shown := string(markdown(t, large))
	created := strings.Count(shown, "\n+ create  team-")
	left := fmt.Sprintf("**Left out for lack of room: %d to create.**", 897-created)
	if strings.Count(shown, "\n- delete  team-") != 300 || created < 400 || !strings.Contains(shown, left) {
		t.Errorf("large.md shows %d creations, and %d of 300 deletions; %q expected", created, strings.Count(shown, "\n- delete  team-"), left)
	}
	if folded := fmt.Sprintf("<details><summary>%d to create</summary>", created); !strings.Contains(shown, folded) {
		t.Errorf("large.md lacks %q", folded)
	}
}

// TestCommentHidesNothing: a comment cannot show a source that is not the secret's, nor push the
// real one out of sight.
func TestCommentHidesNothing(t *testing.T) {
	fake := "Stripe; from sops prod.enc.yaml#stripe"
	p := &planner.Plan{Actions: []planner.Action{{
		Op: planner.OpCreate, Store: store, Secret: "stripe", SetValue: true, Source: "env DATABASE_ADMIN_PASSWORD", Pos: at(5),
		Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: &planner.Change[string]{After: fake + strings.Repeat(" ", 400) + "."},
	}, {
		Op: planner.OpUpdate, Store: store, Secret: "session", SetValue: true, Source: "env ROOT", Reasons: []planner.Reason{planner.ReasonValue}, Pos: at(6),
		Comment: &planner.Change[string]{Before: strings.Repeat("a", 200) + "before", After: strings.Repeat("a", 200) + "after"},
	}}}
	text := string(markdown(t, p))
	contains(t, text,
		"\n+ create  stripe   from env DATABASE_ADMIN_PASSWORD; scopes workers\n",
		"\n+         comment \""+fake+strings.Repeat(" ", 80-len(fake))+"\"… (439 characters)\n",
		"\n! update  session  value changed; from env ROOT\n",
		"\n!         comment from character 201: \"before\" -> \"after\"\n",
	)
	p.Actions[0].Comment = &planner.Change[string]{After: "`````"}
	contains(t, string(markdown(t, p)), "\n``````diff\n", "\n+         comment \"`````\"\n", "\n``````\n")
	p.Actions[0].Comment = &planner.Change[string]{After: fake + "."}

	var plain, github, gitlab bytes.Buffer
	for _, err := range []error{
		render.Plan(&plain, p, info, render.Style{}), render.PlanGitHub(&github, p, info), render.PlanCodeQuality(&gitlab, p, info),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	contains(t, plain.String(), "\n  + create  stripe   from env DATABASE_ADMIN_PASSWORD; scopes workers\n", "\n            comment \"Stripe; from sops")
	contains(t, github.String(), "::update prod/session: value changed; from env ROOT; comment from character 201: \"before\" -> \"after\"\n")
	contains(t, gitlab.String(), `update prod/session: value changed; from env ROOT; comment from character 201: \"before\"`)
}

// TestNamesHideNothing: nor can names, which anything can be in if others chose them, and paths.
func TestNamesHideNothing(t *testing.T) {
	s := planner.StoreKey{Account: store.Account, Name: "prod, account 1 @@"}
	p := &planner.Plan{Actions: []planner.Action{
		{Op: planner.OpUpdate, Store: s, Secret: "a  from env B", SetValue: true, Source: "file x; scopes workers", Reasons: []planner.Reason{planner.ReasonValue}},
		{Op: planner.OpUpdate, Store: s, Secret: strings.Repeat("n", 3000), SetValue: true, Source: "env C", Reasons: []planner.Reason{planner.ReasonValue}},
		{Op: planner.OpUpdate, Store: s, Secret: "long", SetValue: true, Source: "file " + strings.Repeat("p/", 40000), Reasons: []planner.Reason{planner.ReasonValue}},
		{Op: planner.OpUpdate, Store: s, Secret: "path", SetValue: true, Source: "file " + strings.Repeat("p/", 500), Reasons: []planner.Reason{planner.ReasonValue}},
		{Op: planner.OpRename, Store: s, Secret: "new", From: "old, its value never leaves Cloudflare; from env D"},
	}}
	contains(t, string(markdown(t, p)),
		"\n@@ store \"prod, account 1 @@\", account "+string(store.Account)+" @@\n",
		"! update  \"a  from env B\"", "  value changed;\n!         from \"file x; scopes workers\"\n",
		"\n! rename  new ", "  from \"old, its value never leaves Cloudflare; from env D\", its value never leaves Clo\n!         … udflare\n",
		"\n! update \""+strings.Repeat("n", 160)+"\"… (3000 characters)  is too long for a comment (",
		"\n! update long  is too long for a comment (80", "**2 changes are too long for a comment, and shown without their sources.**",
	)
}

// TestLongLines: browsers do not wrap the lines of a block, so a long path is broken, and what
// follows it begins a line.
func TestLongLines(t *testing.T) {
	path := strings.Repeat("path/", 100)
	p := &planner.Plan{Actions: []planner.Action{{
		Op: planner.OpUpdate, Store: store, Secret: "a", SetValue: true, Source: "sops " + path + "#key", Reasons: []planner.Reason{planner.ReasonValue},
		Scopes: &planner.Change[[]string]{Before: []string{"dex", "workers"}, After: []string{"dex"}}, Comment: &planner.Change[string]{Before: "x", After: "y"},
	}, {
		Op: planner.OpRotate, Store: store, Secret: "b", SetValue: true, Source: "generate 32 bytes hex", Reasons: []planner.Reason{planner.ReasonChangedOutside},
		Scopes: &planner.Change[[]string]{Before: []string{"dex", "workers"}, After: []string{"dex"}},
	}}}
	text := string(markdown(t, p))
	contains(t, text, "\n! update  a  value changed;\n!         from sops path/", "\n!         … ", "#key; scopes dex,workers -> dex\n!         comment \"x\" -> \"y\"\n",
		"a new one is generated;\n!         from generate 32 bytes hex; scopes dex,workers -> dex\n")
	for _, line := range strings.Split(text, "\n") {
		if strings.HasPrefix(line, "! ") && utf8.RuneCountInString(line) > 105 {
			t.Errorf("%d characters: %s", utf8.RuneCountInString(line), line)
		}
	}
	if whole := strings.ReplaceAll(text, "\n!         … ", ""); !strings.Contains(whole, "from sops "+path+"#key;") {
		t.Errorf("the source is not complete:\n%s", whole)
	}
}

// TestTooLongHidesNothing: even an entry that is too long says what it breaks and which scopes are lost.
func TestTooLongHidesNothing(t *testing.T) {
	p := &planner.Plan{Actions: []planner.Action{{
		Op: planner.OpUpdate, Store: store, Secret: "a", SetValue: true, Source: "file " + strings.Repeat("p", 3000), Reasons: []planner.Reason{planner.ReasonValue},
		Scopes: &planner.Change[[]string]{Before: []string{"dex", "workers"}, After: []string{"dex"}},
	}}, Notes: []planner.Note{{Kind: planner.NoteBreaksWorker, Store: store, Secret: "a", Worker: "api", Pos: planner.Position{File: "wrangler.toml", Line: 3, Column: 1}}}}
	contains(t, string(markdown(t, p)), "\n! update a  is too long for a comment (", "\n!         breaks the Worker \"api\": wrangler.toml:3:1\n!         scopes dex,workers -> dex\n")
}

// TestBreaksCounted: a comment counts every change that breaks a Worker, including changes that it
// leaves out.
func TestBreaksCounted(t *testing.T) {
	p := many(2000, planner.OpDelete)
	for _, a := range p.Actions {
		p.Notes = append(p.Notes, planner.Note{Kind: planner.NoteBreaksWorker, Store: store, Secret: a.Secret, Worker: "api"})
	}
	contains(t, string(markdown(t, p)), "**2000 changes break a Worker.**", "**Left out for lack of room: ")
}

// TestTextFromRightToLeft: text that is displayed from right to left does not change places.
func TestTextFromRightToLeft(t *testing.T) {
	p := &planner.Plan{Actions: []planner.Action{
		{Op: planner.OpUpdate, Store: store, Secret: "a", Comment: &planner.Change[string]{Before: "\u05d0\u05d1", After: "\u05d2; from env X"}},
		{Op: planner.OpUpdate, Store: store, Secret: "b", Comment: &planner.Change[string]{Before: strings.Repeat("\u05d0", 90), After: "\u05d2"}},
	}}
	contains(t, string(markdown(t, p)),
		"\n! update  a  comment \"\u05d0\u05d1\", now \"\u05d2; from env X\"\n",
		"\n!         comment \""+strings.Repeat("\u05d0", 80)+"\"… (90 characters)\n!         now     \"\u05d2\"\n",
	)
}

func contains(t *testing.T, text string, wanted ...string) {
	t.Helper()
	for _, w := range wanted {
		if !strings.Contains(text, w) {
			t.Errorf("%q is missing in\n%s", w, text)
		}
	}
}

// flooded is a plan of some risky changes among many harmless ones, all with long comments.
func flooded(harmless int) *planner.Plan {
	long := &planner.Change[string]{After: strings.Repeat("All is well. ", 300)}
	p := &planner.Plan{}
	add := func(a planner.Action) {
		a.Store, a.Pos = store, at(5+len(p.Actions))
		p.Actions = append(p.Actions, a)
	}
	for i := range harmless {
		add(planner.Action{
			Op: planner.OpCreate, Secret: fmt.Sprintf("aaa-%03d", i), SetValue: true, Source: "env HARMLESS",
			Scopes: &planner.Change[[]string]{After: []string{"workers"}}, Comment: long,
		})
	}
	for i := range 12 {
		add(planner.Action{Op: planner.OpUpdate, Secret: fmt.Sprintf("sent-%02d", i), SetValue: true, Source: "env HARMFUL", Reasons: []planner.Reason{planner.ReasonValue}, Comment: long})
	}
	for i := range harmless {
		add(planner.Action{Op: planner.OpUpdate, Secret: fmt.Sprintf("bbb-%03d", i), Comment: long})
	}
	add(planner.Action{Op: planner.OpAdopt, Secret: "adopted", SetValue: true, Source: "env HARMFUL", Reasons: []planner.Reason{planner.ReasonAdopted}})
	add(planner.Action{Op: planner.OpUpdate, Secret: "scopeless", Scopes: &planner.Change[[]string]{Before: []string{"ai_gateway", "workers"}, After: []string{"ai_gateway"}}})
	add(planner.Action{Op: planner.OpRotate, Secret: "rotated", SetValue: true, Source: "generate 32 bytes hex", Reasons: []planner.Reason{planner.ReasonRotationDue}})
	add(planner.Action{Op: planner.OpUpdate, Secret: "bound", Scopes: &planner.Change[[]string]{Before: []string{"workers"}, After: []string{"dex"}}})
	p.Notes = []planner.Note{{Kind: planner.NoteBreaksWorker, Store: store, Secret: "bound", Worker: "api", Pos: planner.Position{File: "wrangler.toml", Line: 3, Column: 1}}}
	for i := range harmless {
		p.Notes = append(p.Notes, planner.Note{Kind: planner.NoteBindingsUnread, Pos: planner.Position{File: fmt.Sprintf("%0150d", i)}})
		p.Notes = append(p.Notes, planner.Note{Kind: planner.NoteBreaksWorker, Store: store, Secret: fmt.Sprintf("elsewhere-%d", i), Worker: "w"})
		p.Problems = append(p.Problems, planner.Problem{Kind: planner.ProblemConflict, Store: store, Secret: fmt.Sprintf("%0150d", i)})
	}
	return p
}

// TestHarmlessChangesHideNothing: however many there are, everything risky is in every report.
func TestHarmlessChangesHideNothing(t *testing.T) {
	risky := []string{
		"! update  bound      scopes workers -> dex\n!         breaks the Worker \"api\": wrangler.toml:3:1\n", "! rotate  rotated ", "! adopt   adopted ",
		"! update  scopeless  scopes ai_gateway,workers -> ai_gateway\n", "! update  sent-00 ", "! update  sent-11 ",
	}
	for _, harmless := range []int{40, 450} {
		text := string(markdown(t, flooded(harmless)))
		if n := utf8.RuneCountInString(text); n > render.MaxMarkdown {
			t.Errorf("%d characters", n)
		}
		last := 0
		for _, r := range risky {
			at := strings.Index(text, r)
			if at < last {
				t.Errorf("%q is missing, or not in its place", r)
			}
			last = at
		}
		left := "Left out for lack of room: "
		if harmless == 40 {
			if strings.Contains(text, left) {
				t.Error("something is left out")
			}
			continue
		}
		created, metadata := strings.Count(text, "\n+ create  aaa-"), strings.Count(text, "\n! update  bbb-")
		contains(t, text,
			fmt.Sprintf(left+"%d to create, %d to update.**", 450-created, 450-metadata),
			fmt.Sprintf(left+"%d more.**", 451-strings.Count(text, "- the Worker \"w\" binds prod/elsewhere-")),
			fmt.Sprintf(left+"%d more.**", 450-strings.Count(text, "of store \"prod\" already exists and")),
		)
		_, rest, _ := strings.Cut(text, "```diff\n")
		diff, notes, _ := strings.Cut(rest, "</details>")
		if len(diff) < render.MaxMarkdown*2/3 || len(notes) > render.MaxMarkdown/8 || utf8.RuneCountInString(text) < render.MaxMarkdown-2000 {
			t.Errorf("of %d characters, the changes have %d and the notes %d", utf8.RuneCountInString(text), len(diff), len(notes))
		}
	}

	var github, plain bytes.Buffer
	if err := render.PlanGitHub(&github, flooded(450), info); err != nil {
		t.Fatal(err)
	}
	warnings := linesWith(github.String(), "::warning ")
	for i, name := range []string{"bound", "rotated", "adopted", "scopeless", "sent-00", "sent-01", "sent-02", "sent-03", "sent-04"} {
		if !strings.Contains(warnings[i], "prod/"+name+": ") {
			t.Errorf("annotation %d is %s, want %s", i, warnings[i], name)
		}
	}
	if last := warnings[9]; len(warnings) != 10 || !strings.Contains(last, "more, see the log: 7 to update") {
		t.Errorf("%d annotations, the last %s", len(warnings), last)
	}
	if err := render.Plan(&plain, flooded(450), info, render.Style{}); err != nil {
		t.Fatal(err)
	}
	if at := strings.Index(plain.String(), "~ update  sent-11"); at < 0 || at > 3000 {
		t.Errorf("the risky changes end at %d", at)
	}
}

func linesWith(text, prefix string) []string {
	return slices.DeleteFunc(strings.Split(text, "\n"), func(line string) bool { return !strings.HasPrefix(line, prefix) })
}

// canary is in all foreign text of the tests below.
const canary = "EVIL"

// foreign generates text of others that tries to be more than text.
func foreign() *rapid.Generator[string] {
	piece := rapid.OneOf(rapid.StringN(0, 20, 80), rapid.SampledFrom([]string{
		"<img src=x onerror=alert(1)>", "-->", "<!-- secretsync-plan -->", "<script>", "](javascript:x)", "[x](https://evil.example)", "![x](y)", "@everyone",
		" @team/x ", "#1", "org/repo#2", "https://evil.example", "www.evil.example", "`", "``", "```", "~~~", "`x`", "| a | b |", "\n::set-output name=x::y", "##[command]x",
		"</code></pre></details>", "<details>", "\u202etxt", "&lt;b&gt;", "&#96;", "**bold**", "\r\n\r\n# heading", "\n```\n", "\n- item", "\n---\n", "    code", "\\", "\\`",
		"\u05d0\u05d1", "@@", "!", "+ create  x  from env X", strings.Repeat("`", 300), strings.Repeat("x ", 3000), strings.Repeat("`", 8000), "$x$", ":smile:", "a@b.example",
	}))
	return rapid.Custom(func(t *rapid.T) string {
		pieces := rapid.SliceOfN(piece, 0, 4).Draw(t, "pieces")
		return strings.Join(pieces, canary) + canary + strings.Join(rapid.SliceOfN(piece, 0, 2).Draw(t, "end"), "")
	})
}

// TestMarkdownOfForeignText: whatever names, paths and comments hold, the comment fits, and they
// are nothing but code in it.
func TestMarkdownOfForeignText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p, info := hostilePlan(t), render.PlanInfo{ID: info.ID, Manifest: foreign().Draw(t, "manifest")}
		var out bytes.Buffer
		if err := render.PlanMarkdown(&out, p, info); err != nil {
			t.Fatal(err)
		}
		onlyCode(t, out.Bytes())
		out.Reset()
		drift := []planner.Drift{
			{Kind: planner.DriftComment, Store: p.Actions[0].Store, Secret: p.Actions[0].Secret, Counts: true, Comment: p.Actions[2].Comment},
			{Kind: planner.DriftNotActive, Store: store, Secret: "a", Counts: true, Status: foreign().Draw(t, "status")},
			{Kind: planner.DriftUnmanaged, Store: store, Secret: p.Actions[1].Secret},
		}
		if err := render.DriftMarkdown(&out, drift, 3, render.Origin{}); err != nil {
			t.Fatal(err)
		}
		onlyCode(t, out.Bytes())
	})
}

func hostilePlan(t *rapid.T) *planner.Plan {
	p := everything()
	evil := func(label string) string { return foreign().Draw(t, label) }
	for i := range p.Actions {
		p.Actions[i].Secret, p.Actions[i].Source, p.Actions[i].From = evil("secret"), evil("source"), evil("from")
		p.Actions[i].SetValue = true
	}
	p.Actions[0].Store = planner.StoreKey{Account: planner.AccountID(evil("account")), Name: evil("store")}
	p.Actions[0].Scopes.After = []string{evil("scope")}
	p.Actions[2].Comment = &planner.Change[string]{Before: evil("before"), After: evil("after")}
	p.Notes[0].Worker, p.Notes[0].Pos.File = evil("worker"), evil("file")
	p.Notes[2].Secret = evil("noted")
	p.Problems = []planner.Problem{
		{Kind: planner.ProblemConflict, Store: store, Secret: evil("conflict"), Pos: planner.Position{File: evil("file"), Line: 1, Column: 1}},
		{Kind: planner.ProblemExternalScopes, Store: store, Secret: "x", Missing: []string{evil("missing")}},
	}
	return p
}

var dialect = goldmark.New(goldmark.WithExtensions(extension.GFM)).Parser()

// onlyCode fails the test unless a comment fits, and consists of our own headings, sentences and
// markup, and of code.
func onlyCode(t *rapid.T, comment []byte) {
	if n := utf8.RuneCount(comment); n > render.MaxMarkdown {
		t.Fatalf("%d characters", n)
	}
	ours := map[string]bool{"<!-- secretsync-plan -->\n": true, "<!-- secretsync-drift -->\n": true, "</details>\n": true}
	prose := ""
	err := ast.Walk(dialect.Parse(text.NewReader(comment)), func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Document, *ast.Heading, *ast.Paragraph, *ast.Emphasis:
		case *ast.CodeSpan:
			return ast.WalkSkipChildren, nil
		case *ast.FencedCodeBlock:
			checkBlock(t, string(n.Language(comment)), string(n.Lines().Value(comment)))
		case *ast.HTMLBlock:
			if html := string(n.Lines().Value(comment)); !ours[html] && !strings.HasPrefix(html, "<details><summary>") {
				t.Fatalf("HTML: %q", html)
			}
		case *ast.Text:
			prose += string(n.Value(comment)) + "\n"
		default:
			t.Fatalf("a %s in\n%s", n.Kind(), comment)
		}
		return ast.WalkContinue, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(prose, canary) || strings.ContainsAny(prose, "<>@\u202e") || strings.Contains(prose, "://") {
		t.Fatalf("outside of code: %s", prose)
	}
}

// checkBlock fails the test if foreign text begins a line.
func checkBlock(t *rapid.T, language, text string) {
	beginnings := map[string][]string{"diff": {"@@ store ", "+ ", "- ", "! "}, "text": {"- ", "  "}}[language]
	for line := range strings.Lines(text) {
		if !slices.ContainsFunc(beginnings, func(b string) bool { return strings.HasPrefix(line, b) }) {
			t.Fatalf("a line of a %s block: %q", language, line)
		}
	}
	if strings.ContainsAny(text, "\r\u202e") || strings.Contains(text, "##[") {
		t.Fatalf("not harmless: %q", text)
	}
}

// TestGitHubOfForeignText: foreign text cannot be a command to the runner.
func TestGitHubOfForeignText(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var out bytes.Buffer
		if err := render.PlanGitHub(&out, hostilePlan(t), info); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(out.String()) {
			if strings.HasPrefix(strings.TrimLeft(line, " "), "::") && !ourCommand.MatchString(line) || strings.Contains(line, "##[") {
				t.Fatalf("not a command of ours: %s", line)
			}
		}
	})
}

var ourCommand = regexp.MustCompile(`^::(error|warning|notice|group|endgroup)[ :]`)

// TestNamesOfAccounts: where stores of two accounts have one name, each report says which it is
// about.
func TestNamesOfAccounts(t *testing.T) {
	other := planner.StoreKey{Account: "fedcba9876543210fedcba9876543210", Name: store.Name}
	p := &planner.Plan{
		Actions:  []planner.Action{{Op: planner.OpDelete, Store: store, Secret: "a"}, {Op: planner.OpDelete, Store: other, Secret: "a"}},
		Notes:    []planner.Note{{Kind: planner.NoteUnmanaged, Store: other, Secret: "n"}, {Kind: planner.NoteBindingsUnread}},
		Problems: []planner.Problem{{Kind: planner.ProblemConflict, Store: other, Secret: "c"}, {Kind: planner.ProblemTooManyDeletes}},
	}
	account := " (account " + string(other.Account) + ")"
	contains(t, string(markdown(t, p)),
		"\n@@ store prod, account "+string(store.Account)+" @@\n- delete  a\n@@ store prod, account "+string(other.Account)+" @@\n- delete  a\n",
		`secret "c" of store "prod"`+account, "in prod"+account+" not managed")
	drift := []planner.Drift{{Kind: planner.DriftDeleted, Store: store, Secret: "a", Counts: true}, {Kind: planner.DriftDeleted, Store: other, Secret: "a", Counts: true}}
	var github, gitlab, driftGitHub, driftGitLab, driftMarkdown, difference bytes.Buffer
	for _, err := range []error{
		render.PlanGitHub(&github, p, info), render.PlanCodeQuality(&gitlab, p, info), render.DriftGitHub(&driftGitHub, drift, 2),
		render.DriftCodeQuality(&driftGitLab, drift, "secretsync.yaml"), render.DriftMarkdown(&driftMarkdown, drift, 2, render.Origin{}),
		render.Difference(&difference, planfile.Difference{Added: p.Actions}, render.Style{}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	contains(t, github.String(), "::delete prod/a"+account+"\n", `::secret "c" of store "prod"`+account)
	contains(t, gitlab.String(), "delete prod/a"+account, `"secret \"c\" of store \"prod\"`+account)
	contains(t, driftGitHub.String(), "::prod/a"+account+": deleted outside")
	contains(t, driftGitLab.String(), "prod/a"+account+": deleted outside")
	contains(t, driftMarkdown.String(), "\n@@ store prod, account "+string(other.Account)+" @@\n- a  deleted outside\n")
	contains(t, difference.String(), "not reviewed: delete prod/a"+account+"\n")
	contains(t, render.Progress(applier.Result{Action: p.Actions[1], Outcome: applier.Done}, render.PlanNames(p)), "deleted prod/a"+account)
	contains(t, render.Skipped([]reconcile.Skipped{{Action: p.Actions[1], Reason: reconcile.SkipNotNeeded}}, &planner.Plan{Actions: p.Actions[:1]})[0], "delete prod/a"+account)

	// One account needs no name.
	p.Actions, p.Notes, p.Problems = p.Actions[:1], nil, nil
	github.Reset()
	if err := render.PlanGitHub(&github, p, info); err != nil || strings.Contains(github.String(), "(account") {
		t.Errorf("%v %s", err, github.String())
	}
}

// TestDriftByRisk: deleted secrets come first, and findings that do not count as drift last.
func TestDriftByRisk(t *testing.T) {
	var drift []planner.Drift
	for i, kind := range slices.Concat(planner.DriftKinds, []planner.DriftKind{planner.DriftLagging, planner.DriftAccepted, planner.DriftActivated}) {
		drift = append(drift, planner.Drift{
			Kind: kind, Store: store, Secret: fmt.Sprintf("%s-%d", kind, i), Counts: i < len(planner.DriftKinds),
			Scopes: &planner.Change[[]string]{}, Comment: &planner.Change[string]{},
		})
	}
	slices.Reverse(drift)
	var out bytes.Buffer
	if err := render.Drift(&out, drift, 1, render.Style{}); err != nil {
		t.Fatal(err)
	}
	last := 0
	for _, kind := range []planner.DriftKind{
		planner.DriftStoreGone, planner.DriftDeleted, planner.DriftRecreated, planner.DriftChanged, planner.DriftScopes, planner.DriftInterrupted, planner.DriftNotActive,
		planner.DriftComment, planner.DriftUnmanaged, planner.DriftRotationOverdue, planner.DriftRetireOverdue, planner.DriftActivated, planner.DriftAccepted, planner.DriftLagging,
	} {
		at := strings.Index(out.String(), " "+string(kind)+"-")
		if at < last {
			t.Errorf("%s is missing or not in its place in\n%s", kind, out.String())
		}
		last = at
	}
}
